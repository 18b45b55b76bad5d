"""Captions as files of subtitles hold them, and such as could not be read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DamagedCaption:
    """A caption that was skipped: the line of its times, counted from 1, and what stands there."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Caption:
    """What is shown from ``start_s`` to ``end_s``, markup and all; ``<00:01.500>`` in it is when a word begins."""

    start_s: float
    end_s: float
    lines: list[str]
