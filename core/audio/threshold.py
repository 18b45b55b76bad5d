"""Silence threshold: proposed from a recording's own levels; and which way a level of one's own is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.audio.levels import FLOOR_DBFS, frames
from core.audio.options import SegmentOptions, level
from core.audio.silence import USUAL_DBFS, LevelCurve, runs

LOWEST_DBFS, HIGHEST_DBFS = -80.0, -10.0
_ACTIVE_DB = 30.0  # what is that close to the loudest is speech, by and large
_BELOW_SPEECH_DB = 20.0  # faint syllables are above
_NEAR_SPEECH_DB = 6.0  # a threshold so close to speech, or above it, takes most of it for pauses
_NEAR_ROOM_DB, _ABOVE_ROOM_DB = 5.0, 8.0  # the room wavers: too near to it, and far enough
_LEAST_CONTRAST_DB = 8.0
_ROOM_PERCENTILE, _SPEECH_PERCENTILE, _LOUDEST_PERCENTILE = 10, 75, 99.5
_MOST_FRAMES = 200_000  # looked at for a percentile
_GATE_S, _GATES_PER_MINUTE = 0.2, 3.0  # digital silence so often is in the pauses; a hole or a late beginning is not


@dataclass(frozen=True)
class Advice:
    """The threshold in use, the one that would fit, and the ``way`` to turn it: ``lower``, ``higher`` or none."""

    threshold_dbfs: float
    proposed_dbfs: float
    way: str = ""


def propose(curve: LevelCurve) -> float:
    """The level in whole dBFS below which a recording counts as quiet: `USUAL_DBFS` unless its own levels object."""
    levels = _levels_of(curve)
    if levels is None:
        return USUAL_DBFS
    room, speech = levels
    level = min(USUAL_DBFS, speech - _BELOW_SPEECH_DB)
    if level < room + _NEAR_ROOM_DB:
        level = max(level, min(room + _ABOVE_ROOM_DB, (room + speech) / 2))
    return float(np.clip(round(level), LOWEST_DBFS, HIGHEST_DBFS))


def for_recording(options: SegmentOptions, recording: Path) -> SegmentOptions:
    """`with_threshold` by the frames beside a recording."""
    levels = frames(recording)
    return with_threshold(options, LevelCurve(levels.dbfs, levels.frame_s, levels.seconds))


def with_threshold(options: SegmentOptions, curve: LevelCurve) -> SegmentOptions:
    """The same options with a level: the one set, or the one proposed for this recording."""
    if options.threshold_dbfs is not None:
        return options
    return options.model_copy(update={"threshold_dbfs": propose(curve)})


def advise(curve: LevelCurve, options: SegmentOptions) -> Advice:
    """The threshold in use, and which way to turn one that was set by hand so that pauses part speech."""
    levels, better = _levels_of(curve), propose(curve)
    if options.threshold_dbfs is None or levels is None:
        return Advice(level(with_threshold(options, curve)), better)
    threshold, (room, speech) = options.threshold_dbfs, levels
    if threshold > speech - _NEAR_SPEECH_DB and better < threshold:
        return Advice(threshold, better, "lower")
    return Advice(threshold, better, "higher" if threshold < room and better > threshold else "")


def _levels_of(curve: LevelCurve) -> tuple[float, float] | None:
    """Levels of the room and of the speech in dBFS; None if there is no sound, or nothing louder than the rest."""
    is_silent = curve.dbfs <= FLOOR_DBFS + 5
    step = max(1, len(is_silent) // _MOST_FRAMES)
    audible: npt.NDArray[np.float32] = np.asarray(curve.dbfs[::step], np.float32)[~is_silent[::step]]
    if not len(audible):
        return None
    loudest = float(np.percentile(audible, _LOUDEST_PERCENTILE))
    speech = float(np.percentile(audible[audible > loudest - _ACTIVE_DB], _SPEECH_PERCENTILE))
    starts, ends = runs(is_silent)
    gates = int(np.sum(ends - starts >= _GATE_S / curve.frame_s))
    if gates >= _GATES_PER_MINUTE * len(is_silent) * curve.frame_s / 60:
        return FLOOR_DBFS, speech
    room = float(np.percentile(audible, _ROOM_PERCENTILE))
    return (room, speech) if speech - room >= _LEAST_CONTRAST_DB else None
