"""Estimates with intervals: means over sentences and paired differences, by the bootstrap (Efron 1979)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

_DRAWS = 1_000
_SEED = 1  # the same numbers have the same interval
_PERCENTILES = (2.5, 97.5)
_FEW = 3  # fewer sentences tell nothing of how far they scatter


@dataclass(frozen=True)
class Estimate:
    """A mean over ``count`` sentences, the interval that holds it with 95 %, and its standard error."""

    mean: float
    low: float
    high: float
    count: int
    error: float = 0.0

    @property
    def surely_above(self) -> bool:
        """Whether, of a difference, all of the interval is above nothing."""
        return self.count >= _FEW and self.low > 0

    @property
    def surely_below(self) -> bool:
        """Whether all of it is below nothing."""
        return self.count >= _FEW and self.high < 0

    def stands_out(self, of: int) -> bool:
        """Whether, as the highest difference of so many, it is surely above nothing (Bonferroni)."""
        return self.surely_above and self.mean > NormalDist().inv_cdf(1 - 0.025 / max(1, of)) * self.error


Values = Mapping[str, Sequence[float]]  # what was measured of each sentence, once for each seed


def estimate(values: Values) -> Estimate | None:
    """The mean over sentences, and its interval: sentences are drawn, since those of one text are no two witnesses.

    Returns:
        None without any value.
    """
    means = np.array([np.mean(of_text) for of_text in values.values() if len(of_text)], np.float64)
    if not means.size:
        return None
    draws = means[_draws(means.size)].mean(axis=1)
    low, high = np.percentile(draws, _PERCENTILES)
    return Estimate(float(means.mean()), float(low), float(high), means.size, float(draws.std()))


@lru_cache(maxsize=64)
def _draws(count: int) -> npt.NDArray[np.intp]:
    return np.random.default_rng(_SEED).integers(0, count, (_DRAWS, count))
