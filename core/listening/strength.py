"""How good candidates are by votes: a Bradley-Terry model with ties, and how sure it is.

Davidson's extension (1970) of Bradley and Terry (1952): with strengths ``s`` and a tie rate ``t``, the first of two is
preferred with a chance proportional to ``exp(s1)``, the second to ``exp(s2)``, neither to ``t * exp((s1 + s2) / 2)``.
Strengths have a normal prior, so that a candidate with few votes stays near the middle; what the votes leave open is
the normal distribution around the most likely strengths (Laplace's approximation).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

DECIDED = 0.95  # chance to be the best
MOST_VOTES = 100  # that anybody is asked for
_DECIDED_DEVIATIONS = 1.645  # of a difference that is above 0 with that chance
_SPREAD = 1.2  # standard deviation of strengths before any vote: one beats another in about three of four pairs
_TIE_RATE = 0.5  # before any vote: about one pair in five
_TIE_SPREAD = 1.0
_DRAWS = 4_000
_STEPS = 50
_SEED = 1  # of the draws: the same votes give the same figures


@dataclass(frozen=True)
class Comparison:
    """Two candidates by their numbers, and who was preferred: ``first``, ``second`` or ``tie``."""

    first: int
    second: int
    preferred: str


@dataclass(frozen=True)
class Strengths:
    """What the votes say of each candidate.

    Attributes:
        mean: strengths in log-odds, shape ``(candidates,)``; their middle is 0.
        low, high: ends of the interval that holds a strength with 95 %, same shape.
        best: chance of each to be the best, same shape; they add up to 1.
        tie_rate: Davidson's.
        covariance: of the strengths, shape ``(candidates, candidates)``.
    """

    mean: Floats
    low: Floats
    high: Floats
    best: Floats
    tie_rate: float
    covariance: Floats

    @property
    def decided(self) -> bool:
        """Whether one candidate is the best with 95 %."""
        return bool(self.best.size) and float(self.best.max()) >= DECIDED

    def spread(self, first: int, second: int) -> float:
        """Variance of the difference of two strengths."""
        of = self.covariance
        return float(of[first, first] + of[second, second] - 2 * of[first, second])

    def chance(self, first: int, second: int) -> tuple[float, float, float]:
        """Chances that the first, neither or the second of two is preferred in the next vote."""
        win, tie, loss = _chances(self.mean[first] - self.mean[second], self.tie_rate)
        return float(win), float(tie), float(loss)

    def share(self, strength: float) -> float:
        """What somebody of this strength would win against the middle of all, from 0 to 1; a tie is half a win."""
        win, tie, _ = _chances(strength, self.tie_rate)
        return float(win + tie / 2)


def strengths(count: int, comparisons: Sequence[Comparison]) -> Strengths:
    """Strengths of ``count`` candidates from what was preferred.

    Returns:
        Without a comparison everybody is equal. The arrays must not be changed: they are kept for the next call.
    """
    return _estimate(count, tuple(comparisons))


@functools.lru_cache(maxsize=16)
def _estimate(count: int, comparisons: tuple[Comparison, ...]) -> Strengths:
    # The same votes are asked for by the ranking, the scorecard and the next pair, within one click.
    if not count:
        empty = np.zeros(0)
        return Strengths(empty, empty, empty, empty, _TIE_RATE, np.zeros((0, 0)))
    first = np.array([item.first for item in comparisons], dtype=np.intp)
    second = np.array([item.second for item in comparisons], dtype=np.intp)
    # In units of a strength's own log-odds: 1 won, 0 lost, a tie in the middle.
    outcome = np.array([{"first": 1.0, "second": 0.0, "tie": 0.5}[item.preferred] for item in comparisons])
    is_tie = outcome == 0.5
    estimate = np.zeros(count + 1)
    estimate[-1] = np.log(_TIE_RATE)
    precision = np.append(np.full(count, _SPREAD**-2), _TIE_SPREAD**-2)
    middle = np.append(np.zeros(count), np.log(_TIE_RATE))
    for _ in range(_STEPS):
        gradient, information = _derivatives(estimate, first, second, outcome, is_tie)
        information[np.diag_indices(count + 1)] += precision
        step = np.linalg.solve(information, gradient - precision * (estimate - middle))
        estimate += step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-9:
            break
    _, information = _derivatives(estimate, first, second, outcome, is_tie)
    information[np.diag_indices(count + 1)] += precision
    inverse = np.linalg.inv(information)[:count, :count]
    # Only differences are observed: told against the middle of all.
    projection = np.eye(count) - 1.0 / count
    mean: Floats = projection @ estimate[:count]
    covariance: Floats = np.asarray(projection @ inverse @ projection, dtype=np.float64)
    deviation = 1.96 * np.sqrt(np.maximum(np.diag(covariance), 0.0))
    return Strengths(
        mean,
        mean - deviation,
        mean + deviation,
        _chance_to_be_best(mean, covariance),
        float(np.exp(estimate[-1])),
        covariance,
    )


def votes_to_decide(state: Strengths) -> int | None:
    """About how many more votes on the two that are ahead will tell which of them is the best.

    Returns:
        0 if it is decided; None where both are so alike that `MOST_VOTES` would not do.
    """
    if state.decided or state.best.size < 2:
        return 0
    second, first = (int(number) for number in np.argsort(state.mean)[-2:])
    spread = state.spread(first, second)
    # As large as it may well be: after a few votes two that seem alike need not be so.
    difference = float(np.hypot(state.mean[first] - state.mean[second], np.sqrt(spread)))
    win, _, loss = state.chance(first, second)
    information = (win + loss - (win - loss) ** 2) / 4  # of a vote, on the difference
    votes_needed = (_DECIDED_DEVIATIONS / difference) ** 2 - 1 / spread
    votes = int(np.ceil(max(votes_needed / information, 1.0)))
    return votes if votes <= MOST_VOTES else None


def gain(state: Strengths, first: int, second: int) -> float:
    """How much a vote on two candidates teaches about who is the best, to be compared with other pairs'.

    It teaches where its result is open (the variance of the outcome), where the difference is unknown (the variance of
    the difference), and as far as one of the two may be the best.
    """
    win, _, loss = state.chance(first, second)
    openness = win + loss - (win - loss) ** 2
    return float((state.best[first] + state.best[second]) * openness * state.spread(first, second))


def _derivatives(
    estimate: Floats,
    first: npt.NDArray[np.intp],
    second: npt.NDArray[np.intp],
    outcome: Floats,
    is_tie: npt.NDArray[np.bool_],
) -> tuple[Floats, Floats]:
    """Gradient and information (minus the second derivatives) of the log-likelihood; the log tie rate comes last."""
    count = estimate.size - 1
    gradient, information = np.zeros(count + 1), np.zeros((count + 1, count + 1))
    if not first.size:
        return gradient, information
    win, tie, loss = _chances(estimate[first] - estimate[second], float(np.exp(estimate[-1])))
    surprise = outcome - (win + tie / 2)
    np.add.at(gradient, first, surprise)
    np.add.at(gradient, second, -surprise)
    gradient[-1] = float((is_tie - tie).sum())
    # Variances of the outcome and of a tie, and what they share: an exponential family's information.
    variance = win + tie / 4 - (win + tie / 2) ** 2
    cross = tie / 2 - tie * (win + tie / 2)
    for row, column, sign in ((first, first, 1), (second, second, 1), (first, second, -1), (second, first, -1)):
        np.add.at(information, (row, column), sign * variance)
    for index, sign in ((first, 1), (second, -1)):
        np.add.at(information[:, -1], index, sign * cross)
        np.add.at(information[-1], index, sign * cross)
    information[-1, -1] = float((tie * (1 - tie)).sum())
    return gradient, information


def _chances(difference: Floats | float, tie_rate: float) -> tuple[Floats, Floats, Floats]:
    half = np.clip(np.asarray(difference) / 2, -350, 350)
    win, loss = np.exp(half), np.exp(-half)
    total = win + loss + tie_rate
    return win / total, tie_rate / total, loss / total


def _chance_to_be_best(mean: Floats, covariance: Floats) -> Floats:
    draws = np.random.default_rng(_SEED).multivariate_normal(mean, covariance, _DRAWS, method="svd")
    return np.bincount(draws.argmax(axis=1), minlength=mean.size) / _DRAWS
