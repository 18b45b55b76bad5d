"""Merging one project into another, as `core.merge_plan` says.

Recordings, clips, texts, decisions, votes, datasets, runs, voices and documents are matched by their ids. What was
changed on one side alone is taken; what was changed on both stays as it is in the target, and is named. The project
that is merged stays as it is. A job does it; until all of it is there, nothing of it is in its place.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from core.clips.lock import clip_lock
from core.damage import DamagedFile, read_record
from core.errors import DiskFull, UserError
from core.files import TEMP_PREFIX, link_or_copy, write_json
from core.jobs.args.projects import MergeProjectArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.merge_plan import TEXT_FIELDS, Conflict, MergePlan, plan_merge
from core.project import change_log
from core.project.backups import FOLDER, copy_database
from core.project.contents import plain_files
from core.project.schema import connect
from core.project.workspace import Project

_LOOSE = ("takes", "listening", "evaluation")
# What is appended to, or written anew in place, would change in both where it is one file under two names.
_COPIED = (".jsonl", ".json", ".yaml", ".csv", ".db")
_RESERVE_BYTES = 64 << 20
_OUTCOME = "merge.json"  # beside the job
_MOST_NAMED = 500
_LOOK_S = 1.0
_TRIES = 3  # while somebody works in one of the projects


@dataclass(frozen=True)
class MergeOutcome:
    """What came in, and what stayed as it was."""

    counts: dict[str, int] = field(default_factory=dict)
    conflicts: tuple[Conflict, ...] = ()


def keep_outcome(job: Job, plan: MergePlan) -> None:
    """Note beside its job what a merge has brought."""
    write_json(job.path / _OUTCOME, asdict(MergeOutcome(plan.counts, plan.conflicts[:_MOST_NAMED])))


def outcome_of(job: Job) -> MergeOutcome:
    """What a merge that is done has brought; nothing where that cannot be read."""
    path = job.path / _OUTCOME
    try:
        return read_record(path, MergeOutcome) if path.exists() else MergeOutcome()
    except DamagedFile:
        return MergeOutcome()


def start_merge(origin: Project, target: Project) -> Job:
    """Have a job of the target bring in what `plan_merge` says.

    Raises:
        UserError, Busy: as of `plan_merge`.
    """
    plan_merge(origin, target)
    return target.start_job(MergeProjectArgs(project=origin.slug), title=origin.info.name)


def merge(origin: Project, target: Project, reporter: Reporter) -> MergePlan:
    """Bring in what `plan_merge` says; texts are undone as one change, and the records of before lie among the backups.

    All files are made ready out of sight first. Where it is stopped or killed before the last step, nothing has come
    in; in that step, it is done once more from what is there by then. While another job is at work in one of the two
    it waits.

    Raises:
        UserError: as of `plan_merge`; ``merge.changing``. DiskFull. Cancelled: Stop was pressed.
    """
    draft = target.path / f"{TEMP_PREFIX}merge"
    try:
        for _ in range(_TRIES):
            shutil.rmtree(draft, ignore_errors=True)
            _wait_for_other_jobs(origin, target, reporter)
            plan = plan_merge(origin, target, at_rest=True)
            _check_room(origin, target, plan)
            try:
                _bring_files(origin, target, plan, draft, reporter)
            except FileNotFoundError:  # a clip was cut anew, or the project deleted, which the next look says
                continue
            _wait_for_other_jobs(origin, target, reporter)
            with clip_lock(target):
                if plan_merge(origin, target, at_rest=True) == plan:
                    _put_in_place(draft, target, plan)
                    _bring_records(origin, target, plan)
                    return plan
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    raise UserError(
        "merge.changing",
        "“{origin}” or “{target}” has changed again and again while they were merged; nothing has come in.",
        "Press Resume when nobody works in them.",
        origin=origin.info.name,
        target=target.info.name,
    )


def _wait_for_other_jobs(origin: Project, target: Project, reporter: Reporter) -> None:
    while running := origin.running() or target.running(reporter.job):
        reporter.check_stop()
        reporter.progress("merge_waits", 0, 1, running.spec().title)
        time.sleep(_LOOK_S)


def _bring_files(origin: Project, target: Project, plan: MergePlan, draft: Path, reporter: Reporter) -> None:
    """Make ready under ``draft``, laid out like a project, what is to come in."""
    files = [path for source in plan.sources for path in origin.source_files(source.id)]
    files += [path for clip in plan.clips if (path := origin.clip_file(clip.id)).exists()]
    files += [origin.path / name for name in plan.files]
    for folder in _LOOSE:
        paths = plain_files(origin.path / folder)
        files += [path for path in paths if not (target.path / path.relative_to(origin.path)).exists()]
    files += [path for name in plan.folders for path in plain_files(origin.path / name)]
    sizes = [path.stat().st_size for path in files]
    count, total = 0, sum(sizes)
    for path, size in zip(files, sizes, strict=True):
        reporter.check_stop()
        name = path.relative_to(origin.path)
        reporter.progress("merge_files", count, total, name.as_posix())
        _bring_file(path, draft / name)
        count += size
    reporter.check_stop()
    reporter.progress("merge_files", total, total)


def _put_in_place(draft: Path, target: Project, plan: MergePlan) -> None:
    for name in plan.folders:
        (target.path / name).parent.mkdir(parents=True, exist_ok=True)
        (draft / name).mkdir(parents=True, exist_ok=True)  # one that holds nothing but what does not come along
        (draft / name).rename(target.path / name)
    for path in plain_files(draft):
        inner = path.relative_to(draft)
        place = target.path / inner
        if inner.parts[0] in _LOOSE and os.path.lexists(place):  # made here meanwhile, such as own test sentences
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, place)


def _check_room(origin: Project, target: Project, plan: MergePlan) -> None:
    folders = [origin.path / name for name in (*plan.folders, *_LOOSE)]
    size = sum(path.stat().st_size for folder in folders for path in plain_files(folder))
    size += sum(path.stat().st_size for source in plan.sources for path in origin.source_files(source.id))
    free = shutil.disk_usage(target.path).free
    if size > free - _RESERVE_BYTES:
        raise DiskFull(
            "merge.no_room",
            "“{name}” needs {needed_mb} MB, and {free_mb} MB are free.",
            "Free some space, then try again.",
            name=origin.info.name,
            needed_mb=size >> 20,
            free_mb=free >> 20,
        )


def _bring_file(path: Path, target: Path) -> None:
    """A second name for what is never changed in place; a copy of the rest."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in _COPIED or "tfevents" in path.name:
        shutil.copyfile(path, target)
    else:
        link_or_copy(path, target)


def _bring_records(origin: Project, target: Project, plan: MergePlan) -> None:
    new_sources = [source.id for source in plan.sources]
    new_clips = [clip.id for clip in plan.clips]
    with connect(target.database) as db:
        copy_database(db, target.path / FOLDER / f"{target.database.stem}-{time.strftime('%Y-%m-%d')}-before-merge.db")
        db.execute("ATTACH ? AS came", (str(origin.database),))
        for table, column, ids in (
            ("sources", "id", new_sources),
            ("words", "source_id", new_sources),
            ("clip_numbers", "source_id", new_sources),
            ("clips", "id", new_clips),
        ):
            names = ", ".join(row[1] for row in db.execute(f"PRAGMA main.table_info({table})"))
            for part in _parts(ids):
                marks = ", ".join("?" for _ in part)
                sql = f"INSERT INTO main.{table} ({names}) SELECT {names} FROM came.{table} WHERE {column} IN ({marks})"
                db.execute(sql, part)
        for vote in plan.votes:
            row = (vote.pair, vote.left.name, vote.right.name, vote.choice, vote.at, vote.sentence, vote.listener)
            names = "pair, left_name, right_name, choice, at, sentence, listener"
            db.execute(f"INSERT OR IGNORE INTO votes ({names}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        changes = [
            (
                db.execute("SELECT * FROM main.clips WHERE id=?", (clip.id,)).fetchone(),
                {name: getattr(clip, name) for name in TEXT_FIELDS},
            )
            for clip in plan.updates
        ]
        change_log.apply(db, changes)


def _parts(ids: Sequence[str], size: int = 500) -> Iterator[Sequence[str]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))
