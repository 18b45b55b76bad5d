"""Batch size by free memory, and what to do when it did not suffice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from core.reasons import out_of_memory
from core.system.hardware import cards, free_memory

_I = TypeVar("_I")
_R = TypeVar("_R")
_SHARE = 0.5  # of the free memory: others want some as well, and the estimate is one
_LIMITS = {"cpu": 16, "cuda": 64}  # more at a time are no faster
_TEXT_TOKENS = 224
_ASSUMED_FREE = 2 << 30


@dataclass(frozen=True)
class Shape:
    """What of a model decides the memory of a clip: ``width`` of its layers, decoder ``layers``, bytes a number."""

    width: int
    layers: int
    vocabulary: int
    number_bytes: int


def batch_size(shape: Shape, window_s: float, beams: int, free: int, device: str) -> int:
    """Clips of one pass that fit into ``free`` bytes, from 1 to what is still of use on ``device``."""
    frames = window_s * 50
    sound = 2 * shape.layers * frames * shape.width  # keys and values the decoder looks at
    encoder = 16 * frames * shape.width  # activations of one block
    text = 2 * shape.layers * _TEXT_TOKENS * shape.width * beams
    scores = 4 * shape.vocabulary * beams * 4 / shape.number_bytes
    per_clip = (sound + encoder + text + scores) * shape.number_bytes
    return max(1, min(_LIMITS[device], int(_SHARE * free / per_clip)))


def free_bytes() -> int:
    """Memory of the machine that is free; a guess where the system does not tell."""
    return free_memory() or _ASSUMED_FREE


def free_card_bytes() -> int:
    """Memory of the fullest card that is free."""
    return int(min((card.free_gb for card in cards()), default=0.0) * (1 << 30)) or _ASSUMED_FREE


class Limit:
    """The most items that go through at a time, lowered for good each time memory runs out."""

    def __init__(self, on_less: Callable[[int], object] = lambda _: None) -> None:
        """``on_less`` is told the new limit the first time it falls."""
        self._limit: int | None = None
        self._on_less = on_less
        self._lock = threading.Lock()

    def run(self, items: Sequence[_I], work: Callable[[Sequence[_I]], list[_R]]) -> list[_R]:
        """What ``work`` makes of the items, in as many parts as memory wants.

        Raises:
            Exception: what ``work`` raises, also that memory is short for a single item.
        """
        results: list[_R] = []
        while len(results) < len(items):
            part = items[len(results) : len(results) + (self._limit or len(items))]
            try:
                results += work(part)
            except Exception as error:
                if len(part) == 1 or not out_of_memory(error):
                    raise
                self._lower(len(part) // 2)
            # Outside of the handler: the error's frames hold the very memory that is short.
        return results

    def _lower(self, limit: int) -> None:
        with self._lock:
            first = self._limit is None
            self._limit = min(limit, self._limit or limit)
        if first:
            self._on_less(self._limit)
