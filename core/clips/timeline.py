"""Timeline of a stretch of a recording: its outline, its clips or a preview, and what is left out and why."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from core.audio.options import SegmentOptions
from core.audio.samples import read
from core.audio.silence import Span
from core.audio.threshold import Advice
from core.audio.waveform import Peaks, peaks
from core.clips.cut import Preview, options_of_last_cut, preview
from core.engines.registry import info
from core.project.records import Clip, Source
from core.project.workspace import Project, Workspace

_S = TypeVar("_S", bound=Span)
_Reason = tuple[float, float, str]  # where a piece begins and ends, and why no clip covers it

MAX_CLIPS_SHOWN = 300  # more clips than this in one picture cannot be told apart: their share of each column is given
COLUMNS = 400
_FINE_S = 20.0  # a stretch this short is drawn from its samples, a longer one from the frames of 10 ms
_SLIVER_S = 0.3  # what is shorter than any clip is counted to what it lies beside


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a recording. ``kind`` is clip, or why it is left out: pause, short, not_speech, or removed (by hand).

    ``marks`` of a clip are forced_start, forced_end, too_long, too_short; ``clip`` is None in a preview.
    """

    start_s: float
    end_s: float
    kind: str
    clip: Clip | None = None
    marks: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True)
class Window:
    """A stretch of a recording as it is drawn.

    ``outline`` is float32 in [-1, 1], shape (columns, 2): lowest and highest sample. Where there are more than
    `MAX_CLIPS_SHOWN` clips, ``parts`` is empty and ``shares`` says how much of each column is clips, 0 to 1.
    """

    start_s: float
    end_s: float
    outline: Peaks
    parts: list[Part] = field(default_factory=list)
    shares: npt.NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Summary:
    """A recording in numbers: seconds in clips and left out, the length of each clip, and each part left out.

    Of a preview: ``advice`` is on its threshold, and ``by_level`` is true where it had to go by level alone, because
    what is speech is measured when it is cut.
    """

    kept_s: float
    lost_s: float
    lengths: list[float]
    left_out: list[Part]
    advice: Advice | None = None
    by_level: bool = False


def summary(project: Project, source: Source, options: SegmentOptions | None = None) -> Summary:
    """The clips a recording has, or with ``options`` those that cutting would give.

    Raises:
        OSError, RuntimeError: the recording cannot be read.
    """
    if options is not None:
        cutting = cached_preview(project, source.id, options)
        gaps = [Part(*_pair(span), span.reason) for span in cutting.left_out]
        by_level = options.only_speech and not cutting.speech_known
        return Summary(cutting.kept_s, cutting.lost_s, cutting.lengths, gaps, cutting.advice, by_level)
    lengths = [end - start for start, end in project.store.bounds(source.id)]
    gaps = left_out_parts(project, source)
    return Summary(sum(lengths), sum(part.seconds for part in gaps), lengths, gaps)


def window(
    project: Project, source: Source, start_s: float, end_s: float, columns: int, options: SegmentOptions | None = None
) -> Window:
    """What a stretch shows. Quick for ten hours and 50,000 clips, and never more than a screen can hold.

    Args:
        project: whose recording.
        source: the recording.
        start_s: where the stretch begins.
        end_s: where it ends.
        columns: how many the outline is wanted in.
        options: show what cutting with these would give; None shows the clips there are.

    Raises:
        OSError, RuntimeError: the recording cannot be read.
    """
    start_s = max(0.0, min(start_s, source.seconds))
    end_s = max(start_s, min(end_s, source.seconds))
    outline = _outline(project.sound_file(source), start_s, end_s, columns)
    if options is not None:
        cutting = cached_preview(project, source.id, options)
        spans = _overlapping(cutting.spans, start_s, end_s)
        if len(spans) > MAX_CLIPS_SHOWN:
            return Window(start_s, end_s, outline, shares=_shares([_pair(span) for span in spans], start_s, end_s))
        parts = [Part(*_pair(span), "clip", marks=_end_marks(span.forced)) for span in spans]
        parts += [Part(*_pair(span), span.reason) for span in _overlapping(cutting.left_out, start_s, end_s)]
    else:
        clips = project.store.clips_between(source.id, start_s, end_s, MAX_CLIPS_SHOWN + 1)
        if len(clips) > MAX_CLIPS_SHOWN:
            shares = _shares(project.store.bounds(source.id, start_s, end_s), start_s, end_s)
            return Window(start_s, end_s, outline, shares=shares)
        limits = info(project.info.engine).clip_seconds
        parts = [Part(clip.start_s, clip.end_s, "clip", clip, marks_of(clip, limits)) for clip in clips]
        parts += left_out_parts(project, source, start_s, end_s)
    return Window(start_s, end_s, outline, sorted(parts, key=lambda part: part.start_s))


def marks_of(clip: Clip, limits: tuple[float, float]) -> tuple[str, ...]:
    """What is worth a look about a clip's bounds; ``limits`` are the shortest and longest an engine learns from."""
    marks = _end_marks(clip.forced)
    if clip.seconds > limits[1]:
        marks += ("too_long",)
    if clip.seconds < limits[0]:
        marks += ("too_short",)
    return marks


def left_out_parts(project: Project, source: Source, start_s: float = 0.0, end_s: float = 1e9) -> list[Part]:
    """What no clip covers of a stretch, whole to where the next clips are, and why.

    Clips and these together are the whole recording. What cutting kept and no clip covers (any more) was removed.
    """
    before, after = project.store.neighbour_bounds(source.id, start_s, end_s)
    edges = [before, *(edge for pair in project.store.bounds(source.id, start_s, end_s) for edge in pair)]
    edges = _in_order([*edges, min(after, source.seconds)])
    cutting = cached_preview(project, source.id, options_of_last_cut(project, source.id))
    begins, ends = edges[::2], edges[1::2]
    reasons: list[_Reason] = [(*_pair(gap), gap.reason) for gap in _overlapping(cutting.left_out, begins[0], ends[-1])]
    reasons += [(*_pair(span), "removed") for span in _overlapping(cutting.spans, begins[0], ends[-1])]
    reasons.sort()
    parts: list[Part] = []
    first = 0
    for begin, end in zip(begins, ends, strict=True):
        while first < len(reasons) and reasons[first][1] <= begin:
            first += 1
        if end - begin > 0.001:
            parts += _divide_gap(begin, end, reasons, first)
    return parts


def cached_preview(project: Project, source_id: str, options: SegmentOptions) -> Preview:
    """`preview`, kept in memory until the words or a file of the recording change."""
    files = tuple((path.name, path.stat().st_mtime_ns) for path in project.source_files(source_id))
    stamp = (project.store.source(source_id).use, *project.store.words_stamp(source_id), *files)
    return _cached_preview(project.workspace.path, project.slug, source_id, options, stamp)


@lru_cache(maxsize=8)
def _cached_preview(
    workspace: Path, slug: str, source_id: str, options: SegmentOptions, _stamp: tuple[object, ...]
) -> Preview:
    return preview(Project(Workspace(workspace), slug), source_id, options)


def _outline(path: Path, start_s: float, end_s: float, columns: int) -> Peaks:
    if end_s - start_s > _FINE_S:
        return peaks(path, columns, start_s, end_s)
    samples, _ = read(path, start_s, end_s)
    columns = min(columns, len(samples))
    if not columns:
        return np.zeros((0, 2), np.float32)
    edges = (np.arange(columns) * len(samples)) // columns
    return np.stack([np.minimum.reduceat(samples, edges), np.maximum.reduceat(samples, edges)], axis=1)


def _divide_gap(start_s: float, end_s: float, reasons: Sequence[_Reason], first: int) -> list[Part]:
    """A gap between clips by why it is left out: as cutting said, else because a person removed it.

    ``reasons`` are in order; those before ``first`` end before the gap. What is a sliver goes with its neighbour.
    """
    parts: list[Part] = []
    while first < len(reasons) and reasons[first][0] < end_s:
        begin, end, reason = reasons[first]
        begin, end, first = max(start_s, begin), min(end_s, end), first + 1
        if parts and (end - begin < _SLIVER_S or parts[-1].kind == reason or parts[-1].seconds < _SLIVER_S):
            kind = parts[-1].kind if parts[-1].seconds >= end - begin else reason
            parts[-1] = Part(parts[-1].start_s, end, kind)
        else:
            parts.append(Part(begin, end, reason))
    return parts or [Part(start_s, end_s, "removed")]


def _in_order(edges: list[float]) -> list[float]:
    """Edges that never go back, so that clips which touch or overlap leave nothing between them."""
    return [float(edge) for edge in np.maximum.accumulate(edges)]


def _shares(bounds: Sequence[tuple[float, float]], start_s: float, end_s: float) -> npt.NDArray[np.float64]:
    """How much of each of `COLUMNS` equal parts of a stretch is covered, 0 to 1."""
    edges = np.maximum.accumulate(np.array(bounds, np.float64).reshape(-1))
    cumulative = np.concatenate(([0.0], np.cumsum(np.diff(edges) * (np.arange(len(edges) - 1) % 2 == 0))))
    columns = np.linspace(start_s, end_s, COLUMNS + 1)
    seconds = np.diff(np.interp(columns, edges, cumulative))
    return np.clip(seconds / max(1e-9, (end_s - start_s) / COLUMNS), 0.0, 1.0)


def _overlapping(spans: Sequence[_S], start_s: float, end_s: float) -> Sequence[_S]:
    """Those of spans in order that reach into a stretch."""
    first = bisect.bisect_right(spans, start_s, key=lambda span: span.end_s)
    return spans[first : bisect.bisect_left(spans, end_s, key=lambda span: span.start_s)]


def _pair(span: Span) -> tuple[float, float]:
    return span.start_s, span.end_s


def _end_marks(ends: str) -> tuple[str, ...]:
    return tuple(f"forced_{name}" for name in ("start", "end") if ends in (name, "both"))
