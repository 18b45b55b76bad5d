"""Sound quality: level, noise floor and clipping of a recording by its frames, and of a piece of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from core.audio.levels import frames, frames_file
from core.audio.samples import Samples

_SPEECH_PERCENTILE, _NOISE_PERCENTILE = 90, 10
_LOUDEST = 126  # of 127: a frame that reaches it is taken as clipped
_AUDIBLE_DBFS = -90.0  # quieter frames are digital silence and say nothing about the room
_FULL_SCALE = 0.999  # samples from here on are at the end of the scale
_LOOK_S = 0.01  # how finely the quiet at the ends of a piece is measured
_ABOVE_FLOOR_DB, _BELOW_SPEECH_DB = 6.0, 15.0


@dataclass(frozen=True)
class Quality:
    """Each of ``level``, ``noise`` and ``clipping`` is good, fair or bad; ``clipped_fraction`` is of frames."""

    clipped_fraction: float
    level: str
    noise: str
    clipping: str


def quality(recording: Path) -> Quality:
    """The lights of a recording; kept in memory until its frames change."""
    path = frames_file(recording)
    return _quality(recording, path.stat().st_mtime_ns if path.exists() else 0)


@lru_cache(maxsize=512)
def _quality(recording: Path, _changed_ns: int) -> Quality:
    levels = frames(recording)
    dbfs = levels.dbfs.astype(np.float32)
    audible = dbfs[dbfs > _AUDIBLE_DBFS]
    if not len(audible):
        return Quality(0.0, "bad", "bad", "good")
    level, noise = (float(np.percentile(audible, at)) for at in (_SPEECH_PERCENTILE, _NOISE_PERCENTILE))
    clipped_share = float(np.mean((levels.high >= _LOUDEST) | (levels.low <= -_LOUDEST)))
    return Quality(
        clipped_fraction=clipped_share,
        level=_light(level, fair=-45, good=-32),
        noise=_light(level - noise, fair=18, good=28),
        clipping=_light(-clipped_share, fair=-0.01, good=-0.001),
    )


def _light(value: float, *, fair: float, good: float) -> str:
    return "good" if value >= good else "fair" if value >= fair else "bad"


def clipped_fraction(samples: Samples) -> float:
    """The share of samples that lie at the end of the scale beside another one there: a wave cut flat."""
    full = np.abs(samples) >= _FULL_SCALE
    beside = full[1:] & full[:-1]
    flat = np.concatenate((beside, [False])) | np.concatenate(([False], beside)) if len(full) else full
    return float(np.mean(flat)) if len(flat) else 0.0


def quiet_ends(samples: Samples, rate: int, threshold_dbfs: float = -40.0) -> tuple[float, float]:
    """Seconds of quiet before and after the sound of a piece; its whole length twice if there is nothing else.

    Quiet is what lies under the threshold or, in a noisy room, near the quietest of the piece and well under its
    speech.
    """
    length = max(1, round(rate * _LOOK_S))
    seconds = len(samples) / rate
    blocks = samples[: len(samples) // length * length].reshape(-1, length)
    if not len(blocks):
        return 0.0, 0.0
    dbfs = 10 * np.log10(np.einsum("ij,ij->i", blocks, blocks) / length + 1e-12)
    floor, speech = (float(np.percentile(dbfs, at)) for at in (5, 95))
    noisy = min(floor + _ABOVE_FLOOR_DB, speech - _BELOW_SPEECH_DB)
    loud = np.flatnonzero(dbfs >= max(threshold_dbfs, noisy))
    if not len(loud):
        return seconds, seconds
    return round(int(loud[0]) * _LOOK_S, 3), round(max(0.0, seconds - (int(loud[-1]) + 1) * _LOOK_S), 3)
