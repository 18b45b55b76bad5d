"""The one trash: deleted projects, recordings, clips, runs, checkpoints, datasets, exports, takes; back, or gone."""

from __future__ import annotations

import contextlib
import functools
import secrets
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from core.checkpoint_ref import step_of
from core.clips.trash import restore_trashed_clips, trashed_clips
from core.errors import UserError
from core.files import inside, read_json
from core.jobs import events
from core.jobs.job import Job, busy
from core.project import trash as project_trash
from core.project.trash import Discarded
from core.project.usage import disk_bytes
from core.project.workspace import Project, Workspace
from core.sources import recordings
from core.synthesis import exports

_GOING = ".going-"
_SETTLES_S = 2.0  # what came a moment ago may still be on its way


@dataclass(frozen=True)
class TrashEntry:
    """One thing in the trash.

    ``kind`` is project, voice, recording, clips, or one of `core.project.trash.Kind`; ``project`` the name of the
    project it belonged to (empty for what belongs to none); ``size`` bytes on the disk; ``at`` Unix time, 0 where it
    was not noted.
    """

    id: str
    kind: str
    name: str
    project: str
    size: int
    path: Path
    at: float = 0.0


def contents(workspace: Workspace) -> list[TrashEntry]:
    """All of the workspace's trash: projects first, then by project, the newest first."""
    entries = []
    for name in workspace.trash_names():
        path = workspace.trash / name
        entries.append(TrashEntry(f"/project/{name}", "project", _title(path), "", _size(path), path))
    for project in workspace.projects():
        entries += _of_project(project)
    return entries + _imported(workspace)


def restore(workspace: Workspace, id_: str) -> None:
    """Bring one thing back.

    Raises:
        UserError: it is not there any more, or what it belongs to is not.
    """
    slug, kind, name = id_.split("/", 2)
    if kind == "project":
        workspace.restore(name)
        return
    if kind == "voice":
        exports.restore_imported(workspace, name)
        return
    project = workspace.project(slug)
    if kind == "recording":
        recordings.restore(project, name)
    elif kind == "clips":
        restore_trashed_clips(project, name)
    else:
        _bring_back(project, project_trash.discarded(project, name))


def delete(workspace: Workspace, ids: Iterable[str]) -> int:
    """Delete these things for good; returns how many there were."""
    entries = {entry.id: entry for entry in contents(workspace)}
    selection = [entries[id_] for id_ in ids if id_ in entries]
    for entry in selection:
        with contextlib.suppress(FileNotFoundError):  # brought back, or deleted in another window, just now
            if entry.path.is_symlink():
                entry.path.unlink()  # never what it leads to
                continue
            path = inside(workspace.path, str(entry.path.relative_to(workspace.path)))
            # Out of the way first: what is half deleted is nothing to bring back.
            shutil.rmtree(path.rename(path.with_name(f"{_GOING}{secrets.token_hex(4)}")))
    for place in {entry.path.parent for entry in selection}:
        for left_over in place.glob(f"{_GOING}*"):  # of a time when this was broken off
            shutil.rmtree(left_over, ignore_errors=True)
    return len(selection)


def _size(path: Path) -> int:
    """Bytes on the disk, counted once: what lies in the trash changes no more."""
    try:
        about = path.lstat()
    except OSError:
        return 0
    if time.time() - about.st_ctime < _SETTLES_S:
        return disk_bytes([path])
    return _count_bytes(path, about.st_ino, about.st_mtime_ns, about.st_ctime_ns)


@functools.lru_cache(maxsize=4096)
def _count_bytes(path: Path, *_version: int) -> int:
    return disk_bytes([path])


def _title(folder: Path) -> str:
    """What a person called a deleted project."""
    try:
        return str(read_json(folder / "project.json")["name"])
    except (OSError, ValueError, LookupError, TypeError):
        return folder.name


def _imported(workspace: Workspace) -> list[TrashEntry]:
    return [
        TrashEntry(f"/voice/{voice.id}", "voice", voice.name, "", voice.size, voice.folder)
        for voice in exports.discarded_imported(workspace)
    ]


def _of_project(project: Project) -> list[TrashEntry]:
    name, folder = project.info.name, project.path / "trash"
    entries = [
        TrashEntry(f"{project.slug}/{entry.kind}/{entry.id}", entry.kind, entry.name, name, 0, entry.path, entry.at)
        for entry in project_trash.contents(project)
    ]
    entries += [
        TrashEntry(f"{project.slug}/recording/{place}", "recording", title, name, 0, folder / place)
        for place, title in recordings.trash_entries(project)
    ]
    try:
        clips = trashed_clips(project)
    except UserError:  # the records cannot be read, which is told elsewhere
        clips = []
    entries += [
        TrashEntry(f"{project.slug}/clips/{clip.folder}", "clips", clip.title, name, 0, folder / clip.folder, clip.at)
        for clip in clips
    ]
    return [TrashEntry(**{**entry.__dict__, "size": _size(entry.path)}) for entry in entries]


def _bring_back(project: Project, entry: Discarded) -> None:
    if entry.kind == "checkpoint":
        job = Job((project.path / entry.places[0]).parent.parent)
        if job.alive():
            raise busy(job.holder())
    back = project_trash.bring_back(project, entry)
    if entry.kind != "checkpoint":
        return
    for path in back:  # the run's log says again that it is there
        run, step = path.parent.parent, step_of(path.name)
        if step is not None:
            events.append(run / "events.jsonl", events.Checkpoint(step=step, path=str(path.relative_to(run))))
