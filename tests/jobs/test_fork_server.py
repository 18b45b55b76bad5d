"""Jobs forked from a process that has imported their libraries: as real, as separate and as mortal as any other."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.jobs import fork_server, locks
from core.jobs.fork_server import ForkServer
from core.jobs.job import Job, worker_environment
from core.project.workspace import Project
from tests.jobs.conftest import TrialArgs, until
from tests.jobs.test_children import _counting, _gone, _pid
from tests.warm import WarmForkServer

Start = Callable[..., Job]


@pytest.fixture
def server(start: Start, monkeypatch: pytest.MonkeyPatch) -> Iterator[ForkServer]:
    """A fork server that has imported something no worker imports; jobs of ``start`` come from it."""
    monkeypatch.setenv("VOICEWRIGHT_PASSWORD", "secret")
    monkeypatch.setattr(fork_server, "_server", None)
    monkeypatch.setattr(fork_server, "ForkServer", WarmForkServer.__base__)  # the app's own, whatever other tests use
    server = fork_server.warm(["this"], worker_environment())
    assert server.wait_until_ready(20)
    yield server
    server.close()
    until(lambda: not server.alive)


def forked(job: Job, server: ForkServer) -> bool:
    """Whether a job's process came from the server: it bears the server's command line."""
    return b"core.jobs.fork_server" in Path(f"/proc/{_pid(job)}/cmdline").read_bytes()


def test_a_job_runs_in_a_fork_and_writes_its_own_log(start: Start, server: ForkServer) -> None:
    job = start(steps=40, pace_s=0.02)
    assert forked(job, server)
    assert os.getsid(_pid(job)) == _pid(job), "a session of its own: killed as a whole, and alone"
    view = job.wait(20)
    assert view.status == "done" and view.result == {"counted": 40}
    assert "at work" in job.log_tail()
    assert _gone(_pid(job)) and not Path(f"/proc/{_pid(job)}").exists(), "no zombie stays"


def test_it_has_the_environment_of_the_click_and_not_the_password(
    start: Start, server: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAID_AT_THE_CLICK", "yes")
    job = start(steps=1, environment=True)
    job.wait(20)
    names = (job.path / "environment").read_text().split()
    assert "SAID_AT_THE_CLICK" in names and "VOICEWRIGHT_PASSWORD" not in names


def test_it_holds_the_locks_until_it_is_killed(start: Start, server: ForkServer, project: Project) -> None:
    job = start(gpu=True, steps=4000, pace_s=0.02, child=True)
    _counting(job)
    assert forked(job, server) and locks.is_locked(project.workspace.gpu_lock) and job.alive()
    child = int((job.path / "child").read_text())
    job.force_stop()
    until(lambda: not job.alive())
    assert job.read().status == "interrupted" and not locks.is_locked(project.workspace.gpu_lock)
    until(lambda: _gone(child))
    assert server.alive
    again = start(gpu=True, steps=2)
    assert again.wait(20).status == "done"


def test_stop_is_seen_and_a_place_in_the_queue_is_kept(start: Start, server: ForkServer, project: Project) -> None:
    first = start(gpu=True, steps=4000, pace_s=0.02)
    _counting(first)
    second = project.start_job(TrialArgs(steps=2), title="Second", gpu=True, wait=True)
    until(lambda: second.read().status == "waiting")
    assert forked(second, server)
    os.kill(_pid(first), signal.SIGTERM)
    assert first.wait(20).status == "cancelled" and second.wait(20).status == "done"


def test_without_the_server_jobs_start_by_themselves(start: Start, server: ForkServer) -> None:
    job = start(steps=4000, pace_s=0.02)
    _counting(job)
    os.kill(server._process.pid, signal.SIGKILL)
    until(lambda: not server.alive)
    assert job.alive(), "a fork outlives it"
    job.stop()
    assert job.wait(20).status == "cancelled"
    other = start(steps=40, pace_s=0.02)
    assert not forked(other, server) and other.wait(20).status == "done"


def test_what_libraries_read_when_they_are_loaded_starts_a_process_of_its_own(
    start: Start, server: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    job = start(steps=40, pace_s=0.02)
    assert not forked(job, server) and job.wait(20).status == "done"


def test_it_ends_with_whoever_asked_for_it(server: ForkServer, start: Start) -> None:
    job = start(steps=4000, pace_s=0.02)
    _counting(job)
    server.close()
    until(lambda: not server.alive)
    assert job.alive()
    job.stop()
    assert job.wait(20).status == "cancelled"
