"""Ranking of checkpoints by votes: how good each is, how sure that is, and the pair that teaches most next."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from core.checkpoint_ref import CheckpointRef
from core.listening.candidates import Candidate, Sentence, candidates, comparable
from core.listening.listeners import counted, trusted_names
from core.listening.strength import Comparison, Strengths, gain, strengths, votes_to_decide
from core.project.records import Vote
from core.project.workspace import Project

_PREFERRED = {"left": "first", "right": "second", "same": "tie"}


@dataclass(frozen=True)
class Row:
    """One checkpoint's record, with its run's title.

    ``share`` is what it would win against the middle of all (0 to 1, a tie is half a win), with 95 % between ``low``
    and ``high``; ``best`` is its chance to be the best of all.
    """

    checkpoint: CheckpointRef
    title: str
    wins: int
    losses: int
    ties: int
    share: float
    low: float
    high: float
    best: float

    @property
    def votes(self) -> int:
        """How often it was heard against another."""
        return self.wins + self.losses + self.ties


@dataclass(frozen=True)
class RunVotes:
    """How often a run's checkpoints were preferred, of how often they were heard against the base or another run."""

    wins: int = 0
    count: int = 0


@dataclass(frozen=True)
class Ranking:
    """The table, those first that are good for sure, and how far the comparison is.

    ``compared_pairs`` of ``pairs`` pairs have a vote. ``winner`` is the best with 95 %; while there is none, about
    ``votes_left`` more votes will tell, or None where the first two are too alike for that.
    """

    rows: tuple[Row, ...]
    votes: int
    compared_pairs: int
    pairs: int
    winner: CheckpointRef | None
    votes_left: int | None


def table(project: Project, pool: Sequence[Candidate] | None = None, votes: Sequence[Vote] | None = None) -> Ranking:
    """The table of a project, with candidates that nobody has heard yet as well.

    ``pool`` and ``votes`` are all `candidates` and votes, where they are known.
    """
    pool = candidates(project) if pool is None else pool
    decisive = counted(project.store.votes() if votes is None else votes, trusted_names(project))
    compared_pairs = {frozenset((vote.left, vote.right)) for vote in _of_pool(pool, decisive)}
    pairs = sum(1 for a, b in itertools.combinations(pool, 2) if comparable(a, b))
    return ranking(pool, decisive, len(compared_pairs), pairs)


def run_votes(project: Project) -> dict[str, RunVotes]:
    """What was preferred, by run; counted anew only when something has changed. Cheap beside a `table`."""
    trusted_ids = tuple(trusted_names(project))
    return project.figures.kept_while_unchanged(
        "run_votes", lambda: _run_votes(counted(project.store.votes(), trusted_ids)), trusted_ids
    )


def _run_votes(votes: Sequence[Vote]) -> dict[str, RunVotes]:
    counts: dict[str, RunVotes] = {}
    for vote in votes:
        # A base voice is nobody's, and a run that was heard against itself neither won nor lost.
        left, right = (ref.run_id if ref.step else "" for ref in (vote.left, vote.right))
        if left == right:
            continue
        for run_id, side in ((left, "left"), (right, "right")):
            last = counts.get(run_id, RunVotes())
            counts[run_id] = RunVotes(last.wins + (vote.choice == side), last.count + 1)
    return counts


def ranking(pool: Sequence[Candidate], votes: Sequence[Vote], compared_pairs: int = 0, pairs: int = 0) -> Ranking:
    """How the candidates stand by these votes; votes on others are left out."""
    votes = _of_pool(pool, votes)
    places, state = _state(pool, votes)
    counts: Counter[tuple[CheckpointRef, str]] = Counter()
    for vote in votes:
        for ref, side in ((vote.left, "left"), (vote.right, "right")):
            counts[ref, "tie" if vote.choice == "same" else "win" if vote.choice == side else "loss"] += 1
    rows = []
    for candidate in pool:
        ref, place = candidate.checkpoint, places[candidate.checkpoint]
        share, low, high = (state.share(float(strength[place])) for strength in (state.mean, state.low, state.high))
        wins, losses, ties = (counts[ref, result] for result in ("win", "loss", "tie"))
        best = float(state.best[place])
        rows.append(Row(ref, candidate.run_title, wins, losses, ties, share, low, high, best))
    rows.sort(key=lambda row: (row.low, row.votes), reverse=True)
    is_decided = bool(votes) and state.decided
    winner = max(rows, key=lambda row: row.best).checkpoint if is_decided else None
    return Ranking(tuple(rows), len(votes), compared_pairs, pairs, winner, votes_to_decide(state))


def suggest(
    pool: Sequence[Candidate],
    votes: Sequence[Vote],
    chance: random.Random,
    must: frozenset[CheckpointRef] = frozenset(),
) -> tuple[Candidate, Candidate, Sentence] | None:
    """The pair whose vote teaches most about who is the best; chance decides between equals.

    Args:
        pool: what can be compared.
        votes: all votes so far.
        chance: where equals are drawn from.
        must: what has to be in the pair.

    Returns:
        Two candidates (in no meaningful order) and a sentence, or None if no two can be compared.
    """
    possible = [
        (a, b, common)
        for a, b in itertools.combinations(pool, 2)
        if must <= {a.checkpoint, b.checkpoint} and (common := comparable(a, b))
    ]
    if not possible:
        return None
    places, state = _state(pool, _of_pool(pool, votes))
    gains = {(a.checkpoint, b.checkpoint): gain(state, *(places[c.checkpoint] for c in (a, b))) for a, b, _ in possible}
    highest = max(gains.values())
    left, right, common = chance.choice(
        [option for option in possible if gains[option[0].checkpoint, option[1].checkpoint] >= highest * (1 - 1e-6)]
    )
    return left, right, _least_heard(left, right, common, votes, chance)


def _of_pool(pool: Sequence[Candidate], votes: Sequence[Vote]) -> list[Vote]:
    refs = {candidate.checkpoint for candidate in pool}
    return [vote for vote in votes if vote.left in refs and vote.right in refs]


def _state(pool: Sequence[Candidate], votes: Sequence[Vote]) -> tuple[dict[CheckpointRef, int], Strengths]:
    """Where each candidate stands among the strengths, and these. Base voices of one condition are one voice."""
    voices: dict[tuple[object, ...], int] = {}
    places = {}
    for candidate in pool:
        ref = candidate.checkpoint
        voice = candidate.condition if ref.step == 0 else (ref,)
        places[ref] = voices.setdefault(voice, len(voices))
    comparisons = [Comparison(places[vote.left], places[vote.right], _PREFERRED[vote.choice]) for vote in votes]
    return places, strengths(len(voices), [entry for entry in comparisons if entry.first != entry.second])


def _least_heard(
    left: Candidate, right: Candidate, common: Sequence[Sentence], votes: Sequence[Vote], chance: random.Random
) -> Sentence:
    """The sentence on which these two were compared least often."""
    refs = {left.checkpoint, right.checkpoint}
    vote_counts = Counter(vote.sentence for vote in votes if {vote.left, vote.right} == refs)
    return min(common, key=lambda sentence: (vote_counts[sentence.text], chance.random()))
