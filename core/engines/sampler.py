"""Length-bucketed batch sampler: seeded permutations, cut into batches of clips of like length."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

_BUCKETS = 8  # batches whose clips are sorted by length together: less padding, still well mixed
_ORDER = 0  # first number of its seeds; what else an engine draws comes from other streams


class LengthBucketSampler:
    """An endless row of batches; ``batch(n)`` depends on nothing but the seed and ``n``, so a position is one number.

    Every epoch is one permutation: each clip is seen exactly once in it.

    Args:
        lengths: of all clips, in whatever unit their cost goes with.
        batch_size: clips in a batch; with ``by_length`` the clips of average length that a batch's padded length holds.
        by_length: batches of like cost (many short clips, few long ones) instead of a fixed number of clips.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int, *, by_length: bool = False) -> None:
        if not lengths:
            raise ValueError("no clips")
        self.lengths = np.asarray(lengths)
        self.batch_size = min(batch_size, len(lengths))
        self.budget: float | None = None
        self.seed = seed
        if by_length:
            self.budget = self._find_budget()
        self.epoch = lru_cache(maxsize=2)(self._epoch)
        self._starts = [0]  # the number of the first batch of each epoch seen so far

    @property
    def largest(self) -> int:
        """Clips that a batch has at most."""
        if self.budget is None:
            return self.batch_size
        fitting = np.arange(1, len(self.lengths) + 1) * np.sort(self.lengths) <= self.budget
        return max(1, int(fitting.nonzero()[0][-1]) + 1) if fitting.any() else 1

    def batch(self, number: int) -> list[int]:
        """Indices of the clips in the batch of this number."""
        if self.budget is None:
            epoch, position = divmod(number, -(-len(self.lengths) // self.batch_size))
            return self.epoch(epoch)[position]
        while self._starts[-1] <= number:
            self._starts.append(self._starts[-1] + len(self.epoch(len(self._starts) - 1)))
        epoch = int(np.searchsorted(self._starts, number, side="right")) - 1
        return self.epoch(epoch)[number - self._starts[epoch]]

    def _find_budget(self) -> float:
        """The padded length of a batch with which an epoch has no more batches than with a fixed number of clips."""
        max_batches = -(-len(self.lengths) // self.batch_size)
        self.budget = self.batch_size * float(self.lengths.mean())
        while len(self._epoch(0)) > max_batches:
            self.budget *= 1.02
        return self.budget

    def _epoch(self, epoch: int) -> list[list[int]]:
        random = np.random.default_rng([self.seed, _ORDER, epoch])
        order = random.permutation(len(self.lengths))
        window = self.batch_size * _BUCKETS
        batches: list[list[int]] = []
        for start in range(0, len(order), window):
            part = order[start : start + window]
            batches += self._cut(part[np.argsort(self.lengths[part], kind="stable")].tolist())
        return [batches[i] for i in random.permutation(len(batches))]

    def _cut(self, ascending: list[int]) -> list[list[int]]:
        if self.budget is None:
            return [ascending[i : i + self.batch_size] for i in range(0, len(ascending), self.batch_size)]
        batches: list[list[int]] = [[]]
        for clip in ascending:
            if batches[-1] and (len(batches[-1]) + 1) * self.lengths[clip] > self.budget:
                batches.append([])
            batches[-1].append(clip)
        return batches
