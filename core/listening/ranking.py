"""From votes to a table of wins, and to the pair that is worth hearing next."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from core.listening.candidates import Candidate, Sentence, candidates, comparable
from core.records import Vote
from core.workspace import Project


@dataclass(frozen=True)
class Row:
    """One candidate's record. ``share`` counts a tie as half a win; None before the first vote."""

    name: str
    label: str
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
    compared: int
    pairs: int


def wins(votes: Sequence[Vote], labels: dict[str, str] | None = None) -> list[Row]:
    """Wins, losses and ties of everything voted on, or of everything in ``labels`` (name to label), best first."""
    won: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    tied: Counter[str] = Counter()
    for vote in votes:
        if vote.choice == "same":
            tied.update((vote.left, vote.right))
        else:
            left_won = vote.choice == "left"
            won[vote.left if left_won else vote.right] += 1
            lost[vote.right if left_won else vote.left] += 1
    names = labels or {name: name for name in sorted({*won, *lost, *tied})}
    rows = [
        Row(name, label, won[name], lost[name], tied[name], _share(won[name], lost[name], tied[name]))
        for name, label in names.items()
    ]
    return sorted(rows, key=lambda row: (-1.0 if row.share is None else row.share, row.votes), reverse=True)


def table(project: Project, run_id: str = "") -> Ranking:
    """The table of a project, or of one run, with candidates that nobody has heard yet at the end."""
    known = candidates(project, run_id)
    labels = {one.name: one.label for one in known}
    votes = [vote for vote in project.store.votes() if vote.left in labels and vote.right in labels]
    heard = {frozenset((vote.left, vote.right)) for vote in votes}
    pairs = sum(1 for a, b in itertools.combinations(known, 2) if comparable(a, b))
    return Ranking(tuple(wins(votes, labels) if labels else ()), len(votes), len(heard), pairs)


def suggest(
    known: Sequence[Candidate],
    votes: Sequence[Vote],
    chance: random.Random,
    must: frozenset[str] = frozenset(),
) -> tuple[Candidate, Candidate, Sentence] | None:
    """The pair with the fewest votes, then with the candidates heard least; chance decides between equals.

    Args:
        known: what can be compared.
        votes: all votes so far.
        chance: where equals are drawn from.
        must: names that have to be in the pair.

    Returns:
        Two candidates (in no meaningful order) and a sentence, or None if no two can be compared.
    """
    of_pair: Counter[frozenset[str]] = Counter(frozenset((vote.left, vote.right)) for vote in votes)
    of_one: Counter[str] = Counter(name for vote in votes for name in (vote.left, vote.right))
    possible = [
        (a, b, shared)
        for a, b in itertools.combinations(known, 2)
        if must <= {a.name, b.name} and (shared := comparable(a, b))
    ]
    if not possible:
        return None
    left, right, shared = min(
        possible,
        key=lambda one: (
            of_pair[frozenset((one[0].name, one[1].name))],
            of_one[one[0].name] + of_one[one[1].name],
            chance.random(),
        ),
    )
    return left, right, _least_heard(left, right, shared, votes, chance)


def _least_heard(
    left: Candidate, right: Candidate, shared: Sequence[Sentence], votes: Sequence[Vote], chance: random.Random
) -> Sentence:
    """The sentence on which these two were compared least often."""
    names = {left.name, right.name}
    heard = Counter(vote.sentence for vote in votes if {vote.left, vote.right} == names)
    return min(shared, key=lambda sentence: (heard[sentence.text], chance.random()))


def _share(won: int, lost: int, tied: int) -> float | None:
    votes = won + lost + tied
    return (won + tied / 2) / votes if votes else None
