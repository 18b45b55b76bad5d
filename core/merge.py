"""Merging one project into another: what would come in, what differs on both sides, and bringing it in.

Recordings, clips, texts, decisions, votes, datasets, runs, voices and documents are matched by their ids. What was
changed on one side alone is taken; what was changed on both stays as it is in the target, and is named. The project
that is merged stays as it is. A job does it; until all of it is there, nothing of it is in its place.
"""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from core.clips.edit import clip_lock
from core.damage import DamagedFile, read_record
from core.errors import DiskFull, UserError
from core.files import TEMP_PREFIX, read_bounded, subfolders, write_json
from core.jobs.args.projects import MergeProjectArgs
from core.jobs.job import Job, busy
from core.jobs.reporter import Reporter
from core.project import change_log
from core.project.backups import FOLDER, copy_database
from core.project.contents import plain_files
from core.project.records import Clip, Source, Vote, clip_title
from core.project.schema import connect
from core.project.workspace import Project
from core.studio.documents import FILE as DOCUMENT
from core.studio.documents import documents
from core.synthesis.saved_voices import saved_voices
from core.training.run import runs

Reason = Literal["other_recording", "same_recording", "removed", "bounds", "text", "vote", "run", "voice", "document"]
_TEXT_FIELDS = ("text", "status", "reason", "language")
_OVERLAP_S = 0.05
# Folders of folders, each of which comes as one, and by which files two of one name are told apart.
_RUN_FILES = ("job.json", "events.jsonl")
_WHOLE = {"datasets": (), "exports": ("manifest.json",), "runs": _RUN_FILES, "documents": (DOCUMENT,)}
_REASONS: dict[str, Reason] = {"exports": "voice", "runs": "run", "documents": "document"}
_PRONUNCIATIONS = "documents/pronunciation.json"
_LOOSE = ("takes", "listening", "evaluation")
# What is appended to, or written anew in place, would change in both where it is one file under two names.
_COPIED = (".jsonl", ".json", ".yaml", ".csv", ".db")
_RESERVE_BYTES = 64 << 20
_OUTCOME = "merge.json"  # beside the job
_MOST_NAMED = 500
_TRIES = 3  # while somebody works in one of the projects


@dataclass(frozen=True)
class Conflict:
    """Something that stays as it is in the target: its name to a person, and why."""

    reason: Reason
    name: str


@dataclass(frozen=True)
class MergePlan:
    """What a merge would do. ``updates`` are clips whose text or decision was changed in the other project alone."""

    sources: tuple[Source, ...] = ()
    clips: tuple[Clip, ...] = ()
    updates: tuple[Clip, ...] = ()
    votes: tuple[Vote, ...] = ()
    folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing would come in."""
        return not (self.sources or self.clips or self.updates or self.votes or self.folders or self.files)


@dataclass(frozen=True)
class MergeOutcome:
    """What came in, and what stayed as it was."""

    counts: dict[str, int] = field(default_factory=dict)
    conflicts: tuple[Conflict, ...] = ()


def keep_outcome(job: Job, done: MergePlan) -> None:
    """Note beside its job what a merge has brought."""
    write_json(job.path / _OUTCOME, asdict(MergeOutcome(done.counts, done.conflicts[:_MOST_NAMED])))


def outcome_of(job: Job) -> MergeOutcome:
    """What a merge that is done has brought; nothing where that cannot be read."""
    path = job.path / _OUTCOME
    try:
        return read_record(path, MergeOutcome) if path.exists() else MergeOutcome()
    except DamagedFile:
        return MergeOutcome()


def candidates(project: Project) -> list[Project]:
    """The projects that another one can be merged into: of its engine and language, the newest first."""
    about = project.info
    others = (other for other in project.workspace.projects() if other.slug != project.slug)
    return [other for other in others if (other.info.engine, other.info.language) == (about.engine, about.language)]


def plan(origin: Project, target: Project, own: Job | None = None) -> MergePlan:
    """Look at what ``origin`` would bring into ``target``; changes nothing.

    Args:
        origin: the one that is merged.
        target: the one that it is merged into.
        own: the job that does it, which may run.

    Raises:
        UserError: ``merge.other_voice``: their engine or language differ, or it is one project.
        Busy: a job runs in one of them.
    """
    if target.slug not in {candidate.slug for candidate in candidates(origin)}:
        raise UserError(
            "merge.other_voice",
            "“{origin}” cannot be merged into “{target}”: both have to be for the same engine and language.",
            "Choose another project.",
            origin=origin.info.name,
            target=target.info.name,
        )
    for project in (origin, target):
        if (running := project.running()) and (own is None or running.path != own.path):
            raise busy(running.holder())
    conflicts: list[Conflict] = []
    sources, skipped = _sources(origin, target, conflicts)
    clips, updates = _clips(origin, target, {source.id for source in sources}, skipped, conflicts)
    folders, files = _folders(origin, target, conflicts), _files(origin, target, conflicts)
    votes = _votes(origin, target, {name.removeprefix("runs/") for name in folders}, conflicts)
    tops = Counter(name.split("/")[0] for name in folders)
    counts = {"recordings": len(sources), "clips": len(clips), "texts": len(updates), "votes": len(votes)}
    counts |= {"runs": tops["runs"], "voices": tops["exports"], "documents": tops["documents"]}
    counts["saved_voices"] = sum(name.startswith("voices/") for name in files)
    return MergePlan(
        tuple(sources),
        tuple(clips),
        tuple(updates),
        tuple(votes),
        tuple(folders),
        tuple(files),
        tuple(conflicts),
        counts,
    )


def start_merge(origin: Project, target: Project) -> Job:
    """Have a job of the target bring in what `plan` says.

    Raises:
        UserError, Busy: as of `plan`.
    """
    plan(origin, target)
    return target.start_job(MergeProjectArgs(project=origin.slug), title=origin.info.name)


def merge(origin: Project, target: Project, reporter: Reporter) -> MergePlan:
    """Bring in what `plan` says; texts are undone as one change, and the records of before lie among the backups.

    All files are made ready out of sight first. Where it is stopped or killed before the last step, nothing has come
    in; in that step, it is done once more from what is there by then.

    Raises:
        UserError: as of `plan`; ``merge.changing``. DiskFull. Cancelled: Stop was pressed.
    """
    draft = target.path / f"{TEMP_PREFIX}merge"
    try:
        for _ in range(_TRIES):
            shutil.rmtree(draft, ignore_errors=True)
            wanted = plan(origin, target, reporter.job)
            _check_room(origin, target, wanted)
            try:
                _bring_files(origin, target, wanted, draft, reporter)
            except FileNotFoundError:  # a clip was cut anew, or the project deleted, which the next look says
                continue
            with clip_lock(target):
                if plan(origin, target, reporter.job) == wanted:
                    _put_in_place(draft, target, wanted)
                    _bring_records(origin, target, wanted)
                    return wanted
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    raise UserError(
        "merge.changing",
        "“{origin}” or “{target}” has changed again and again while they were merged; nothing has come in.",
        "Press Resume when nobody works in them.",
        origin=origin.info.name,
        target=target.info.name,
    )


def _bring_files(origin: Project, target: Project, wanted: MergePlan, draft: Path, reporter: Reporter) -> None:
    """Make ready under ``draft``, laid out like a project, what is to come in."""
    files = [path for source in wanted.sources for path in origin.source_files(source.id)]
    files += [path for clip in wanted.clips if (path := origin.clip_file(clip.id)).exists()]
    files += [origin.path / name for name in wanted.files]
    for folder in _LOOSE:
        files += [path for path in plain_files(origin.path / folder) if not _there(origin, target, path).exists()]
    files += [path for name in wanted.folders for path in plain_files(origin.path / name)]
    sizes = [path.stat().st_size for path in files]
    done, total = 0, sum(sizes)
    for path, size in zip(files, sizes, strict=True):
        reporter.check_stop()
        name = path.relative_to(origin.path)
        reporter.progress("merge_files", done, total, name.as_posix())
        _bring_file(path, draft / name)
        done += size
    reporter.check_stop()
    reporter.progress("merge_files", total, total)


def _put_in_place(draft: Path, target: Project, wanted: MergePlan) -> None:
    for name in wanted.folders:
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


def _sources(origin: Project, target: Project, conflicts: list[Conflict]) -> tuple[list[Source], set[str]]:
    """Recordings that are new, and ids of those whose clips cannot come."""
    here = {source.id: source for source in target.store.sources()}
    hashes = {source.sha256 for source in here.values() if source.sha256}
    new, skipped = [], set()
    for source in origin.store.sources():
        if (match := here.get(source.id)) is None and source.sha256 not in hashes:
            new.append(source)
        elif match is None or match.sha256 != source.sha256:
            conflicts.append(Conflict("other_recording" if match else "same_recording", source.title))
            skipped.add(source.id)
    return new, skipped


def _clips(
    origin: Project, target: Project, new_sources: set[str], skipped: set[str], conflicts: list[Conflict]
) -> tuple[list[Clip], list[Clip]]:
    here = {clip.id: clip for clip in target.store.clips()}
    titles = {source.id: source.title for source in origin.store.sources()}
    theirs_changed, ours_changed = _changes(origin), _changes(target)
    last = _last_numbers(target)
    new, updates = [], []
    for clip in origin.store.clips():
        if clip.source_id in skipped:
            continue
        match, name = here.get(clip.id), clip_title(clip, titles.get(clip.source_id, ""))
        if match is None:
            number = clip.id.rpartition("-")[2]
            was_here = number.isdecimal() and int(number) <= last.get(clip.source_id, 0)
            if clip.source_id in new_sources or not (was_here or _overlaps(clip, here.values())):
                new.append(clip)
            else:
                conflicts.append(Conflict("removed" if was_here else "bounds", name))
        elif (match.start_s, match.end_s) != (clip.start_s, clip.end_s):
            conflicts.append(Conflict("bounds", name))
        elif any(getattr(match, name) != getattr(clip, name) for name in _TEXT_FIELDS):
            ours, theirs = ours_changed.get(clip.id, []), theirs_changed.get(clip.id, [])
            if theirs[: len(ours)] == ours and len(theirs) > len(ours):
                updates.append(clip)
            elif ours[: len(theirs)] != theirs:
                conflicts.append(Conflict("text", name))
            elif not ours and not theirs:  # heard by different models, and nobody has looked at it
                continue
    return new, updates


def _changes(project: Project) -> dict[str, list[tuple[str, str, str]]]:
    """What was changed of each clip by hand, oldest first."""
    changes: dict[str, list[tuple[str, str, str]]] = {}
    with connect(project.database) as db:
        for clip_id, *change in db.execute("SELECT clip_id, field, old, new FROM revisions ORDER BY number"):
            changes.setdefault(clip_id, []).append((change[0], change[1], change[2]))
    return changes


def _last_numbers(project: Project) -> dict[str, int]:
    with connect(project.database) as db:
        return dict(db.execute("SELECT source_id, last FROM clip_numbers").fetchall())


def _overlaps(clip: Clip, others: object) -> bool:
    return any(
        other.source_id == clip.source_id
        and min(other.end_s, clip.end_s) - max(other.start_s, clip.start_s) > _OVERLAP_S
        for other in others  # type: ignore[attr-defined]
    )


def _folders(origin: Project, target: Project, conflicts: list[Conflict]) -> list[str]:
    """Datasets, runs, exports and documents that are new; those of the same name that are another one are named."""
    titles = {f"runs/{run.id}": run.title for run in runs(origin)}
    titles |= {f"documents/{document.id}": document.name for document in documents(origin)}
    new = []
    for top, told_by in _WHOLE.items():
        for folder in subfolders(origin.path / top):
            name, there = f"{top}/{folder.name}", target.path / top / folder.name
            if folder.is_symlink() or not any(folder.iterdir()):
                continue
            if not os.path.lexists(there):
                new.append(name)
            elif not _same(folder, there, told_by):
                conflicts.append(Conflict(_REASONS[top], titles.get(name, folder.name)))
    return new


def _files(origin: Project, target: Project, conflicts: list[Conflict]) -> list[str]:
    """Saved voices, and the list of pronunciations, where there is none of the name."""
    titles = {f"voices/{voice.id}.json": voice.name for voice in saved_voices(origin)}
    new = []
    for name in [*sorted(titles), _PRONUNCIATIONS]:
        if not (origin.path / name).is_file():
            continue
        if not os.path.lexists(target.path / name):
            new.append(name)
        elif not _same(origin.path, target.path, (name,)):
            reason: Reason = "voice" if name in titles else "document"
            conflicts.append(Conflict(reason, titles.get(name, PurePosixPath(name).name)))
    return new


def _same(one: Path, other: Path, names: Sequence[str]) -> bool:
    try:
        return all(read_bounded(one / name) == read_bounded(other / name) for name in names)
    except (OSError, ValueError):
        return False


def _votes(origin: Project, target: Project, new_runs: set[str], conflicts: list[Conflict]) -> list[Vote]:
    """Votes on runs that are the same on both sides."""
    here = {vote.pair: vote for vote in target.store.votes()}
    other_runs = {
        folder.name
        for folder in subfolders(origin.runs)
        if folder.name not in new_runs and not _same(folder, target.runs / folder.name, _RUN_FILES)
    }
    new = []
    for vote in origin.store.votes():
        match = here.get(vote.pair)
        if match is None and not {vote.left.run_id, vote.right.run_id} & other_runs:
            new.append(vote)
        elif match and match.choice != vote.choice:
            conflicts.append(Conflict("vote", vote.sentence or vote.pair))
    return new


def _check_room(origin: Project, target: Project, wanted: MergePlan) -> None:
    folders = [origin.path / name for name in (*wanted.folders, *_LOOSE)]
    size = sum(path.stat().st_size for folder in folders for path in plain_files(folder))
    size += sum(path.stat().st_size for source in wanted.sources for path in origin.source_files(source.id))
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


def _there(origin: Project, target: Project, path: Path) -> Path:
    return target.path / path.relative_to(origin.path)


def _bring_file(path: Path, target: Path) -> None:
    """A second name for what is never changed in place; a copy of the rest."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if path.suffix in _COPIED or "tfevents" in path.name:
            raise OSError
        os.link(path, target)
    except OSError:  # another disk, or one that knows no links
        shutil.copyfile(path, target)


def _bring_records(origin: Project, target: Project, wanted: MergePlan) -> None:
    new_sources = [source.id for source in wanted.sources]
    new_clips = [clip.id for clip in wanted.clips]
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
        for vote in wanted.votes:
            row = (vote.pair, vote.left.name, vote.right.name, vote.choice, vote.at, vote.sentence, vote.listener)
            names = "pair, left_name, right_name, choice, at, sentence, listener"
            db.execute(f"INSERT OR IGNORE INTO votes ({names}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        changes = [
            (
                db.execute("SELECT * FROM main.clips WHERE id=?", (clip.id,)).fetchone(),
                {name: getattr(clip, name) for name in _TEXT_FIELDS},
            )
            for clip in wanted.updates
        ]
        change_log.apply(db, changes)


def _parts(ids: Sequence[str], size: int = 500) -> Iterator[Sequence[str]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))
