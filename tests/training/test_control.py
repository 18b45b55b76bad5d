"""What a person asks of a training that runs, and a training that hangs: the real loop in light child processes."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from core.engines.options import TrainConfig
from core.errors import UserError
from core.jobs import events
from core.project.workspace import Project
from core.training import requests as control
from core.training.checkpoints import STATE
from core.training.config import config_text
from core.training.run import CONFIG, Run, RunView
from core.training.start import resume
from tests.jobs.conftest import put_task, until
from tests.training import make_believe

Start = Callable[..., Run]


@pytest.fixture
def start(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """``start({"max_steps": 9}, pace_s=0.01)`` starts a run; all are dead when the test ends."""
    put_task(tmp_path, monkeypatch, "train", Path(make_believe.__file__))

    def begin(settings: dict[str, Any], **arguments: Any) -> Run:
        config = TrainConfig(**{"save_every": 1000, "eval_every": 1000, "sample_sentences": 1, **settings})
        about = {"base": "starter", "dataset": "none", **arguments}
        job = project.start_job(
            make_believe.MakeBelieveArgs(**about), title="My voice", gpu=True, files={CONFIG: config_text(config)}
        )
        return Run(project, job.id)

    yield begin
    for job in project.all_jobs():
        job.force_stop()
        job.wait(10)


def wait_for(run: Run, condition: Callable[[RunView], bool]) -> RunView:
    until(lambda: condition(run.read()))
    return run.read()


def answers(run: Run, do: str) -> list[events.Answer]:
    return [answer for answer in run.read().job.answers if answer.do == do]


def test_save_now_and_sample_now_are_done_and_answered(start: Start) -> None:
    run = start({"max_steps": 10_000}, pace_s=0.01)
    wait_for(run, lambda view: view.step >= 2)
    run.save()
    until(lambda: answers(run, "save"))
    saved = answers(run, "save")[0].step
    assert run.checkpoint(saved).exists() and saved not in {sample.step for sample in run.read().samples.get(0, [])}
    run.sample()
    until(lambda: answers(run, "sample"))
    spoken = answers(run, "sample")[0].step
    assert spoken > saved and run.read().samples[0][-1].step == spoken
    assert run.checkpoint(spoken).exists(), "what is heard cannot be had"


def test_paused_it_stands_still_until_it_may_go_on_and_stop_ends_a_pause(start: Start, project: Project) -> None:
    run = start({"max_steps": 10_000}, pace_s=0.01)
    wait_for(run, lambda view: view.step >= 2)
    run.pause()
    view = wait_for(run, lambda view: view.job.status == "paused")
    assert view.job.active and project.running() is not None
    run.save()  # is done in a pause too
    until(lambda: answers(run, "save"))
    assert run.read().step == view.step == answers(run, "save")[0].step
    run.resume()
    wait_for(run, lambda now: now.job.status == "running" and now.step > view.step + 2)
    run.pause()
    wait_for(run, lambda view: view.job.status == "paused")
    run.stop()
    view = wait_for(run, lambda view: not view.job.active)
    assert view.job.status == "cancelled" and run.checkpoints.newest_state() == run.checkpoint(view.step)
    # A pause dies with its process.
    resume(project, run.id)
    wait_for(run, lambda now: now.job.status == "running" and now.step > view.step)


def test_the_number_of_updates_can_be_changed_while_it_runs_and_afterwards(start: Start, project: Project) -> None:
    run = start({"max_steps": 10_000}, pace_s=0.01)
    view = wait_for(run, lambda view: view.step >= 2)
    for wrong in (1, 100_001):
        with pytest.raises(UserError) as caught:
            run.change_steps(wrong)
        assert caught.value.code == "train.bad_steps"
    run.change_steps(view.step + 30)
    until(lambda: not run.job.alive())
    ended = run.read()
    assert (ended.job.status, ended.step, ended.total) == ("done", view.step + 30, view.step + 30)
    assert answers(run, "steps")[0].steps == ended.total and not ended.resumable
    with pytest.raises(UserError) as caught:
        resume(project, run.id)
    assert caught.value.code == "train.already_done"
    run.change_steps(ended.total + 5)
    assert run.read().resumable
    resume(project, run.id)
    again = wait_for(run, lambda view: view.job.status == "done")
    assert again.step == ended.total + 5
    assert [step for step, _ in again.train] == list(range(1, again.step + 1))


def test_nothing_can_be_asked_of_a_run_that_is_over(start: Start) -> None:
    run = start({"max_steps": 2})
    until(lambda: not run.job.alive())
    for ask in (run.save, run.sample, run.pause, run.resume):
        with pytest.raises(UserError) as caught:
            ask()
        assert caught.value.code == "train.not_running"
    assert not (run.path / control.FILE).exists()


def test_a_broken_or_unfinished_line_is_passed_over(tmp_path: Path) -> None:
    lines = [{"do": "dance", "at": 1.0}, {"do": "save", "at": 1.0}, {"do": "steps", "at": 2.0, "steps": 70}]
    text = "".join(json.dumps(line) + "\n" for line in lines) + "no json\n" + '{"do": "pause", "a'
    (tmp_path / control.FILE).write_text(text)
    reading = control.Control(tmp_path, since=1.5)
    assert [ask.do for ask in reading.new_requests()] == ["steps"]
    with open(tmp_path / control.FILE, "a") as file:
        file.write('t": 3.0}\n')
    reading._looked_at = 0.0
    assert [ask.do for ask in reading.new_requests()] == ["pause"]
    assert control.planned_steps(tmp_path) == 70


def test_the_end_of_a_pause_that_an_earlier_version_wrote_is_read(tmp_path: Path) -> None:
    (tmp_path / control.FILE).write_text('{"do": "go_on", "at": 2.0}\n')
    assert control.pending(tmp_path, 0.0, 0) == ["resume"]


def test_what_was_asked_is_read_anew_only_when_more_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads, read = [], control._read
    monkeypatch.setattr(control, "_read", lambda path, offset=0: reads.append(path) or read(path, offset))  # type: ignore[func-returns-value]
    assert control.planned_steps(tmp_path) is None and control.pinned_steps(tmp_path) == set() and not reads
    for step in (30, 60):
        control.append(tmp_path, "keep", step)
        assert all(step in control.pinned_steps(tmp_path) for _ in range(3))
    assert control.pending(tmp_path, 0.0, 1) == ["keep"] and len(reads) == 2


def test_a_run_that_hangs_is_ended_with_a_reason_and_its_locks_are_free(start: Start, project: Project) -> None:
    run = start({"max_steps": 20, "save_every": 5, "hang_minutes": 0.01}, hang_at=8, pace_s=0.01)
    began = time.monotonic()
    view = wait_for(run, lambda view: view.job.finished_at is not None)
    assert (view.job.status, view.job.code) == ("failed", "train.hung") and view.resumable
    assert view.job.values["stage"] == "update" and time.monotonic() - began < 20
    until(lambda: not run.job.alive())
    log = run.job.log_path.read_text()
    assert "most recent call first" in log and "make_believe.py" in log and "in loss" in log
    resume(project, run.id)
    view = wait_for(run, lambda view: view.job.status == "done")
    assert [step for step, _ in view.train] == list(range(1, 21))


def test_it_ends_by_itself_when_the_error_on_unseen_sentences_rises_if_that_is_wished(start: Start) -> None:
    run = start({"max_steps": 60, "eval_every": 2, "patience": 3, "early_stop": True}, val_from=10)
    view = wait_for(run, lambda view: view.job.status == "done")
    assert (view.step, view.total) == (16, 60)
    assert [w.values for w in view.job.warnings if w.code == "train.stopped_early"] == [{"step": 16, "steps": 60}]
    assert run.checkpoints.newest_state() == run.checkpoint(16)


def stopped(start: Start) -> Run:
    run = start({"max_steps": 10_000, "save_every": 4}, pace_s=0.01)
    wait_for(run, lambda view: len(view.checkpoints) > 2)
    run.stop()
    wait_for(run, lambda view: not view.job.active)
    until(lambda: not run.job.alive())
    return run


def taken_up(run: Run) -> list[int]:
    """The steps at which its processes began."""
    said = events.EventReader(run.job.events_path).read()
    return [text.step for text in said if isinstance(text, events.Started) and text.step is not None]


def test_without_a_state_a_run_is_not_begun_anew_over_its_checkpoints(start: Start, project: Project) -> None:
    run = stopped(start)
    state = run.checkpoints.newest_state()
    assert state is not None and run.read().resumable
    content = (state / STATE).read_bytes()
    for step in run.checkpoints.resumable():
        (run.checkpoint(step) / STATE).unlink()
    steps = run.checkpoints.steps()
    assert not run.read().resumable
    with pytest.raises(UserError) as caught:
        resume(project, run.id)
    assert caught.value.code == "train.no_state" and not run.job.alive()
    assert run.checkpoints.steps() == steps and len(steps) > 2
    # It is found again, in a backup say.
    (state / STATE).write_bytes(content)
    assert run.read().resumable
    resume(project, run.id)
    wait_for(run, lambda view: view.step > steps[-1])
    assert run.checkpoints.steps()[: len(steps)] == steps


def test_without_a_state_a_run_that_was_going_back_to_its_beginning_is_resumed(start: Start, project: Project) -> None:
    run = stopped(start)
    state = run.checkpoints.newest_state()
    assert state is not None
    with pytest.raises(KeyboardInterrupt), run.checkpoints.rolling_back(0):
        (state / STATE).unlink()
        raise KeyboardInterrupt  # in place of a kill: the mark stays
    assert run.read().resumable
    resume(project, run.id)
    until(lambda: taken_up(run) == [0, 0])


def test_stopped_before_its_first_checkpoint_a_run_is_resumed_from_the_start(start: Start, project: Project) -> None:
    run = start({"max_steps": 10_000}, pace_s=0.01)
    wait_for(run, lambda view: view.step >= 2)
    run.job.force_stop()
    until(lambda: not run.job.alive())
    assert run.checkpoints.steps() == [0] and run.read().resumable
    resume(project, run.id)
    until(lambda: taken_up(run) == [0, 0])


@pytest.fixture(params=["a small disk", "a limit on files"])
def small_disk(request: pytest.FixtureRequest, project: Project, tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Runs lie where there is room for a megabyte; calling it makes room."""
    project.runs.mkdir(parents=True)
    if request.param == "a small disk":
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(project.runs)]
        if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("a file system can only be mounted by root")
        yield lambda: subprocess.run(["mount", "-o", "remount,size=8m", str(project.runs)], check=True) and None
        subprocess.run(["umount", "--lazy", str(project.runs)], check=True)
    else:
        more = tmp_path / "site" / "sitecustomize.py"
        before = more.read_text()
        more.write_text(before + _FULL)
        yield lambda: more.write_text(before) and None


# In the child there is no room for a file of more than a megabyte.
_FULL = """
import errno, os, pathlib
real = pathlib.Path.write_bytes
def write_bytes(self, data):
    if len(data) > 1_000_000:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))
    return real(self, data)
pathlib.Path.write_bytes = write_bytes
"""


def test_a_full_disk_ends_the_run_with_its_name_and_costs_nothing_that_was_saved(
    start: Start, small_disk: Callable[[], None], project: Project
) -> None:
    run = start({"max_steps": 12, "save_every": 4}, ballast={"8": 2_000_000})
    view = wait_for(run, lambda view: view.job.finished_at is not None)
    assert (view.job.status, view.job.code) == ("failed", "disk.full"), run.job.log_tail()
    until(lambda: not run.job.alive())
    assert run.checkpoints.newest_state() == run.checkpoint(4)
    assert load_file(run.checkpoint(4) / "adapter.safetensors")["weight"][0] == 4.0
    assert not list(run.checkpoints.path.glob(".*")) and not (run.path / "reserve").exists()
    assert project.info.name == "Test voice" and project.store.count() == 0
    small_disk()
    resume(project, run.id)
    view = wait_for(run, lambda view: view.job.status == "done")
    assert [step for step, _ in view.train] == list(range(1, 13))


def test_the_last_words_find_room_on_a_disk_without_any(start: Start, small_disk: Callable[[], None]) -> None:
    run = start({"max_steps": 10_000}, pace_s=0.01)
    wait_for(run, lambda view: view.step >= 2)
    if not run.path.parent.is_mount():
        pytest.skip("needs a file system that can be filled")
    with open(run.path / "filler", "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"f" * 4096)
    view = wait_for(run, lambda view: not view.job.active)
    assert (view.job.status, view.job.code) == ("failed", "disk.full")
