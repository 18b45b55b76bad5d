"""How a task's end is told by the worker."""

from __future__ import annotations

import errno
import os
import sqlite3
import sys
from types import SimpleNamespace

import pytest

from core.jobs import worker
from core.jobs.args.base import OtherArgs
from core.jobs.job import Job
from core.project.workspace import Project


def full(path: str | None = None) -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


def zipped() -> RuntimeError:
    """As ``torch.save`` ends on a full disk."""
    error = RuntimeError("unexpected pos 704 vs 598")
    error.__context__ = full()
    return error


class WritingArgs(OtherArgs):
    kind = "writing"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (full("voice.wav"), "disk.full"),
        (zipped(), "disk.full"),
        (sqlite3.OperationalError("database or disk is full"), "disk.full"),
        (sqlite3.OperationalError("no such table: clips"), "bug"),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES), "voice.wav"), "reason.failure"),
        (RuntimeError("unexpected pos 704 vs 598"), "bug"),
    ],
)
def test_a_full_disk_is_no_bug_however_it_is_said(
    project: Project, monkeypatch: pytest.MonkeyPatch, error: Exception, code: str
) -> None:
    def run(*_: object) -> None:
        raise error

    monkeypatch.setitem(sys.modules, "core.tasks.writing", SimpleNamespace(run=run))  # type: ignore[arg-type]
    job = Job.create(project.jobs, WritingArgs())
    finished = worker.run(job)
    assert (finished.outcome, finished.code) == ("failed", code)
    if code == "disk.full":
        assert finished.values == {} and "/" not in finished.text
