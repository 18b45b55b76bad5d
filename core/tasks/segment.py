"""Job ``segment``: cut recordings into clips at their pauses."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.audio.clips import cut_clip, plan_clips
from core.audio.frames import frames_file, measure
from core.audio.silence import SegmentOptions, left_out, levels, segment
from core.errors import Cancelled, UserError
from core.files import free_name, write_json
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.records import Clip, ClipFilter, Revision, Source
from core.workspace import Project, Workspace

_MEASURED = ("loudness_lufs", "peak_dbfs", "gain_db", "clipped_fraction", "lead_s", "tail_s")  # what cutting finds out


def run(job: Job, arguments: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Cut ``source_ids`` (all if absent) with ``options``; each recording's clips are replaced in one go.

    A recording that would give no clip keeps what it has.

    Returns:
        ``clips``, ``kept_s``, ``lost_s``, ``sources``, and ``trashed``: how many clips a person had worked on went
        to the project's trash.

    Raises:
        UserError: ``segment.no_clips``; nothing was changed.
        Cancelled: Stop was pressed; holds the result so far.
    """
    project = Workspace(Path(arguments["workspace"])).project(arguments["project"])
    options, wanted = SegmentOptions(**arguments.get("options", {})), arguments.get("source_ids")
    sources = [source for source in project.store.sources() if wanted is None or source.id in wanted]
    result = {"clips": 0, "kept_s": 0.0, "lost_s": 0.0, "sources": 0, "trashed": 0}
    try:
        plans = [(source, *_plan(project, source, options, reporter)) for source in sources]
        _cut_all(project, plans, options, reporter, result)
    except Cancelled:
        raise Cancelled(result) from None
    return result


def _cut_all(
    project: Project,
    plans: list[tuple[Source, list[Clip], float]],
    options: SegmentOptions,
    reporter: Reporter,
    result: dict[str, Any],
) -> None:
    """Cut what was planned, counting it up in ``result``."""
    total = sum(len(planned) for _, planned, _ in plans)
    if not total:
        raise UserError(
            "segment.no_clips",
            "No clip could be cut.",
            "Lower the shortest clip length, or change the threshold for pauses.",
        )
    for source, planned, lost_s in plans:
        if not planned:
            reporter.warning(
                "segment.nothing_found",
                "No clip could be cut from “{title}”; clips it had stay as they are.",
                "Lower the shortest clip length, or change the threshold for pauses.",
                title=source.title,
            )
            continue
        result["trashed"] += _write(project, source, planned, options, reporter, int(result["clips"]), total)
        result["sources"] += 1
        result["clips"] += len(planned)
        result["kept_s"] += sum(clip.seconds for clip in planned)
        result["lost_s"] += lost_s


def _plan(project: Project, source: Source, options: SegmentOptions, reporter: Reporter) -> tuple[list[Clip], float]:
    """The clips of a recording and the seconds left out of them."""
    recording = project.sound_file(source)
    if not frames_file(recording).exists():
        measure(
            recording,
            on_progress=lambda done, total: reporter.progress("measure", done, total, source.title),
            should_stop=reporter.stop_requested,
        )
    curve = levels(recording)
    spans = segment(curve, options)
    existing = project.store.clips(ClipFilter(source_id=source.id))
    planned = plan_clips(source.id, spans, existing, project.store.last_number(source.id))
    return planned, sum(span.seconds for span in left_out(spans, curve.seconds))


def _write(
    project: Project,
    source: Source,
    planned: list[Clip],
    options: SegmentOptions,
    reporter: Reporter,
    before: int,
    total: int,
) -> int:
    """Write all clips of a recording, put them in the place of the old ones, take the files of those away.

    Returns:
        how many clips went to the trash.
    """
    old = {clip.id for clip in project.store.clips(ClipFilter(source_id=source.id))}
    written: list[Path] = []
    cut: list[Clip] = []
    trash = _Trash(project, source)
    try:
        for number, clip in enumerate(planned):
            reporter.check_stop()
            target = project.clip_file(clip.id)
            if clip.id not in old:
                written.append(target)
            cut.append(cut_clip(project, source, clip, options))
            reporter.progress("cut", before + number + 1, total, source.title)
        gone = project.store.replace_clips(source.id, cut, trash.keep)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        trash.undo()
        raise
    for clip in cut:
        if clip.id in old:  # it kept its row, but its sound is as these options want it
            project.store.measure_clip(clip.id, **{name: getattr(clip, name) for name in _MEASURED})
    trash.move()
    for clip_id in gone:
        project.clip_file(clip_id).unlink(missing_ok=True)
    if trash.ids:
        reporter.warning(
            "segment.trashed",
            "{count} clips of “{title}” that you had corrected, approved or rejected are cut differently now.",
            "The old ones, with their texts and changes, are kept in {folder}.",
            count=len(trash.ids),
            title=source.title,
            folder=str(trash.folder),
        )
    return len(trash.ids)


class _Trash:
    """Where clips go that a person worked on: a folder of the project's trash with ``clips.json`` and their audio."""

    def __init__(self, project: Project, source: Source) -> None:
        self.project, self.source = project, source
        self.folder: Path | None = None
        self.ids: list[str] = []

    def keep(self, clips: list[Clip], revisions: list[Revision]) -> None:
        """Write down what is to be kept, before it leaves the database."""
        parent = self.project.path / "trash"
        parent.mkdir(parents=True, exist_ok=True)
        self.folder = parent / free_name(parent, f"{self.source.id}-clips")
        kept = {"clips": [asdict(clip) for clip in clips], "revisions": [asdict(one) for one in revisions]}
        write_json(self.folder / "clips.json", {"source": asdict(self.source), **kept})
        self.ids = [clip.id for clip in clips]

    def undo(self) -> None:
        """Nothing left the database after all."""
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def move(self) -> None:
        """Bring the audio to what was written down."""
        for clip_id in self.ids:
            path = self.project.clip_file(clip_id)
            if self.folder and path.exists():
                path.rename(self.folder / path.name)
