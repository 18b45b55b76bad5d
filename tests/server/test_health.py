"""``/health`` tells well from degraded from broken, open to all, and tells no secrets."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from core import health
from core.health import HealthCheck
from core.project.workspace import Project
from tests.server.conftest import Client

WELL = {"disk": "ok", "workspace": "ok", "database": "ok", "worker": "ok"}


@pytest.fixture(autouse=True)
def _roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine's disk holds."""
    free(monkeypatch, 100 << 30)


def free(monkeypatch: pytest.MonkeyPatch, free_bytes: int) -> None:
    """So much is free on the disk."""
    usage = shutil._ntuple_diskusage(200 << 30, 0, free_bytes)  # type: ignore[attr-defined]
    monkeypatch.setattr(health.shutil, "disk_usage", lambda _: usage)


def test_a_well_server_says_so_without_a_login_and_to_head(client: Client, project: Project) -> None:
    project.store.sources()  # makes the database
    page = client(workspace=project.workspace.path, password="a long password")
    answer = page.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "checks": WELL})
    assert answer.headers["cache-control"] == "no-store"
    head = page.head("/health")
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    ("free_bytes", "status", "code", "disk"),
    [
        (health.LOW_BYTES, "ok", 200, "ok"),
        (health.LOW_BYTES - 1, "degraded", 200, "low"),
        (health.FULL_BYTES - 1, "failed", 503, "full"),
        (0, "failed", 503, "full"),
    ],
)
def test_room_on_the_disk(
    client: Client, monkeypatch: pytest.MonkeyPatch, free_bytes: int, status: str, code: int, disk: str
) -> None:
    free(monkeypatch, free_bytes)
    answer = client().get("/health")
    assert (answer.status_code, answer.json()) == (code, {"status": status, "checks": {**WELL, "disk": disk}})


@pytest.mark.parametrize("content", [b"garbage" * 1000, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_database_that_cannot_be_read_degrades_it_and_is_not_named(
    client: Client, project: Project, content: bytes
) -> None:
    (project.path / "project.db").write_bytes(content)
    answer = client(workspace=project.workspace.path).get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "degraded", "checks": {**WELL, "database": "unreadable"}}
    assert project.slug not in answer.text and "/" not in answer.text


def test_a_workspace_that_cannot_be_written_is_no_place_to_work(client: Client, tmp_path: Path) -> None:
    page = client()
    shutil.rmtree(tmp_path / "workspace")
    answer = page.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "failed")
    assert answer.json()["checks"]["workspace"] == "not writable" and str(tmp_path) not in answer.text


@pytest.mark.parametrize(
    "error", [OSError(11, "Resource temporarily unavailable"), subprocess.TimeoutExpired("python", 10)]
)
def test_a_machine_that_starts_no_processes_is_degraded(
    client: Client, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def run(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(health.subprocess, "run", run)
    answer = client().get("/health")
    assert answer.json() == {"status": "degraded", "checks": {**WELL, "worker": "not startable"}}


def test_however_often_it_is_asked_little_is_done(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: Counter[str] = Counter()
    for name, real in health._CHECKS.items():

        def counted(workspace: object, name: str = name, real: object = real) -> str:
            asked[name] += 1
            return str(real(workspace))  # type: ignore[operator]

        monkeypatch.setitem(health._CHECKS, name, counted)
    now = [1000.0]
    monkeypatch.setattr(health.time, "monotonic", lambda: now[0])
    check = HealthCheck(project.workspace)
    for _ in range(200):
        check()
        now[0] += 0.1
    assert asked == {"disk": 4, "workspace": 4, "database": 2, "worker": 1}
