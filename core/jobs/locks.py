"""File locks (`flock`) that die with their process; handed to the child as open descriptors."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

from core.damage import reading
from core.errors import Busy
from core.files import read_json

_TRIES = 5
_PAUSE_S = 0.01
_MOST_BYTES = 65_536


def try_lock(path: Path, holder: dict[str, Any]) -> int | None:
    """Take the lock and write who holds it into the file.

    Returns:
        An open descriptor (the lock lasts until its last copy is closed), or None if another process holds it.

    Raises:
        DamagedFile: something that is no file lies in its place.
        FileNotFoundError: whose lock it would be is gone; a late request makes no folder of a deleted project anew.
    """
    path.parent.mkdir(exist_ok=True)
    with reading(path, "lock"):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for _ in range(_TRIES):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            # A reader's `is_locked` holds it for microseconds: only a lock that stays held is somebody's.
            time.sleep(_PAUSE_S)
    else:
        os.close(handle)
        return None
    write_holder(handle, holder)
    return handle


def write_holder(handle: int, holder: dict[str, Any]) -> None:
    """Write into a lock that is held who holds it."""
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(holder).encode(), 0)


def is_locked(path: Path) -> bool:
    """Whether some process holds the lock. A shared lock is tried, so asking never takes it from anyone."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:  # not there, or nothing that anybody could have taken
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def holder(path: Path) -> dict[str, Any]:
    """What the current or last holder wrote into the lock file; empty if unreadable."""
    try:
        value = read_json(path, _MOST_BYTES)
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def release(handles: list[int]) -> None:
    """Close descriptors of locks; where no other process has copies, the locks are free."""
    while handles:
        os.close(handles.pop())


def busy(holder: dict[str, Any]) -> Busy:
    """The refusal that names the job in the way; ``holder`` is what its lock or its ``job.json`` says."""
    kind, title = str(holder.get("kind", "")), str(holder.get("title", ""))
    return Busy(
        "job.busy",
        "“{job}” is still running.",
        "Wait until it is done, or stop it first.",
        job=title or kind.replace("_", " ") or "another job",
        kind=kind,
        title=title,
        path=str(holder.get("path", "")),
    )
