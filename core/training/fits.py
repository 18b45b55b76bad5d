"""What a card can hold, found by trying before a run; light, so that a page may read what was found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fits:
    """The batch that fits: ``micro_batch`` clips at once, ``accumulation`` times an update.

    ``memory_mb`` is the most that was used, ``step_s`` what an update of average clips should take.
    """

    micro_batch: int
    accumulation: int
    checkpointing: bool
    memory_mb: float
    step_s: float

    def hours(self, updates: int) -> float:
        """How long so many updates should take, in hours."""
        return updates * self.step_s / 3600


def candidates(clips: int, most: int) -> list[tuple[int, int]]:
    """``(micro_batch, accumulation)`` from ``most`` clips at once down to one, each making exactly ``clips``."""
    return [(size, clips // size) for size in range(min(most, clips), 0, -1) if clips % size == 0]
