"""What a recording would be cut into, and the job that cuts it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.audio.samples import Samples, read, write_wav
from core.audio.silence import SegmentOptions, Span, left_out, levels, segment
from core.errors import UserError
from core.jobs.job import Job
from core.records import Clip, ClipFilter
from core.workspace import Project

CLIP_RATE_HZ = 22_050
_SAME_S = 0.005  # bounds this close are the same clip: its text stays


@dataclass(frozen=True)
class Preview:
    """What cutting would give: seconds kept, left out and in all, and the length of each clip in seconds.

    ``lost`` are the spans left out: pauses, and pieces too short to be a clip.
    """

    spans: list[Span]
    lost: list[Span]
    kept_s: float
    lost_s: float
    source_s: float
    lengths: list[float]


def preview(project: Project, source_id: str, options: SegmentOptions) -> Preview:
    """What cutting a recording with these options would give; writes nothing, quick enough for a slider."""
    curve = levels(project.source_file(source_id))
    spans = segment(curve, options)
    lost = left_out(spans, curve.seconds)
    lengths = [span.seconds for span in spans]
    kept_s = sum(lengths)
    return Preview(spans, lost, kept_s, curve.seconds - kept_s, curve.seconds, lengths)


def start_segment(project: Project, source_ids: list[str] | None = None, options: SegmentOptions | None = None) -> Job:
    """Start the job that cuts recordings into clips.

    Args:
        project: whose recordings.
        source_ids: which of them; None is all.
        options: how to cut.

    Raises:
        UserError: ``segment.no_sources``.
        Busy: it is running already.
    """
    wanted = [source.id for source in project.store.sources()] if source_ids is None else source_ids
    if not wanted:
        raise UserError("segment.no_sources", "There is no recording to cut yet.", "Add a recording first.")
    chosen = (options or SegmentOptions()).model_dump()
    return project.start_job("segment", {"source_ids": wanted, "options": chosen})


def plan_clips(source_id: str, spans: list[Span], existing: list[Clip], last: int) -> list[Clip]:
    """The clips of a recording after cutting it to ``spans``.

    A clip whose bounds did not change keeps its number, text and approval. New ones are numbered after ``last``, the
    highest number ever used, so that a file or a note made for an old clip is never taken for a new one's.
    """
    numbers = itertools.count(last + 1)
    old = {_bounds(clip.start_s, clip.end_s): clip for clip in existing}
    planned = []
    for span in spans:
        same = old.get(_bounds(span.start_s, span.end_s))
        planned.append(same or Clip(f"{source_id}-{next(numbers):04d}", source_id, span.start_s, span.end_s))
    return planned


def _bounds(start_s: float, end_s: float) -> tuple[int, int]:
    return round(start_s / _SAME_S), round(end_s / _SAME_S)


def write_clip(recording: Path, target: Path, start_s: float, end_s: float, fade_ms: float) -> None:
    """Cut a piece out of a recording: mono 16 bit WAV at `CLIP_RATE_HZ`, faded at both ends."""
    samples, rate = read(recording, start_s, end_s, CLIP_RATE_HZ)
    write_wav(target, faded(samples, rate, fade_ms), rate)


def faded(samples: Samples, rate: int, fade_ms: float) -> Samples:
    """The same sound rising from and falling to nothing in ``fade_ms``, along a raised cosine."""
    length = min(round(rate * fade_ms / 1000), len(samples) // 2)
    if length == 0:
        return samples
    ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / length)).astype(np.float32)
    result: Samples = samples.copy()
    result[:length] *= ramp
    result[-length:] *= ramp[::-1]
    return result


def uncut(project: Project) -> list[str]:
    """Ids of the recordings that have no clips and that no finished job has tried to cut."""
    jobs = (job for job in project.all_jobs() if job.spec()["kind"] == "segment")
    tried = {
        one for job in jobs if job.read().status == "done" for one in job.spec()["arguments"].get("source_ids", [])
    }
    return [
        source.id
        for source in project.store.sources()
        if source.id not in tried and not project.store.count(ClipFilter(source_id=source.id))
    ]


def options_of_last_cut(project: Project) -> SegmentOptions:
    """How this project was cut last; the defaults if it never was, or if those settings are not valid any more."""
    job = project.latest("segment")
    try:
        return SegmentOptions(**(job.spec()["arguments"].get("options", {}) if job else {}))
    except ValueError:
        return SegmentOptions()
