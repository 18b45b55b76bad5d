"""Real child processes doing tasks that only tests have."""

from __future__ import annotations

import subprocess
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core import REPOSITORY
from core.jobs.args.base import OtherArgs
from core.jobs.job import Job
from core.project.workspace import Project
from tests import warm

# What the child finds before its own `core.tasks`.
_SITE = """
import importlib.util, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "core.tasks.{kind}":
            return importlib.util.spec_from_file_location(name, {task!r})

sys.meta_path.insert(0, Finder())
"""
_TASK = '''
import json, os, subprocess, sys, time
from pathlib import Path
from core.errors import Cancelled, UserError
from core.jobs import events

def run(job, project, args, reporter):
    """Count up to `steps`, one each `pace_s`; wait for a file between if told to; end as told."""
    arguments = args.model_extra
    begin = 1
    saved = job.path / "saved"
    if saved.exists():
        begin = int(saved.read_text()) + 1
        reporter.start(step=begin - 1)
    print("at work", flush=True)
    if arguments.get("where"):
        (job.path / "where").write_text(json.dumps([str(project.workspace.path), project.slug]))
    if arguments.get("environment"):
        (job.path / "environment").write_text(" ".join(os.environ))
    if arguments.get("child"):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        (job.path / "child").write_text(str(child.pid))
    if arguments.get("die"):
        os._exit(3)
    if arguments.get("torn"):
        with open(job.events_path, "a") as file:
            file.write('{"type": "metrics", "step": 1, "val')
        os._exit(0)
    for step in range(begin, arguments.get("steps", 3) + 1):
        if reporter.stop_requested():
            raise Cancelled({"step": step - 1})
        reporter.metrics(step, loss=1.0 / step)
        reporter.progress("count", step, arguments.get("steps", 3))
        if step % 5 == 0:
            saved.write_text(str(step))
        if arguments.get("warn"):
            reporter.warning("trial.odd", "Item {item} is odd.", "Leave it.", item=step)
        time.sleep(arguments.get("pace_s", 0))
    if arguments.get("end") == "user_error":
        raise UserError("trial.failed", "The file {name} is broken.", "Use another one.", name="a.wav")
    if arguments.get("end") == "bug":
        raise KeyError("surprise")
    return {"counted": arguments.get("steps", 3)}
'''


class TrialArgs(OtherArgs):
    """What the trial task is told: see `_TASK`."""

    kind = "trial"


def put_task(folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str, task: Path, more: str = "") -> None:
    """Have children started from here on find ``task`` as ``core.tasks.<kind>``; ``more`` they run when they begin."""
    site = folder / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(_SITE.format(kind=kind, task=str(task)) + more)
    monkeypatch.setenv("PYTHONPATH", f"{site}:{REPOSITORY}")


@pytest.fixture
def start(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Job]]:
    """``start(steps=3, pace_s=0.1, …)`` starts a real child on the trial task; all are dead when the test ends."""
    task = tmp_path / "trial_task.py"
    task.write_text(_TASK)
    put_task(tmp_path, monkeypatch, "trial", task)

    def begin(gpu: bool = False, **arguments: object) -> Job:
        return project.start_job(TrialArgs(**arguments), title="Counting", gpu=gpu)

    yield begin
    for job in [job for item in project.workspace.projects() for job in item.all_jobs()]:
        job.force_stop()
        job.wait(10)


def until(condition: Callable[[], object], timeout_s: float = 60.0) -> None:
    """Wait for a condition; fails the test if it never holds."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


def in_new_process(script: str) -> str:
    """What a Python script prints that runs in a process of its own; it may kill itself."""
    run = subprocess.run(
        [warm.python(warm.PAGE), "-c", textwrap.dedent(script)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert run.returncode in (0, -9), run.stderr
    return run.stdout.strip()
