"""Cutting at pauses: from the level of every 10 ms to spans of speech of the wanted length. Pure and quick."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.audio.frames import frames

_SMOOTH_S = 0.08  # a cut looks for the quietest stretch of this length, not for one lucky frame
_PLATEAU_DB = 2.0  # frames this close to the quietest belong to the same valley: it is cut in the middle
_ROUND = 4  # decimals of a second, finer than one sample


class SegmentOptions(BaseModel):
    """How a recording is cut. The defaults suit speech recorded without much noise, and XTTS."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold_dbfs: float = Field(
        default=-40.0, ge=-80, le=-10, description="What is quieter than this counts as a pause.",
        json_schema_extra={"unit": "dBFS", "step": 1},
    )  # fmt: skip
    min_silence_ms: int = Field(
        default=500, ge=100, le=3000, description="A pause at least this long separates two clips.",
        json_schema_extra={"unit": "ms", "step": 50},
    )  # fmt: skip
    min_clip_s: float = Field(
        default=3.0, ge=0.5, le=30, description="Shorter pieces are joined to a neighbour or left out.",
        json_schema_extra={"unit": "s", "step": 0.5},
    )  # fmt: skip
    max_clip_s: float = Field(
        default=11.0, ge=2, le=60, description="Longer pieces are cut where they are quietest.",
        json_schema_extra={"unit": "s", "step": 0.5},
    )  # fmt: skip
    max_join_pause_ms: int = Field(
        default=1500, ge=0, le=5000, description="The longest pause kept inside a clip joined from short pieces.",
        json_schema_extra={"unit": "ms", "step": 100},
    )  # fmt: skip
    pad_ms: int = Field(
        default=50, ge=0, le=100, description="Quiet kept at both ends of a clip.",
        json_schema_extra={"unit": "ms", "step": 10},
    )  # fmt: skip
    fade_ms: int = Field(
        default=10, ge=0, le=100, description="Fade at both ends of a clip, against clicks.",
        json_schema_extra={"unit": "ms", "step": 5},
    )  # fmt: skip

    same_loudness: bool = Field(default=True, description="Whether all clips are brought to the same loudness.")
    loudness_lufs: float = Field(
        default=-23.0, ge=-36, le=-14, description="The loudness clips are brought to.",
        json_schema_extra={"unit": "LUFS", "step": 1},
    )  # fmt: skip

    @model_validator(mode="after")
    def _shortest_below_longest(self) -> SegmentOptions:
        if self.min_clip_s >= self.max_clip_s:
            raise ValueError("min_clip_s must be smaller than max_clip_s")
        return self


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a recording, in seconds from its start."""

    start_s: float
    end_s: float

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True)
class LevelCurve:
    """RMS level in dBFS of each frame of ``frame_s`` seconds; ``seconds`` is the exact length of the recording."""

    dbfs: npt.NDArray[np.floating]
    frame_s: float
    seconds: float


def levels(path: Path) -> LevelCurve:
    """The level curve of a recording, kept in the file beside it; measured in one pass if that is missing."""
    found = frames(path)
    return LevelCurve(found.dbfs, found.frame_s, found.seconds)


def segment(curve: LevelCurve, options: SegmentOptions) -> list[Span]:
    """Cut a recording into spans of ``min_clip_s`` to ``max_clip_s``, in order and apart from each other.

    Pauses separate stretches of speech; a stretch that is too long is cut at its quietest valleys; pieces that are
    too short are joined to the neighbour across the shortest pause, or left out if that does not fit.
    Takes well under a second for ten hours.
    """
    count = len(curve.dbfs)
    if not count:
        return []
    stretches = _stretches(curve, options)
    pieces = _cut_long(curve, stretches, options)
    joined = _join_short(pieces, curve.frame_s, options)
    shortest = options.min_clip_s / curve.frame_s
    return [_span(curve, first, last) for first, last in joined if last - first >= shortest - 1e-6]


def left_out(spans: list[Span], seconds: float) -> list[Span]:
    """What no span covers: together with the spans it is the whole recording, from 0 to ``seconds``."""
    edges = [0.0, *(edge for span in spans for edge in (span.start_s, span.end_s)), seconds]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [Span(start, end) for start, end in pairs if end - start > 10**-_ROUND]


def _span(curve: LevelCurve, first: int, last: int) -> Span:
    end_s = curve.seconds if last >= len(curve.dbfs) else last * curve.frame_s
    return Span(round(first * curve.frame_s, _ROUND), round(min(end_s, curve.seconds), _ROUND))


def _stretches(curve: LevelCurve, options: SegmentOptions) -> list[tuple[int, int]]:
    """Speech between pauses as (first, last + 1) frames, with a little quiet at both ends."""
    count = len(curve.dbfs)
    loud = curve.dbfs >= options.threshold_dbfs
    steps = np.flatnonzero(np.diff(np.concatenate(([False], loud, [False])).astype(np.int8)))
    starts, ends = steps[::2], steps[1::2]  # runs of loud frames
    if not len(starts):
        return []
    pause = max(1, round(options.min_silence_ms / 1000 / curve.frame_s))
    apart = starts[1:] - ends[:-1] >= pause
    starts, ends = starts[np.r_[True, apart]], ends[np.r_[apart, True]]
    # Two neighbours share a pause: half of it at most is each one's.
    pad = min(round(options.pad_ms / 1000 / curve.frame_s), pause // 2)
    return list(zip(np.maximum(starts - pad, 0).tolist(), np.minimum(ends + pad, count).tolist(), strict=True))


def _cut_long(curve: LevelCurve, stretches: list[tuple[int, int]], options: SegmentOptions) -> list[tuple[int, int]]:
    shortest, longest = (int(value / curve.frame_s + 1e-6) for value in (options.min_clip_s, options.max_clip_s))
    shortest = max(1, shortest)
    half = max(1, round(_SMOOTH_S / curve.frame_s / 2))
    pieces: list[tuple[int, int]] = []
    for first, last in stretches:
        while last - first > longest:
            # The rest must stay long enough to be a clip, if there is a way.
            until = max(first + shortest, min(first + longest, last - shortest))
            cut = _valley(curve.dbfs, first + shortest, until, half)
            pieces.append((first, cut))
            first = cut
        pieces.append((first, last))
    return pieces


def _valley(dbfs: npt.NDArray[np.floating], first: int, last: int, half: int) -> int:
    """The frame between ``first`` and ``last`` (both allowed) in the middle of the quietest valley."""
    if last <= first:
        return first
    low, high = max(0, first - half), min(len(dbfs), last + half + 1)
    window = np.ones(2 * half + 1)
    piece = dbfs[low:high].astype(np.float64)
    smooth = np.convolve(np.pad(piece, half, mode="edge"), window / window.size, mode="valid")
    smooth = smooth[first - low : last - low + 1]
    lowest = int(np.argmin(smooth))
    near = smooth <= smooth[lowest] + _PLATEAU_DB
    left = lowest - int(np.argmin(near[lowest::-1])) + 1 if not near[: lowest + 1].all() else 0
    right = lowest + int(np.argmin(near[lowest:])) - 1 if not near[lowest:].all() else len(near) - 1
    return first + (left + right) // 2


def _join_short(pieces: list[tuple[int, int]], frame_s: float, options: SegmentOptions) -> list[tuple[int, int]]:
    """Join across the shortest pauses first, where one side is too short to be a clip and the whole is not too long.

    One round is enough: a pause that was refused stays so, because pieces only grow.
    """
    shortest, longest = options.min_clip_s / frame_s, int(options.max_clip_s / frame_s + 1e-6)
    widest = options.max_join_pause_ms / 1000 / frame_s
    head = list(range(len(pieces)))  # of each piece: the first and the last piece of its group, at the group's ends
    tail = list(range(len(pieces)))
    gaps = [after[0] - before[1] for before, after in zip(pieces, pieces[1:], strict=False)]
    for index in sorted((i for i in range(len(gaps)) if gaps[i] <= widest), key=gaps.__getitem__):
        left, right = head[index], tail[index + 1]
        start, middle, resume, end = pieces[left][0], pieces[index][1], pieces[index + 1][0], pieces[right][1]
        if end - start <= longest and (middle - start < shortest or end - resume < shortest):
            tail[left], head[right] = right, left
    joined, index = [], 0
    while index < len(pieces):
        joined.append((pieces[index][0], pieces[tail[index]][1]))
        index = tail[index] + 1
    return joined
