"""Ledger of a mirror: whose it is, what was brought over, how far it is; in the workspace, not on the drive."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from core.files import read_json, write_json
from core.project.workspace import Project, Workspace

Stamp = tuple[int, int]  # size in bytes, and when it was written in nanoseconds
State = Literal["copying", "done", "no_room", "away", "taken", "stopped"]
MARK = ".mirror.json"  # on the drive: which computer's mirror it is
_NOT_THERE = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)


@dataclass(frozen=True)
class SyncState:
    """How far a mirror is: ``at`` is when everything was last over there, ``left_out`` what found no room.

    ``missing_bytes`` is how much more room that needs, 0 where the drive does not say; ``is_limit`` whether it is the
    mirror's own limit that leaves none. ``code``, ``reason`` and ``values`` are an error's.
    """

    state: State
    files: int = 0
    bytes: int = 0
    at: float = 0.0
    left_out: tuple[str, ...] = ()
    missing_bytes: int = 0
    is_limit: bool = False
    code: str = ""
    reason: str = ""
    values: dict[str, Any] = field(default_factory=dict)


@dataclass
class Ledger:
    """Who this computer is to a mirror, and the stamps of the local files that lie there as they are."""

    path: Path
    owner: str = ""
    files: dict[str, Stamp] = field(default_factory=dict)

    @classmethod
    def of(cls, workspace: Workspace, slug: str) -> Ledger:
        """What is known; a lost or damaged one begins anew, and what is there is copied once more."""
        path = notes_folder(workspace) / f"{slug}.json"
        try:
            raw = read_json(path)
            files = {str(name): (int(size), int(at)) for name, (size, at) in raw["files"].items()}
            return cls(path, str(raw["owner"]), files)
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return cls(path)

    def save(self) -> None:
        """Write it down."""
        write_json(self.path, {"owner": self.owner, "files": self.files})


def stamp_of(path: Path) -> Stamp:
    """The stamp of a file as it is now."""
    about = path.stat()
    return about.st_size, about.st_mtime_ns


def notes_folder(workspace: Workspace) -> Path:
    """Where a workspace keeps what is known of its mirrors."""
    return workspace.path / "sync"


def lock_path(project: Project) -> Path:
    """Held by the one syncer of a project."""
    return notes_folder(project.workspace) / f"{project.slug}.lock"


def watch_path(project: Project) -> Path:
    """Held by whoever wants syncers of a project to stay (`core.sync.syncer.watch`)."""
    return notes_folder(project.workspace) / f"{project.slug}.watch"


def read_state(project: Project) -> SyncState | None:
    """How far a project's mirror is; None if it has none."""
    try:
        raw = read_json(_state_path(project))
        return SyncState(**{**raw, "left_out": tuple(raw["left_out"])})
    except (OSError, ValueError, TypeError, LookupError):
        return None


def write_state(project: Project, state: SyncState) -> None:
    """Note how far a project's mirror is."""
    write_json(_state_path(project), asdict(state))


def _state_path(project: Project) -> Path:
    return notes_folder(project.workspace) / f"{project.slug}.state.json"


def owner_of(mirror: Path) -> str:
    """Whose a mirror on a drive is; empty where there is none.

    Raises:
        OSError: the drive cannot be read.
    """
    try:
        return str(read_json(mirror / MARK)["owner"])
    except FileNotFoundError:
        return ""
    except (ValueError, LookupError, TypeError):
        return "unreadable"


def write_owner(mirror: Path, owner: str) -> None:
    """Say whose a mirror on a drive is."""
    temporary = mirror / f"{MARK}.new"
    temporary.write_text(json.dumps({"owner": owner}))
    os.replace(temporary, mirror / MARK)


def flush(handle: int) -> None:
    """Have a file reach its drive; some that are mounted know no such call."""
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NOT_THERE:
            raise


def erase(path: Path) -> None:
    """Delete, emptied first: what is deleted in a cloud folder goes to a bin, where its bytes would count on."""
    paths = sorted(path.rglob("*"), reverse=True) if path.is_dir() else []
    for entry in (*paths, path):
        with contextlib.suppress(OSError):
            if entry.is_dir():
                entry.rmdir()
            else:
                if not entry.is_symlink() and entry.stat().st_nlink == 1:  # else it is another file's content too
                    os.truncate(entry, 0)
                entry.unlink()
