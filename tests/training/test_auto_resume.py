"""Runs that were broken off go on by themselves where that is wished, and not without end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from core.engines.options import TrainConfig
from core.jobs import events
from core.project.workspace import Project
from core.settings import Settings
from core.training.auto_resume import MOST_LAUNCHES, resume_interrupted
from core.training.config import config_text
from core.training.run import CONFIG, Run
from tests.jobs.conftest import put_task, until
from tests.training import make_believe
from ui.server import create_app


@pytest.fixture
def broken(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """A run of 200 updates whose process was killed after its first checkpoints."""
    put_task(tmp_path, monkeypatch, "train", Path(make_believe.__file__))
    run = start(project)
    until(lambda: bool(run.checkpoints.resumable()))
    run.job.force_stop()
    run.job.wait(10)
    assert run.read().job.status == "interrupted"
    yield run
    for job in project.all_jobs():
        job.force_stop()
        job.wait(10)


def start(project: Project) -> Run:
    config = TrainConfig(max_steps=200, save_every=5, eval_every=1000, sample_sentences=1)
    about = {"base": "starter", "dataset": "none"}
    files = {CONFIG: config_text(config, **about)}
    args = make_believe.MakeBelieveArgs(**about, pace_s=0.01)
    job = project.start_job(args, title="My voice", gpu=True, files=files, wait=True)
    return Run(project, job.id)


def server(run: Run, **settings: Any) -> TestClient:
    return TestClient(create_app(Settings(workspace=run.project.workspace.path, **settings)))


def test_a_run_that_was_broken_off_goes_on_when_the_server_starts_if_that_is_wished(broken: Run) -> None:
    step = broken.checkpoints.resumable()[-1]
    with server(broken):
        assert broken.read().job.status == "interrupted", "nobody wished it"
    with server(broken, resume_runs=True):
        until(lambda: broken.read().step > step)
    assert broken.job.wait(60).status == "done"
    assert broken.read().step == 200, "the server's end is not the run's"


def test_runs_of_several_projects_wait_for_each_other(broken: Run) -> None:
    other = broken.project.workspace.create("Another voice", "en")
    second = start(other)
    until(lambda: bool(second.checkpoints.resumable()))
    second.job.force_stop()
    second.job.wait(10)
    assert [run.id for run in resume_interrupted(broken.project.workspace)] == [broken.id, second.id]
    assert second.job.wait(60).status == "done" and broken.job.wait(60).status == "done"


def test_a_run_that_a_person_stopped_or_that_is_at_work_is_left_alone(broken: Run) -> None:
    broken.job.stop()
    assert resume_interrupted(broken.project.workspace) == []
    broken.job.stop_path.unlink()
    assert len(resume_interrupted(broken.project.workspace)) == 1
    assert resume_interrupted(broken.project.workspace) == []


def test_a_run_that_was_brought_home_from_another_computer_is_left_to_a_person(broken: Run) -> None:
    (broken.path / "lock").unlink()  # goes along with no copy
    assert resume_interrupted(broken.project.workspace) == []


def test_without_a_new_checkpoint_it_is_tried_a_few_times_only(broken: Run) -> None:
    for launches in range(1, MOST_LAUNCHES + 1):
        events.append(broken.job.events_path, events.Launched())
        assert broken.read().job.status == "interrupted"
        if launches == MOST_LAUNCHES:
            assert resume_interrupted(broken.project.workspace) == []
    events.append(broken.job.events_path, events.Checkpoint(step=190, path="checkpoints/step-000190"))
    assert len(resume_interrupted(broken.project.workspace)) == 1, "it had got further"
