"""Merging one project into another: what would come in, what differs on both sides, and bringing it in.

Recordings, clips, texts, decisions, votes, datasets, runs, voices and documents are matched by their ids. What was
changed on one side alone is taken; what was changed on both stays as it is in the target, and is named. The project
that is merged stays as it is.
"""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from core.clips.edit import clip_lock
from core.errors import DiskFull, UserError
from core.files import TEMP_PREFIX, read_bounded, subfolders
from core.jobs.job import busy
from core.project import change_log
from core.project.backups import FOLDER, copy_database
from core.project.contents import plain_files
from core.project.records import Clip, Source, Vote, clip_title
from core.project.schema import connect
from core.project.workspace import Project
from core.studio.document import FILE as DOCUMENT
from core.studio.document import documents
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


def candidates(project: Project) -> list[Project]:
    """The projects that another one can be merged into: of its engine and language, the newest first."""
    about = project.info
    others = (other for other in project.workspace.projects() if other.slug != project.slug)
    return [other for other in others if (other.info.engine, other.info.language) == (about.engine, about.language)]


def plan(origin: Project, target: Project) -> MergePlan:
    """Look at what ``origin`` would bring into ``target``; changes nothing.

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
        if running := project.running():
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


def merge(origin: Project, target: Project) -> MergePlan:
    """Bring in what `plan` says; texts are undone as one change, and the records of before lie among the backups.

    Raises:
        UserError: as of `plan`; ``clip.missing``. DiskFull, OSError: nothing of the records is changed then.
    """
    with clip_lock(target):
        wanted = plan(origin, target)
        _check_room(origin, target, wanted)
        files = [path for source in wanted.sources for path in origin.source_files(source.id)]
        files += [path for clip in wanted.clips if (path := origin.clip_file(clip.id)).exists()]
        files += [origin.path / name for name in wanted.files]
        for folder in _LOOSE:
            files += [path for path in plain_files(origin.path / folder) if not _there(origin, target, path).exists()]
        for path in files:
            _bring_file(path, _there(origin, target, path))
        for name in wanted.folders:
            _bring_folder(origin.path / name, target.path / name)
        _bring_records(origin, target, wanted)
    return wanted


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
    temporary = target.with_name(f"{TEMP_PREFIX}{target.name}")
    temporary.unlink(missing_ok=True)
    try:
        if path.suffix in _COPIED or "tfevents" in path.name:
            raise OSError
        os.link(path, temporary)
    except OSError:
        shutil.copyfile(path, temporary)
    os.replace(temporary, target)


def _bring_folder(folder: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f"{TEMP_PREFIX}{target.name}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    for path in plain_files(folder):
        _bring_file(path, draft / path.relative_to(folder))
    draft.rename(target)


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
