"""How good a recording is, from the frames measured when it was added: loud enough, quiet room, not overdriven."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from core.audio.frames import frames, frames_file

_SPEECH_PERCENTILE, _NOISE_PERCENTILE = 90, 10
_LOUDEST = 126  # of 127: a frame that reaches it is taken as clipped
_AUDIBLE_DBFS = -90.0  # quieter frames are digital silence and say nothing about the room


@dataclass(frozen=True)
class Quality:
    """``level_dbfs`` is of the speech, ``noise_db`` how far the room lies below it, ``clipped_fraction`` of frames.

    Each of ``level``, ``noise`` and ``clipping`` is good, fair or bad.
    """

    level_dbfs: float
    noise_db: float
    clipped_fraction: float
    level: str
    noise: str
    clipping: str


def quality(recording: Path) -> Quality:
    """The lights of a recording; kept in memory until its frames change."""
    kept = frames_file(recording)
    return _quality(recording, kept.stat().st_mtime_ns if kept.exists() else 0)


@lru_cache(maxsize=512)
def _quality(recording: Path, _changed_ns: int) -> Quality:
    found = frames(recording)
    dbfs = found.dbfs.astype(np.float32)
    heard = dbfs[dbfs > _AUDIBLE_DBFS]
    if not len(heard):
        return Quality(-120.0, 0.0, 0.0, "bad", "bad", "good")
    level, noise = (float(np.percentile(heard, at)) for at in (_SPEECH_PERCENTILE, _NOISE_PERCENTILE))
    clipped = float(np.mean((found.high >= _LOUDEST) | (found.low <= -_LOUDEST)))
    return Quality(
        level_dbfs=level,
        noise_db=level - noise,
        clipped_fraction=clipped,
        level=_light(level, fair=-45, good=-32),
        noise=_light(level - noise, fair=18, good=28),
        clipping=_light(-clipped, fair=-0.01, good=-0.001),
    )


def _light(value: float, *, fair: float, good: float) -> str:
    return "good" if value >= good else "fair" if value >= fair else "bad"
