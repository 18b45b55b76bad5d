"""How a task's end is told by the worker."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.jobs import worker
from core.jobs.job import Job


@pytest.mark.parametrize(("said", "code"), [("database or disk is full", "disk.full"), ("no such table: clips", "bug")])
def test_a_disk_that_is_full_for_the_database_is_no_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, code: str
) -> None:
    def run(*_: object) -> None:
        raise sqlite3.OperationalError(said)

    monkeypatch.setitem(sys.modules, "core.tasks.writing", SimpleNamespace(run=run))  # type: ignore[arg-type]
    finished = worker.run(Job.create(tmp_path, "writing", {}))
    assert (finished.outcome, finished.code) == ("failed", code)
