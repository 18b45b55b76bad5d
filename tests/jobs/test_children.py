"""Jobs as real child processes: killed, stopped, started twice, orphaned, and read by others."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import Busy
from core.jobs import locks
from core.jobs.job import Job
from core.project.workspace import Project, Workspace
from tests.jobs.conftest import TrialArgs, in_new_process, until

Start = Callable[..., Job]


def _pid(job: Job) -> int:
    until(lambda: locks.holder(job.path / "lock").get("pid"))
    return int(locks.holder(job.path / "lock")["pid"])


def _counting(job: Job, steps: int = 1) -> None:
    until(lambda: len(job.read().metrics) >= steps)


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_job_runs_to_its_end_and_says_so(start: Start) -> None:
    job = start(steps=4, warn=True)
    view = job.wait(20)
    assert (view.status, view.result, view.code) == ("done", {"counted": 4}, "")
    assert sorted(view.metrics) == [1, 2, 3, 4] and (view.stage, view.done, view.total) == ("count", 4, 4)
    assert [warning.text for warning in view.warnings] == [f"Item {n} is odd." for n in (1, 2, 3, 4)]
    assert view.finished_at and "at work" in job.log_tail()


def test_a_job_is_told_neither_the_password_nor_of_other_processes(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = ("VOICEWRIGHT_PASSWORD", "WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
    for name in (*told, "SAID_TO_ALL"):
        monkeypatch.setenv(name, "2")
    job = start(steps=200, pace_s=0.05)
    environment = Path(f"/proc/{_pid(job)}/environ")
    until(lambda: b"SAID_TO_ALL=2" in environment.read_bytes().split(b"\0"))
    _counting(job)
    names = {part.split(b"=")[0].decode() for part in environment.read_bytes().split(b"\0")}
    assert names.isdisjoint(told)
    job.force_stop()
    job.wait(20)


def test_a_killed_worker_reads_interrupted_and_resumes_where_it_saved(start: Start, project: Project) -> None:
    job = start(steps=40, pace_s=0.02)
    _counting(job, 12)
    os.kill(_pid(job), signal.SIGKILL)
    view = job.wait(20)
    assert view.status == "interrupted" and len(view.metrics) >= 12

    saved = int((job.path / "saved").read_text())
    project.launch(job, gpu=False)
    view = job.wait(20)
    assert view.status == "done" and sorted(view.metrics) == list(range(1, 41)) and saved >= 10


def test_two_clicks_at_once_start_exactly_one(start: Start, project: Project) -> None:
    began: list[Job] = []
    refused: list[Busy] = []
    gate = threading.Barrier(6)

    def click() -> None:
        gate.wait()
        try:
            began.append(start(steps=20, pace_s=0.1))
        except Busy as busy:
            refused.append(busy)

    threads = [threading.Thread(target=click) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(began), len(refused)) == (1, 5)
    assert refused[0].values["title"] == "Counting" and refused[0].code == "job.busy"
    assert len(project.all_jobs()) == 1  # the refused leave no folder behind


def test_a_refused_start_is_never_seen(
    start: Start, project: Project, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = start(steps=200, pace_s=0.1, gpu=True)
    _counting(first)
    other = workspace.create("Other")
    seen: list[Job] = []
    real = locks.try_lock

    def look(path: Path, holder: dict[str, object]) -> int | None:
        handle = real(path, holder)
        seen.extend(other.all_jobs())
        return handle

    monkeypatch.setattr(locks, "try_lock", look)
    with pytest.raises(Busy):
        other.start_job(TrialArgs(steps=1), gpu=True)
    assert seen == [] and list(other.jobs.iterdir()) == []
    assert locks.holder(workspace.gpu_lock)["path"] == str(first.path)


def test_a_project_that_was_moved_resumes_in_its_own_place(
    start: Start, project: Project, workspace: Workspace, tmp_path: Path
) -> None:
    job = start(steps=1000, pace_s=0.05, where=True)
    _counting(job, 2)
    assert json.loads((job.path / "where").read_text()) == [str(workspace.path.resolve()), project.slug]
    job.stop()
    job.wait(20)
    trashed = workspace.delete(project)
    taken = workspace.create(project.slug)  # another project now has the old name
    assert taken.slug == project.slug
    moved = workspace.path.rename(tmp_path / "moved")
    back = Workspace(moved).restore(trashed.name)
    again = back.job(job.id)
    back.launch(again, gpu=False)
    until(lambda: json.loads((again.path / "where").read_text()) == [str(moved.resolve()), back.slug])
    assert back.slug != project.slug
    again.stop()
    assert again.wait(20).status == "cancelled"


def test_a_second_process_cannot_start_what_the_first_runs(start: Start, project: Project) -> None:
    start(steps=200, pace_s=0.1)
    script = f"""
        from pathlib import Path
        from core.errors import Busy
        from core.project.workspace import Workspace
        from tests.jobs.conftest import TrialArgs
        project = Workspace(Path({str(project.workspace.path)!r})).project({project.slug!r})
        try:
            project.start_job(TrialArgs())
        except Busy as busy:
            print("refused", busy.values["title"])
    """
    assert in_new_process(script) == "refused Counting"


def test_the_card_is_used_by_one_job_of_all_projects(start: Start, workspace: Workspace) -> None:
    first = start(steps=200, pace_s=0.1, gpu=True)
    other = workspace.create("Other")
    with pytest.raises(Busy) as busy:
        other.start_job(TrialArgs(steps=1), gpu=True)
    assert busy.value.values["path"] == str(first.path)
    free = other.start_job(TrialArgs(steps=1))
    assert free.wait(20).status == "done"
    first.stop()
    first.wait(20)
    assert other.start_job(TrialArgs(steps=1), gpu=True).wait(20).status == "done"


def test_stop_keeps_what_was_done(start: Start) -> None:
    job = start(steps=1000, pace_s=0.05)
    _counting(job, 3)
    job.stop()
    view = job.wait(10)
    assert view.status == "cancelled" and view.result["step"] >= 3


def test_a_polite_kill_is_a_stop(start: Start) -> None:
    job = start(steps=1000, pace_s=0.05)
    _counting(job, 2)
    os.kill(_pid(job), signal.SIGTERM)
    assert job.wait(10).status == "cancelled"


def test_force_stop_ends_the_worker_and_what_it_started(start: Start) -> None:
    job = start(steps=1000, pace_s=0.1, child=True)
    _counting(job, 1)
    pid, child = _pid(job), int((job.path / "child").read_text())
    job.force_stop()
    until(lambda: _gone(pid) and _gone(child))
    assert job.read().status == "interrupted"


def test_a_forced_stop_reaches_a_job_that_has_only_just_been_started(
    start: Start, project: Project, tmp_path: Path
) -> None:
    with open(tmp_path / "site" / "sitecustomize.py", "a") as file:
        file.write("\nimport time\ntime.sleep(0.5)\n")
    job = start(steps=1000, pace_s=0.05)
    assert "pid" not in locks.holder(job.path / "lock"), "it was to be stopped before it could say who it is"
    job.force_stop()
    view = job.wait(10)
    assert not job.alive() and view.status == "cancelled" and view.started_at is None
    project.launch(job, gpu=False)
    _counting(job)  # the stop was for the last time only


def test_a_forced_stop_kills_a_job_that_says_its_pid_just_then(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    job = start(steps=1000, pace_s=0.05)
    _counting(job)
    seen: list[Path] = []
    real = locks.holder
    monkeypatch.setattr(locks, "holder", lambda path: real(path) if path in seen else seen.append(path) or {})
    job.force_stop()
    assert job.wait(10).status == "interrupted"


def test_a_helper_that_outlives_its_worker_does_not_look_like_a_running_job(start: Start) -> None:
    job = start(steps=1000, pace_s=0.1, child=True)
    _counting(job, 1)
    child = int((job.path / "child").read_text())
    os.kill(_pid(job), signal.SIGKILL)
    try:
        until(lambda: not job.alive())
        assert job.read().status == "interrupted" and not _gone(child)
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_dead_worker_leaves_no_zombie(start: Start) -> None:
    job = start(steps=1)
    pid = _pid(job)
    job.wait(20)
    until(lambda: not Path(f"/proc/{pid}").exists())


def test_what_a_person_can_mend_and_what_is_a_bug_are_told_apart(start: Start) -> None:
    mend = start(steps=1, end="user_error").wait(20)
    assert (mend.status, mend.code, mend.values) == ("failed", "trial.failed", {"name": "a.wav"})
    assert mend.text == "The file a.wav is broken." and mend.hint == "Use another one."
    job = start(steps=1, end="bug")
    bug = job.wait(20)
    assert (bug.status, bug.code) == ("failed", "bug") and "KeyError" in bug.text and str(job.log_path) in bug.hint
    assert "Traceback" in job.log_tail()


def test_a_worker_that_dies_without_a_word_reads_interrupted(start: Start) -> None:
    assert start(die=True).wait(20).status == "interrupted"


def test_an_unfinished_last_line_and_an_unknown_event_are_passed_over(start: Start) -> None:
    job = start(torn=True)
    view = job.wait(20)
    assert view.status == "interrupted" and view.metrics == {}
    with open(job.events_path, "a") as file:
        file.write('\n{"type": "from_the_future", "x": 1}\nnot json\n')
        file.write(json.dumps({"type": "metrics", "step": 2, "values": {"loss": 0.5}, "new_field": 1}) + "\n")
    assert job.read().metrics == {2: {"loss": 0.5}}


def test_the_page_may_die_and_another_finds_the_job_still_running(start: Start, project: Project) -> None:
    folder = in_new_process(f"""
        import os
        from pathlib import Path
        from core.project.workspace import Workspace
        from tests.jobs.conftest import TrialArgs
        project = Workspace(Path({str(project.workspace.path)!r})).project({project.slug!r})
        print(project.start_job(TrialArgs(steps=60, pace_s=0.05), title="Counting").path, flush=True)
        os.kill(os.getpid(), 9)
    """)
    running = project.running()
    assert running is not None and str(running.path) == folder
    assert running.read().status == "running"
    _counting(running, 5)
    assert running.wait(20).status == "done"
