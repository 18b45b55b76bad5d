"""Listeners and the hidden checks that tell who listens: the same sound twice, and the real recording.

Now and then a pair is a check: both sides are the same sound, or one of them is what the speaker really said. Nobody
knows which pairs these are before the vote. Their answers are held against two suppositions: a listener who attends,
and one who does not (guesses, or gives the same answer whatever is heard). Check votes never count in the ranking.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.files import read_json, write_json
from core.listening.candidates import REAL
from core.project.records import Vote
from core.project.workspace import Project

SAME, REAL_VOICE = "same", "real"
LEFT_OUT = 0.8  # probability of not attending from which a listener's votes are left out
MIN_CHECKS = 4  # before anybody is left out
MOST_BETWEEN = 6  # a check comes after at most so many other pairs, and
LEAST_BETWEEN = 2  # after at least so many
_CARELESS = 0.2  # of listeners, before any check
# How often one who attends answers so: where there is no difference, and where one side is the real recording.
_NO_DIFFERENCE_HEARD = 0.8
_REAL_PREFERRED, _REAL_OR_NOT = 0.74, 0.13
# Ways of not attending, each with its share: guessing, and one answer nine times in ten.
_STUBBORN = 0.9
_WAYS = ((0.4, None), (0.2, "left"), (0.2, "right"), (0.2, "same"))
_TRUSTED = "trusted.json"


@dataclass(frozen=True)
class Listener:
    """One listener's record. ``votes`` are those on checkpoints; ``careless`` is the probability of not attending.

    Of ``same`` checks with the same sound twice ``same_passed`` were answered "no difference"; of ``real`` with the
    real recording, ``real_passed`` preferred that. ``trusted``: a person has said that these votes count anyhow.
    """

    name: str
    votes: int
    same: int
    same_passed: int
    real: int
    real_passed: int
    careless: float
    trusted: bool = False

    @property
    def is_left_out(self) -> bool:
        """Whether the checks failed so that the votes don't count."""
        return not self.trusted and self.same + self.real >= MIN_CHECKS and self.careless >= LEFT_OUT


def check_of(vote: Vote) -> str:
    """``same``, ``real``, or empty for a vote on two checkpoints."""
    if vote.left == vote.right:
        return SAME
    return REAL_VOICE if REAL in (vote.left, vote.right) else ""


def passed(vote: Vote) -> bool:
    """Whether a check was answered as one who attends most likely would."""
    return vote.choice == _best_answer(vote)


def listeners(votes: Iterable[Vote], trusted_ids: Iterable[str] = ()) -> list[Listener]:
    """Everybody who voted, those with the most votes first."""
    by_name: dict[str, list[Vote]] = {}
    for vote in votes:
        by_name.setdefault(vote.listener, []).append(vote)
    names = set(trusted_ids)
    result = [_listener(name, own, name in names) for name, own in by_name.items()]
    return sorted(result, key=lambda listener: (-listener.votes, listener.name))


def counted(votes: Sequence[Vote], trusted_ids: Iterable[str] = ()) -> list[Vote]:
    """Votes on checkpoints, without those of listeners who are left out."""
    left_out = {listener.name for listener in listeners(votes, trusted_ids) if listener.is_left_out}
    return [vote for vote in votes if not check_of(vote) and vote.listener not in left_out]


def due_check(kinds: Sequence[str], chance: random.Random, has_real: bool) -> str:
    """Which check comes next for a listener, or empty: the longer there was none, the sooner, but never foreseeable.

    Args:
        kinds: `check_of` of what this listener has had so far, in order.
        chance: where it is drawn.
        has_real: whether there is a real recording to be heard.
    """
    since = next((count for count, kind in enumerate(reversed(kinds)) if kind), len(kinds))
    if chance.random() >= (since + 1 - LEAST_BETWEEN) / (MOST_BETWEEN + 1 - LEAST_BETWEEN):
        return ""
    if not has_real:
        return SAME
    counts = {kind: sum(1 for check in kinds if check == kind) for kind in (SAME, REAL_VOICE)}
    return min(counts, key=lambda kind: (counts[kind], chance.random()))


def trusted_names(project: Project) -> list[str]:
    """Listeners whose votes a person wants counted whatever the checks say."""
    try:
        return [str(name) for name in read_json(project.path / "listening" / _TRUSTED)["listeners"]]
    except (OSError, ValueError, LookupError, TypeError):
        return []


def trust(project: Project, name: str, *, on: bool = True) -> None:
    """Count a listener's votes whatever the checks say, or no longer."""
    names = [trusted_name for trusted_name in trusted_names(project) if trusted_name != name] + ([name] if on else [])
    write_json(project.path / "listening" / _TRUSTED, {"listeners": names})


def careless_probability(checks: Sequence[Vote]) -> float:
    """Probability that whoever gave these answers to checks did not attend, by Bayes' rule."""
    attentive = math.log(1 - _CARELESS) + sum(math.log(_attentive(vote)) for vote in checks)
    ways = [
        math.log(_CARELESS * share) + sum(math.log(_careless(vote.choice, answer)) for vote in checks)
        for share, answer in _WAYS
    ]
    limit = max(attentive, *ways)
    weights = sum(math.exp(way - limit) for way in ways)
    return weights / (weights + math.exp(attentive - limit))


def _listener(name: str, votes: Sequence[Vote], is_trusted: bool) -> Listener:
    checks = [vote for vote in votes if check_of(vote)]
    same, real = ([vote for vote in checks if check_of(vote) == kind] for kind in (SAME, REAL_VOICE))
    return Listener(
        name=name,
        votes=len(votes) - len(checks),
        same=len(same),
        same_passed=sum(map(passed, same)),
        real=len(real),
        real_passed=sum(map(passed, real)),
        careless=careless_probability(checks),
        trusted=is_trusted,
    )


def _best_answer(vote: Vote) -> str:
    if check_of(vote) == SAME:
        return "same"
    return "left" if vote.left == REAL else "right"


def _attentive(vote: Vote) -> float:
    if check_of(vote) == SAME:
        return _NO_DIFFERENCE_HEARD if passed(vote) else (1 - _NO_DIFFERENCE_HEARD) / 2
    return _REAL_PREFERRED if passed(vote) else _REAL_OR_NOT


def _careless(choice: str, answer: str | None) -> float:
    if answer is None:
        return 1 / 3
    return _STUBBORN if choice == answer else (1 - _STUBBORN) / 2
