"""Callbacks of slow calls: who is told of progress, who may stop them, and nobody in their place."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

OnClip: TypeAlias = Callable[[int, int, str], object]  # how many clips of how many are seen, and the next one's id
ShouldStop: TypeAlias = Callable[[], bool]


def never() -> bool:
    """For `ShouldStop`, where nobody can."""
    return False


def ignore(*_: object) -> None:
    """For callbacks, where nobody listens."""
