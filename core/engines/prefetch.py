"""Batches made ahead: while a card computes an update, a thread makes the parts of the next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

Part = TypeVar("Part")


class PrefetchingLoader(ABC, Generic[Part]):
    """The parts of updates by number; for a card the next update's are there already when it is asked for."""

    def __init__(self, device: str) -> None:
        self._on_card = device.startswith("cuda")
        self._thread = ThreadPoolExecutor(1, "batches") if self._on_card else None
        self._next: tuple[tuple[int, int], Future[list[Part]]] | None = None

    def update(self, number: int, division: int = 1) -> list[Part]:
        """The parts of an update, each of its batches cut into ``division``; on the processor, pinned for a card."""
        if self._thread is None:
            return self._update(number, division)
        batch, self._next = self._next, None  # one that failed is not asked again
        if batch is not None and batch[0] == (number, division):
            parts = batch[1].result()
        else:
            if batch is not None:
                wait([batch[1]])  # two at once would write into the same caches
            parts = self._update(number, division)
        self._next = (number + 1, division), self._thread.submit(self._update, number + 1, division)
        return parts

    @abstractmethod
    def _update(self, number: int, division: int) -> list[Part]:
        """Make the parts of an update; never called twice at once."""
