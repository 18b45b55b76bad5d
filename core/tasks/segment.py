"""Job ``segment``: cut recordings into clips at their pauses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.audio.clips import plan_clips, write_clip
from core.audio.frames import frames_file, measure
from core.audio.silence import SegmentOptions, left_out, levels, segment
from core.errors import Cancelled, UserError
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.store import Clip, ClipFilter, Source
from core.workspace import Project, Workspace


def run(job: Job, arguments: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Cut ``source_ids`` (all if absent) with ``options``; each recording's clips are replaced in one go.

    Returns:
        ``clips``, ``kept_s``, ``lost_s``, ``sources``.
    """
    project = Workspace(Path(arguments["workspace"])).project(arguments["project"])
    return cut(project, arguments.get("source_ids"), SegmentOptions(**arguments.get("options", {})), reporter)


def cut(project: Project, source_ids: list[str] | None, options: SegmentOptions, reporter: Reporter) -> dict[str, Any]:
    """What the job does, for tasks that cut among other things."""
    sources = [source for source in project.store.sources() if source_ids is None or source.id in source_ids]
    plans = [(source, *_plan(project, source, options, reporter)) for source in sources]
    total = sum(len(planned) for _, planned, _ in plans)
    result = {"clips": 0, "kept_s": 0.0, "lost_s": 0.0, "sources": 0}
    for source, planned, lost_s in plans:
        try:
            _write(project, source, planned, options, reporter, int(result["clips"]), total)
        except Cancelled:
            raise Cancelled(result) from None
        result["sources"] += 1
        result["clips"] += len(planned)
        result["kept_s"] += sum(clip.seconds for clip in planned)
        result["lost_s"] += lost_s
        if not planned:
            reporter.warning(
                "segment.nothing_found",
                "No clip could be cut from “{title}”.",
                "Lower the shortest clip length, or change the threshold for pauses.",
                title=source.title,
            )
    if not result["clips"]:
        raise UserError(
            "segment.no_clips",
            "No clip could be cut.",
            "Lower the shortest clip length, or change the threshold for pauses.",
        )
    return result


def _plan(project: Project, source: Source, options: SegmentOptions, reporter: Reporter) -> tuple[list[Clip], float]:
    """The clips of a recording and the seconds left out of them."""
    recording = project.source_file(source.id)
    if not frames_file(recording).exists():
        measure(
            recording,
            on_progress=lambda done, total: reporter.progress("measure", done, total, source.title),
            should_stop=reporter.stop_requested,
        )
    curve = levels(recording)
    spans = segment(curve, options)
    existing = project.store.clips(ClipFilter(source_id=source.id))
    return plan_clips(source.id, spans, existing), sum(span.seconds for span in left_out(spans, curve.seconds))


def _write(
    project: Project,
    source: Source,
    planned: list[Clip],
    options: SegmentOptions,
    reporter: Reporter,
    before: int,
    total: int,
) -> None:
    """Write all clips of a recording, then put them in the place of the old ones, then remove those files."""
    old = {clip.id for clip in project.store.clips(ClipFilter(source_id=source.id))}
    recording = project.source_file(source.id)
    written: list[Path] = []
    try:
        for number, clip in enumerate(planned):
            reporter.check_stop()
            target = project.clip_file(clip.id)
            write_clip(recording, target, clip.start_s, clip.end_s, options.fade_ms)
            if clip.id not in old:
                written.append(target)
            reporter.progress("cut", before + number + 1, total, source.title)
        project.store.replace_clips(source.id, planned)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise
    for clip_id in old - {clip.id for clip in planned}:
        project.clip_file(clip_id).unlink(missing_ok=True)
