"""Training by hand in two real processes, as torchrun and accelerate start them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from core import REPOSITORY
from core.project.workspace import Project
from core.training.run import Run, RunView, runs
from core.training.start import resume, start_training
from tests import warm
from tests.training.test_runs import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("preloaded")]

SETTINGS = {
    **{"max_steps": 6, "save_every": 3, "eval_every": 3, "batch_size": 2, "accumulation": 1, "sample_sentences": 1},
    **{"dropout": 0.0, "lora_dropout": 0.0, "precision": "float32", "learning_rate": 1e-3, "warmup_steps": 0},
}
LONG = {**SETTINGS, "max_steps": 5_000, "eval_every": 1_000, "sample_sentences": 0}
TORCHRUN = ["-m", "torch.distributed.run", "--nproc-per-node=2", "--master-addr=127.0.0.1"]
ACCELERATE = [
    *("-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes=2", "--num_machines=1"),
    *("--mixed_precision=no", "--dynamo_backend=no", "--main_process_ip=127.0.0.1"),
]
Launch = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def launch(frozen: Project, starter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Launch]:
    """``launch(launcher, settings or None, *arguments)`` starts a run; whatever it started is dead at the end."""
    started: list[subprocess.Popen[str]] = []

    def begin(launcher: list[str], settings: dict[str, Any] | None, *arguments: str) -> subprocess.Popen[str]:
        workspace = ["--workspace", str(frozen.workspace.path), "--project", frozen.slug]
        if settings is not None:
            wish = {"dataset": "abc123", "preset": "xtts-cpu", "base": str(starter), "name": "Two", "device": "cpu"}
            (tmp_path / "run.yaml").write_text(yaml.safe_dump({**wish, "settings": settings}))
            workspace += ["--config", str(tmp_path / "run.yaml")]
        if launcher:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            key = "--main_process_port" if launcher is ACCELERATE else "--master-port"
            launcher = [*launcher, f"{key}={port}"]
        module = ["--module" if launcher and "accelerate" in launcher[1] else "-m", "core.train"]
        environment = {**os.environ, "PYTHON_EXEC": warm.python()}  # what torchrun starts
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "env": environment}
        command = [warm.python(), *launcher, *module, *workspace, *arguments]
        started.append(subprocess.Popen(command, cwd=REPOSITORY, text=True, start_new_session=True, **pipes))
        return started[-1]

    yield begin
    for process in [*started, *_processes_of(frozen)]:
        process.kill()
    for process in started:
        process.communicate()
    for job in frozen.all_jobs():
        job.force_stop()
        job.wait(10)


def _run(project: Project, process: subprocess.Popen[str]) -> Run:
    until = time.monotonic() + 60
    while not runs(project):
        assert process.poll() is None and time.monotonic() < until, process.communicate()[0]
        time.sleep(0.05)
    return runs(project)[0]


def _under_way(launch: Launch, project: Project) -> tuple[subprocess.Popen[str], Run]:
    """A long run in two processes that has learnt a little."""
    process = launch(TORCHRUN, LONG)
    run = _run(project, process)
    wait_for(run, lambda view: view.step >= 4)
    return process, run


def _ended(run: Run, status: str) -> RunView:
    run.job.wait(90)
    view = run.read()
    assert view.job.status == status, run.job.log_tail()
    return view


def _processes_of(project: Project) -> list[psutil.Process]:
    """All that were told of the project's workspace, whoever started them."""
    place = str(project.workspace.path)
    return [process for process in psutil.process_iter(["cmdline"]) if place in (process.info["cmdline"] or [])]


def _followers(project: Project) -> list[psutil.Process]:
    """The processes a launcher started that are not the first."""
    return [entry for entry in _processes_of(project) if entry.environ().get("RANK") == "1"]


def test_two_processes_make_the_run_that_one_would_have_made(launch: Launch, frozen: Project, starter: Path) -> None:
    alone = Run(frozen, start_training(frozen, "abc123", "xtts-cpu", SETTINGS, "Alone", str(starter), device="cpu").id)
    expected = _ended(alone, "done")
    together = launch(ACCELERATE, SETTINGS)
    output, _ = together.communicate(timeout=180)
    assert together.returncode == 0, output
    assert "done: step 6" in output and len(runs(frozen)) == 2
    ours = runs(frozen)[0].read()
    assert [step for step, _ in ours.train] == [1, 2, 3, 4, 5, 6] and ours.samples.keys() == expected.samples.keys()
    for name in ("train", "val", "lr"):
        assert getattr(ours, name) == [
            (step, pytest.approx(value, rel=1e-3)) for step, value in getattr(expected, name)
        ]
    assert ours.train[5] != ours.train[0]


def test_ctrl_c_stops_and_keeps_both_go_on_later_and_a_killed_follower_costs_what_was_not_saved(
    launch: Launch, frozen: Project
) -> None:
    process, run = _under_way(launch, frozen)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it: to every process
    said, _ = process.communicate(timeout=90)
    kept = _ended(run, "cancelled")
    assert run.checkpoints.newest_state() == run.checkpoint(kept.step), said

    process = launch(TORCHRUN, None, "--resume", run.id)
    wait_for(run, lambda view: view.step >= kept.step + 3)
    (follower,) = _followers(frozen)
    follower.kill()
    process.communicate(timeout=90)
    run.job.wait(60)
    view = run.read()
    # The launcher asks the rest to stop as soon as it sees the one gone: either is told first.
    assert (view.job.status, view.job.code) in [("failed", "train.partner_lost"), ("cancelled", "")], run.job.log_tail()
    assert run.checkpoints.newest_state() is not None

    resume(frozen, run.id)  # one process alone
    wait_for(run, lambda now: now.job.status == "running" and now.step >= view.step + 2)
    run.stop()
    steps = [step for step, _ in _ended(run, "cancelled").train]
    assert steps == list(range(1, len(steps) + 1)) and len(steps) >= kept.step + 3


def test_when_the_first_process_is_killed_the_other_ends_and_the_run_can_be_resumed(
    launch: Launch, frozen: Project
) -> None:
    process, run = _under_way(launch, frozen)
    followers = _followers(frozen)
    run.job.force_stop()
    said, _ = process.communicate(timeout=90)
    assert process.returncode != 0 and len(followers) == 1 and not followers[0].is_running(), said
    assert run.read().resumable


def test_what_is_refused_ends_all_processes(launch: Launch, frozen: Project) -> None:
    process = launch(TORCHRUN, {**SETTINGS, "max_step": 3})
    said, _ = process.communicate(timeout=90)
    assert process.returncode != 0 and "max_steps" in said and runs(frozen) == []
