"""Ranking of checkpoints by votes (wins, losses, ties), and the pair that is worth comparing next."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from core.checkpoint_ref import CheckpointRef
from core.listening.candidates import Candidate, Sentence, candidates, comparable
from core.project.records import Vote
from core.project.workspace import Project


@dataclass(frozen=True)
class Row:
    """One checkpoint's record, with its run's title. ``share`` counts a tie as half a win; None before any vote."""

    checkpoint: CheckpointRef
    title: str
    wins: int
    losses: int
    ties: int
    share: float | None

    @property
    def votes(self) -> int:
        """How often it was heard against another."""
        return self.wins + self.losses + self.ties


@dataclass(frozen=True)
class Ranking:
    """The table, best first, and how far the comparison is: ``compared`` of ``pairs`` pairs have a vote."""

    rows: tuple[Row, ...]
    votes: int
    compared_pairs: int
    pairs: int


def wins(votes: Sequence[Vote], titles: dict[CheckpointRef, str]) -> list[Row]:
    """Wins, losses and ties of the checkpoints in ``titles`` (each with its run's), best first."""
    counts: Counter[tuple[CheckpointRef, str]] = Counter()
    for vote in votes:
        for ref, side in ((vote.left, "left"), (vote.right, "right")):
            counts[ref, "tie" if vote.choice == "same" else "win" if vote.choice == side else "loss"] += 1
    rows = []
    for ref, title in titles.items():
        win_count, loss_count, tie_count = (counts[ref, result] for result in ("win", "loss", "tie"))
        rows.append(Row(ref, title, win_count, loss_count, tie_count, _share(win_count, loss_count, tie_count)))
    return sorted(rows, key=lambda row: (-1.0 if row.share is None else row.share, row.votes), reverse=True)


def table(project: Project) -> Ranking:
    """The table of a project, with candidates that nobody has heard yet at the end."""
    pool = candidates(project)
    titles = {candidate.checkpoint: candidate.run_title for candidate in pool}
    votes = [vote for vote in project.store.votes() if vote.left in titles and vote.right in titles]
    compared_pairs = {frozenset((vote.left, vote.right)) for vote in votes}
    pairs = sum(1 for a, b in itertools.combinations(pool, 2) if comparable(a, b))
    return Ranking(tuple(wins(votes, titles)), len(votes), len(compared_pairs), pairs)


def suggest(
    pool: Sequence[Candidate],
    votes: Sequence[Vote],
    chance: random.Random,
    must: frozenset[CheckpointRef] = frozenset(),
) -> tuple[Candidate, Candidate, Sentence] | None:
    """The pair with the fewest votes, then with the candidates heard least; chance decides between equals.

    Args:
        pool: what can be compared.
        votes: all votes so far.
        chance: where equals are drawn from.
        must: what has to be in the pair.

    Returns:
        Two candidates (in no meaningful order) and a sentence, or None if no two can be compared.
    """
    of_pair = Counter(frozenset((vote.left, vote.right)) for vote in votes)
    of_each = Counter(checkpoint for vote in votes for checkpoint in (vote.left, vote.right))
    possible = [
        (a, b, common)
        for a, b in itertools.combinations(pool, 2)
        if must <= {a.checkpoint, b.checkpoint} and (common := comparable(a, b))
    ]
    if not possible:
        return None
    left, right, common = min(
        possible,
        key=lambda option: (
            of_pair[frozenset((option[0].checkpoint, option[1].checkpoint))],
            of_each[option[0].checkpoint] + of_each[option[1].checkpoint],
            chance.random(),
        ),
    )
    return left, right, _least_heard(left, right, common, votes, chance)


def _least_heard(
    left: Candidate, right: Candidate, common: Sequence[Sentence], votes: Sequence[Vote], chance: random.Random
) -> Sentence:
    """The sentence on which these two were compared least often."""
    refs = {left.checkpoint, right.checkpoint}
    vote_counts = Counter(vote.sentence for vote in votes if {vote.left, vote.right} == refs)
    return min(common, key=lambda sentence: (vote_counts[sentence.text], chance.random()))


def _share(win_count: int, loss_count: int, tie_count: int) -> float | None:
    votes = win_count + loss_count + tie_count
    return (win_count + tie_count / 2) / votes if votes else None
