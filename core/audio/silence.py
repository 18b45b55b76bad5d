"""Silence detection: a recording's level curve, and the stretches between pauses. Pure and quick."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.audio.levels import frames

USUAL_DBFS = -40.0  # a threshold that fits speech recorded as it should be
_ROUND = 4  # decimals of a second, finer than one sample
_FAINT_S = 0.25  # how long a word may go on, or begin before, below the threshold
_FAINT_DB = 20.0  # how far below it
_BLIND_S = 0.1  # kept of a room that is louder than that: it would drown what is faint; above `USUAL_DBFS`, `_FAINT_S`
_ABOVE_ROOM_DB = 3.0  # what is this close to the quietest nearby is the room

Frames = npt.NDArray[np.floating]
Flags = npt.NDArray[np.bool_]
Runs = list[tuple[int, int]]  # first frame, last + 1


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a recording, in seconds from its start. ``forced`` names the ends that were cut without a pause:
    ``start``, ``end``, ``both`` or none."""

    start_s: float
    end_s: float
    forced: str = ""

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True)
class LevelCurve:
    """RMS level in dBFS of each frame of ``frame_s`` seconds; ``seconds`` is the exact length of the recording."""

    dbfs: Frames
    frame_s: float
    seconds: float

    def frames_in(self, seconds: float) -> int:
        """How many whole frames a time has."""
        return int(seconds / self.frame_s + 1e-6)

    def at(self, frame: int) -> float:
        """When a frame begins; the end of the recording for the one after the last."""
        return round(self.seconds if frame >= len(self.dbfs) else frame * self.frame_s, _ROUND)


def levels(path: Path) -> LevelCurve:
    """The level curve of a recording, kept in the file beside it; measured in one pass if that is missing."""
    measured_frames = frames(path)
    return LevelCurve(measured_frames.dbfs, measured_frames.frame_s, measured_frames.seconds)


def left_out(spans: list[Span], seconds: float) -> list[Span]:
    """What no span covers: together with the spans it is the whole recording, from 0 to ``seconds``."""
    edges = [0.0, *(edge for span in spans for edge in (span.start_s, span.end_s)), seconds]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [Span(start, end) for start, end in pairs if end - start > 10**-_ROUND]


def runs(flags: Flags) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """First frames and last frames + 1 of each run of true flags: two arrays, shape ``(runs,)`` each."""
    steps = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return steps[::2], steps[1::2]


def stretches(
    curve: LevelCurve, threshold_dbfs: float, pause_s: float, pad_s: float, speech: Flags | None = None
) -> Runs:
    """Sound between pauses, with a little quiet at both ends; where ``speech`` is known, only what it covers.

    A word that fades below the threshold, or begins under it, is followed down to the level of the room; in doubt a
    clip has more of the pause.

    Args:
        curve: levels of the recording.
        threshold_dbfs: below it a frame counts as quiet.
        pause_s: the shortest quiet that is a pause, in seconds.
        pad_s: what is kept of the quiet at each end, in seconds.
        speech: which frames hold speech.
    """
    dbfs = curve.dbfs
    loud = dbfs >= threshold_dbfs
    starts, ends = runs(loud if speech is None else loud & speech)
    if not len(starts):
        return []
    pause = max(1, round(pause_s / curve.frame_s))
    has_pause = starts[1:] - ends[:-1] >= pause
    starts, ends = starts[np.r_[True, has_pause]], ends[np.r_[has_pause, True]]
    early, late = _with_faint_ends(curve, starts, ends, threshold_dbfs)
    pad = round(pad_s / curve.frame_s)
    early, late = early - pad, late + pad
    for index in np.flatnonzero(late[:-1] > early[1:]):  # two neighbours would share a part of their pause
        late[index] = early[index + 1] = quietest(dbfs, int(ends[index]), int(starts[index + 1]))
    return list(zip(np.maximum(early, 0).tolist(), np.minimum(late, len(dbfs)).tolist(), strict=True))


def _with_faint_ends(
    curve: LevelCurve, starts: npt.NDArray[np.intp], ends: npt.NDArray[np.intp], threshold_dbfs: float
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The same stretches with what is faint at their ends: an f before them, or a th that follows a silence."""
    dbfs = curve.dbfs
    blind_s = _BLIND_S if threshold_dbfs <= USUAL_DBFS else _FAINT_S
    reach = np.arange(round(_FAINT_S / curve.frame_s))
    window = np.arange(-2, 3)  # the median of 50 ms: steady, and not blurred by the loud side of an edge
    lengths = []
    limits = (np.concatenate(([-1], ends[:-1] - 1)), np.concatenate((starts[1:], [len(dbfs)])))
    for edges, step, until in ((starts - 1, -1, limits[0]), (ends, 1, limits[1])):
        places = edges[:, None] + step * reach
        inside = (places > until[:, None]) if step < 0 else (places < until[:, None])
        near = np.clip(places[:, :, None] + window, 0, len(dbfs) - 1)
        table = np.where(inside, np.median(dbfs[near].astype(np.float32), axis=2), np.nan)
        room = np.fmin.reduce(table, axis=1) + _ABOVE_ROOM_DB
        faint = table > np.maximum(room, threshold_dbfs - _FAINT_DB)[:, None]
        # Other sound that is none of this (music after a word) is no pause: there is nothing to follow.
        faint[dbfs[np.clip(edges, 0, len(dbfs) - 1)] >= threshold_dbfs] = False
        reach_found = np.where(faint, reach + 1, 0).max(axis=1, initial=0)
        blind = np.where(room > threshold_dbfs - _FAINT_DB + _ABOVE_ROOM_DB, round(blind_s / curve.frame_s), 0)
        lengths.append(np.maximum(reach_found, np.minimum(blind, inside.sum(axis=1))))
    return starts - lengths[0], ends + lengths[1]


def quietest(dbfs: Frames, first: int, last: int) -> int:
    """The quietest frame between two, the middle one where several are alike."""
    level = smooth(np.asarray(dbfs[first:last], np.float32), 5)
    from_middle = np.abs(np.arange(len(level)) - len(level) / 2) / max(1, len(level))
    return first + int(np.argmin(level + 6.0 * from_middle))


def smooth(values: Frames, width: int) -> Frames:
    """The mean of ``width`` (odd) values around each, the ends repeated."""
    row = np.pad(np.asarray(values, np.float32), width // 2, mode="edge")
    return np.asarray(np.convolve(row, np.full(width, 1 / width, np.float32), mode="valid"))
