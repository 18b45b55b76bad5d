"""Where a recording is quiet: its level curve, and the stretches between pauses. Pure and quick."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.audio.frames import frames
from core.audio.options import SegmentOptions as SegmentOptions

_ROUND = 4  # decimals of a second, finer than one sample
_TAIL_S = 0.25  # how long a word may fade, or begin, below the threshold
_TAIL_DB = 20.0  # how far below it
_ABOVE_ROOM_DB = 6.0  # what is this close to the quietest nearby is the room

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
    found = frames(path)
    return LevelCurve(found.dbfs, found.frame_s, found.seconds)


def left_out(spans: list[Span], seconds: float) -> list[Span]:
    """What no span covers: together with the spans it is the whole recording, from 0 to ``seconds``."""
    edges = [0.0, *(edge for span in spans for edge in (span.start_s, span.end_s)), seconds]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [Span(start, end) for start, end in pairs if end - start > 10**-_ROUND]


def runs(flags: Flags) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """First frames and last frames + 1 of each run of true flags."""
    steps = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return steps[::2], steps[1::2]


def stretches(curve: LevelCurve, options: SegmentOptions, speech: Flags | None = None) -> Runs:
    """Sound between pauses, with a little quiet at both ends; where ``speech`` is known, only what it covers.

    A word that fades below the threshold, or begins under it, is followed down to the level of the room.
    """
    dbfs = curve.dbfs
    loud = dbfs >= options.threshold_dbfs
    starts, ends = runs(loud if speech is None else loud & speech)
    if not len(starts):
        return []
    pause = max(1, round(options.min_silence_ms / 1000 / curve.frame_s))
    apart = starts[1:] - ends[:-1] >= pause
    starts, ends = starts[np.r_[True, apart]], ends[np.r_[apart, True]]
    pad = round(options.pad_ms / 1000 / curve.frame_s)
    reach = round(_TAIL_S / curve.frame_s)
    early = starts - _tail(dbfs, starts - 1, -1, reach, options.threshold_dbfs) - pad
    late = ends + _tail(dbfs, ends, 1, reach, options.threshold_dbfs) + pad
    for index in np.flatnonzero(late[:-1] > early[1:]):  # two neighbours would share a part of their pause
        late[index] = early[index + 1] = _quietest(dbfs, int(ends[index]), int(starts[index + 1]))
    return list(zip(np.maximum(early, 0).tolist(), np.minimum(late, len(dbfs)).tolist(), strict=True))


def _tail(
    dbfs: Frames, edges: npt.NDArray[np.intp], step: int, reach: int, threshold_dbfs: float
) -> npt.NDArray[np.intp]:
    """How many frames from each edge on are still above the room, though below the threshold."""
    places = edges[:, None] + step * np.arange(reach)
    inside = (places >= 0) & (places < len(dbfs))
    table = np.where(inside, dbfs[np.clip(places, 0, len(dbfs) - 1)].astype(np.float32), np.inf)
    room = np.maximum(table.min(axis=1) + _ABOVE_ROOM_DB, threshold_dbfs - _TAIL_DB)
    over = (table <= room[:, None]) | (table >= threshold_dbfs)  # the room, or other sound that is none of this
    return np.where(over.any(axis=1), over.argmax(axis=1), 0)


def _quietest(dbfs: Frames, first: int, last: int) -> int:
    """The quietest frame between two, the middle one where several are alike."""
    level = smooth(np.asarray(dbfs[first:last], np.float32), 5)
    from_middle = np.abs(np.arange(len(level)) - len(level) / 2) / max(1, len(level))
    return first + int(np.argmin(level + _ABOVE_ROOM_DB * from_middle))


def smooth(values: Frames, width: int) -> Frames:
    """The mean of ``width`` (odd) values around each, the ends repeated."""
    padded = np.pad(np.asarray(values, np.float32), width // 2, mode="edge")
    return np.asarray(np.convolve(padded, np.full(width, 1 / width, np.float32), mode="valid"))
