"""Clip lock: one edit of a project's clips at a time, and none while clips are cut."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

from core.jobs import locks
from core.jobs.job import busy
from core.project.workspace import Project

_PATIENCE_S = 10.0  # another edit takes a fraction of a second


@contextlib.contextmanager
def clip_lock(project: Project) -> Iterator[None]:
    """One edit at a time, and none while clips are cut: both change which clips and files there are."""
    path = project.path / "locks" / "segment"
    until, cutting = time.monotonic() + _PATIENCE_S, 0
    while (handle := locks.try_lock(path, {"kind": "edit"})) is None:
        holder = locks.holder(path)
        # Who has only just taken the lock has not yet said so: what is read may be of the one before.
        cutting = cutting + 1 if holder.get("kind", "edit") != "edit" else 0
        if cutting > 1 or time.monotonic() > until:
            raise busy(holder)
    try:
        yield
    finally:
        os.close(handle)
