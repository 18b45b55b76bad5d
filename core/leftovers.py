"""Garbage collection of the workspace: broken-off uploads, half-made files and folders, forgotten data sets.

Only by age, and never what a job at work holds. Called when the server starts and every `EVERY_S` from then on.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError
from core.files import TEMP_PREFIX
from core.jobs import locks
from core.jobs.args.projects import UnpackProjectArgs
from core.jobs.args.sources import ImportArgs, ScanCollectionArgs
from core.jobs.args.speech import ImportVoiceArgs
from core.jobs.args.studio import ImportTextArgs
from core.jobs.job import Job
from core.project.workspace import Project, Workspace
from core.sources.recordings import is_resumable

EVERY_S = 15 * 60
BROKEN_OFF_S = 30 * 60  # an upload that still comes in is written to all the time
HALF_MADE_S = 3600  # so is what a job writes; what a click makes takes seconds
UPLOADED_S = 6 * 3600  # the page that a file was dropped on takes it within moments
FORGOTTEN_S = 14 * 24 * 3600  # a data set that waits for a decision, files of an import that nobody resumed
_OTHER_S = 24 * 3600
_DEPTH = 3  # folders deep half-made files lie in a project: runs/<run>/checkpoints
log = logging.getLogger("voicewright")


@dataclass(frozen=True)
class _Age:
    now: float

    def over(self, path: Path, seconds: float) -> bool:
        """Whether nothing in a file or folder was written for so long."""
        inner = path.rglob("*") if path.is_dir() and not path.is_symlink() else ()
        try:
            newest = max(file.lstat().st_mtime for file in (path, *inner))
        except FileNotFoundError:  # it goes, or grows, this moment
            return False
        return bool(self.now - newest > seconds)


def delete_leftovers(workspace: Workspace, now: float | None = None) -> list[Path]:
    """Delete what is old enough to be left over; returns what was deleted.

    Args:
        workspace: where.
        now: Unix time in seconds to reckon ages by; the present if not given.
    """
    age = _Age(time.time() if now is None else now)
    paths: list[Path] = []
    for leftovers in (_in_temporary(workspace, age), _in_workspace(workspace, age), _in_projects(workspace, age)):
        with contextlib.suppress(FileNotFoundError):  # somebody else was quicker
            for path in leftovers:
                paths += _delete(path)
    return paths


def _delete(path: Path) -> list[Path]:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError as error:
        log.warning("could not be cleared away: %s", error)
        return []
    return [path]


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _in_temporary(workspace: Workspace, age: _Age) -> Iterator[Path]:
    """In the server's own temporary folder, this server's or an earlier one's."""
    temporary = workspace.path / "tmp"
    for path in _entries(temporary / "gradio"):
        # A file here is still coming in; a folder holds a whole one.
        if age.over(path, UPLOADED_S if path.is_dir() else BROKEN_OFF_S):
            yield path
    entries = [path for path in _entries(temporary) if path.name not in ("gradio", "incoming", "empty")]
    for path in (*entries, *_entries(temporary / "incoming")):  # there a folder for each file that comes in pieces
        if age.over(path, _OTHER_S):
            yield path


def _in_workspace(workspace: Workspace, age: _Age) -> Iterator[Path]:
    folders = [workspace.path, workspace.path / "private", workspace.queue, workspace.trash, workspace.projects_folder]
    folders.append(workspace.voices)
    for path in (path for folder in folders for path in folder.glob(f"{TEMP_PREFIX}*")):
        if age.over(path, HALF_MADE_S):
            yield path
    for path in workspace.models.glob(f"{TEMP_PREFIX}*"):
        if age.over(path, _OTHER_S):
            yield path


def _in_projects(workspace: Workspace, age: _Age) -> Iterator[Path]:
    for folder in _entries(workspace.projects_folder):
        if folder.name.startswith(TEMP_PREFIX) or folder.is_symlink() or not folder.is_dir():
            continue
        if not (folder / "project.json").exists():
            # What an earlier version left of a project that it could not write; one with anything in it is kept.
            if all(file.name.startswith(TEMP_PREFIX) for file in folder.rglob("*")) and age.over(folder, HALF_MADE_S):
                yield folder
            continue
        project = Project(workspace, folder.name)
        yield from _hidden_jobs(project, age)
        yield from _uploads(project, age)
        if not _at_work(project):
            yield from _half_made(project.path, age, _DEPTH)


def _hidden_jobs(project: Project, age: _Age) -> Iterator[Path]:
    for folder in (path for parent in (project.jobs, project.runs) for path in parent.glob(f"{TEMP_PREFIX}*")):
        if not locks.is_locked(folder / "lock") and age.over(folder, HALF_MADE_S):
            yield folder


def _at_work(project: Project) -> bool:
    lock_files = (path for parent in (project.jobs, project.runs) for path in parent.glob("*/lock"))
    return any(map(locks.is_locked, lock_files))


def _half_made(folder: Path, age: _Age, depth: int) -> Iterator[Path]:
    for path in _entries(folder):
        if path.name.startswith(TEMP_PREFIX):
            if age.over(path, HALF_MADE_S):
                yield path
        elif depth and path.is_dir() and not path.is_symlink():
            yield from _half_made(path, age, depth - 1)


def _uploads(project: Project, age: _Age) -> Iterator[Path]:
    """Files between upload and decoding that no import will decode any more."""
    try:
        at_work, resumable = _wanted_uploads(project)
    except (UserError, OSError) as error:  # a damaged job may want any of them
        log.warning("the uploads of %s are left alone: %s", project.slug, error)
        return
    for path in _entries(project.uploads):
        waits = path.name in resumable or _is_held(path)
        if path.name not in at_work and age.over(path, FORGOTTEN_S if waits else HALF_MADE_S):
            yield path
    for folder in project.jobs.glob("*/download"):  # of links
        waits = folder.parent.name in resumable
        if folder.parent.name not in at_work and age.over(folder, FORGOTTEN_S if waits else HALF_MADE_S):
            yield folder


def _is_held(path: Path) -> bool:
    """Whether it waits for a decision: a folder, or the zip and its facts that an earlier version left."""
    pair = all(path.with_suffix(end).exists() for end in (".zip", ".json"))
    return path.name.startswith("held-") and (pair or (path / "held.json").exists())


def _wanted_uploads(project: Project) -> tuple[set[str], set[str]]:
    """Names of the imports at work and their files, and of those that may be resumed and theirs."""
    at_work: set[str] = set()
    resumable: set[str] = set()
    for file in project.jobs.glob("*/job.json"):
        job = Job(file.parent)
        args = job.spec().args
        if isinstance(args, ImportArgs):
            names = {job.id, *(path.name for path, _ in args.files)}
        elif isinstance(args, ScanCollectionArgs):
            names = {job.id, args.held}
        elif isinstance(args, ImportTextArgs | UnpackProjectArgs):
            names = {job.id, args.file}
        elif isinstance(args, ImportVoiceArgs):
            names = {job.id, args.path.name}
        else:
            continue
        if job.alive() or job.id.startswith(TEMP_PREFIX):
            at_work |= names
        elif is_resumable(job) or (isinstance(args, UnpackProjectArgs) and job.read().status != "done"):
            resumable |= names
    return at_work, resumable
