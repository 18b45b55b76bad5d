"""What the loop asks of whoever lets checkpoints speak."""

from __future__ import annotations

from typing import Protocol


class Speaker(Protocol):
    """Speaks the held-out sentences with the live weights."""

    def speak_missing(self, step: int, left_s: float, most_s: float | None = None) -> None:
        """Speak and announce every sentence that ``step`` has not spoken yet.

        ``left_s`` is the time left of the whole run, told with the progress of speaking. Stop breaks it off; where
        ``most_s`` is given, that many seconds do instead.
        """
        ...

    @property
    def cost_s(self) -> float:
        """Seconds that one checkpoint's sentences usually take, as seen so far."""
        ...
