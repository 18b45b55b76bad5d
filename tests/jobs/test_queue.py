"""Waiting for the card: in order of arrival, whoever dies meanwhile."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import Busy
from core.jobs import events, locks, queue
from core.jobs.job import Job
from core.project.workspace import Project, Workspace
from tests.jobs.conftest import TrialArgs, in_new_process, until

Start = Callable[..., Job]


def _pid(job: Job) -> int:
    until(lambda: locks.holder(job.path / "lock").get("pid"))
    return int(locks.holder(job.path / "lock")["pid"])


def _began(job: Job) -> float:
    return next((e.at for e in events.EventReader(job.events_path).read() if isinstance(e, events.Started)), 0.0)


def _waiting(job: Job, place: int = 0) -> None:
    until(lambda: job.read().status == "waiting" and (not place or job.read().place == place))


def test_who_waits_is_served_in_order_of_arrival_one_at_a_time(start: Start, workspace: Workspace) -> None:
    first = start(gpu=True, steps=1000, pace_s=0.05)
    projects = [workspace.create(f"Project {n}") for n in range(4)]
    jobs = [project.start_job(TrialArgs(steps=2, pace_s=0.05), gpu=True, wait=True) for project in projects]
    for place, job in enumerate(jobs, 1):
        _waiting(job, place)
    view = jobs[2].read()
    assert view.active and view.behind["path"] == str(first.path) and view.behind["title"] == "Counting"
    assert projects[2].running() == jobs[2] or projects[2].running().path == jobs[2].path  # type: ignore[union-attr]
    first.stop()
    for job in jobs:
        until(lambda job=job: job.read().status == "done", 30)
    began = [_began(job) for job in jobs]
    ended = [job.read().finished_at or 0.0 for job in jobs]
    assert began == sorted(began)
    assert all(end <= begin for end, begin in zip(ended, began[1:], strict=False)), "two had the card at once"
    until(lambda: workspace.on_card() == {})  # the last one has said its last word and is going
    assert list(workspace.queue.iterdir()) == []


def test_a_killed_holder_lets_the_next_one_go_and_a_killed_one_that_waits_holds_up_nobody(
    start: Start, workspace: Workspace
) -> None:
    first = start(gpu=True, steps=1000, pace_s=0.05)
    other, third = workspace.create("Other"), workspace.create("Third")
    killed = other.start_job(TrialArgs(steps=1), gpu=True, wait=True)
    last = third.start_job(TrialArgs(steps=1), gpu=True, wait=True)
    _waiting(last, 2)
    os.kill(_pid(killed), signal.SIGKILL)
    _waiting(last, 1)
    assert killed.read().status == "interrupted"
    os.kill(_pid(first), signal.SIGKILL)
    until(lambda: last.read().status == "done")
    assert _began(killed) == 0.0


def test_stop_leaves_the_queue(start: Start, project: Project, workspace: Workspace) -> None:
    first = start(gpu=True, steps=1000, pace_s=0.05)
    again = project.start_job(TrialArgs(steps=1), gpu=True, wait=True)  # a second one of its kind waits as well
    _waiting(again, 1)
    assert project.running() is not None and project.running().path == first.path  # type: ignore[union-attr]
    again.stop()
    until(lambda: not again.alive())
    assert again.read().status == "cancelled" and _began(again) == 0.0
    assert queue.tickets(workspace.queue) == [] and first.read().status == "running"
    project.launch(again, gpu=True, wait=True)
    _waiting(again, 1)
    first.stop()
    until(lambda: again.read().status == "done")


def test_nobody_starts_before_those_who_wait(start: Start, workspace: Workspace) -> None:
    ticket, place = queue.draw(workspace.queue, {"title": "Patient"}, [workspace.gpu_lock])
    with pytest.raises(Busy) as caught:
        start(gpu=True)
    assert caught.value.values["title"] == "Patient" and workspace.on_card()["title"] == "Patient"
    assert start(steps=1).wait(20).status == "done"  # without the card
    os.close(place)
    assert start(gpu=True, steps=1).wait(20).status == "done" and not ticket.exists()


def test_where_the_card_is_free_nobody_waits(start: Start, project: Project) -> None:
    job = project.start_job(TrialArgs(steps=2), gpu=True, wait=True)
    assert job.wait(20).status == "done"
    assert not [e for e in events.EventReader(job.events_path).read() if isinstance(e, events.State)]


def test_the_page_may_die_while_jobs_wait(start: Start, workspace: Workspace) -> None:
    first = start(gpu=True, steps=1000, pace_s=0.05)
    other = workspace.create("Other")
    folder = in_new_process(f"""
        import os
        from pathlib import Path
        from core.project.workspace import Workspace
        from tests.jobs.conftest import TrialArgs
        project = Workspace(Path({str(workspace.path)!r})).project({other.slug!r})
        print(project.start_job(TrialArgs(steps=1), gpu=True, wait=True).path, flush=True)
        os.kill(os.getpid(), 9)
    """)
    job = Job(Path(folder))
    _waiting(job, 1)
    first.stop()
    until(lambda: job.read().status == "done")


def _all_at_once(projects: list[Project]) -> tuple[list[Job], list[Busy]]:
    """Everybody clicks at the same moment: what was started, and what was refused."""
    began: list[Job] = []
    refused: list[Busy] = []
    gate = threading.Barrier(len(projects))

    def click(project: Project) -> None:
        gate.wait()
        try:
            began.append(project.start_job(TrialArgs(steps=1000, pace_s=0.05), title="Mine", gpu=True))
        except Busy as busy:
            refused.append(busy)

    threads = [threading.Thread(target=click, args=(project,)) for project in projects]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return began, refused


@pytest.mark.slow
def test_of_thirty_starts_at_once_exactly_one_runs_eight_times_over(start: Start, workspace: Workspace) -> None:
    projects = [workspace.create(f"Project {n}") for n in range(30)]
    for _ in range(8):
        began, refused = _all_at_once(projects)
        assert (len(began), len(refused)) == (1, 29)
        assert all(busy.values["title"] == "Mine" for busy in refused)
        _pid(began[0])
        began[0].force_stop()
        began[0].wait(20)
