"""What can be asked of a training on its page, and the queue as the page shows it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.engines.options import TrainConfig
from core.errors import UserError
from core.jobs import events, locks
from core.jobs.args.clips import SegmentArgs
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.project.workspace import Project
from core.training.config import config_text
from core.training.requests import FILE, pinned_steps, planned_steps
from core.training.run import CONFIG, Run, runs
from ui.i18n import LANGUAGES, Translator
from ui.job_panel import job_panel, stage_line
from ui.tabs.train.control import act_on_run, controls
from ui.tabs.train.selection import Selection
from ui.tabs.train.view import run_view

T = Translator("en")


@pytest.fixture
def run(project: Project) -> Iterator[Run]:
    """A run that is alive as far as anybody can see, at update 20 of 100."""
    job = Job.create(project.runs, TrainArgs(base="starter", dataset="d"), title="Calm", name="calm")
    (job.path / CONFIG).write_text(config_text(TrainConfig(max_steps=100, eval_every=2), base="starter", dataset="d"))
    events.append(job.events_path, events.Launched())
    for step in range(1, 21):
        values = {"loss": 3.0, **({"val_loss": 3 + abs(step - 8) / 100} if step % 2 == 0 else {})}
        events.append(job.events_path, events.Metrics(step=step, values=values))
    run = Run(project, job.id)
    run.checkpoints.save(8, lambda folder: (folder / "adapter.json").write_text("{}") and None)
    events.append(job.events_path, events.Checkpoint(step=8, path="checkpoints/step-000008"))
    handle = os.open(job.path / "lock", os.O_CREAT | os.O_RDWR)
    fcntl.flock(handle, fcntl.LOCK_EX)
    yield run
    os.close(handle)


def _click(run: Run, do: str, id_: str = "", value: str = "") -> bool:
    return act_on_run(run.project, SimpleNamespace(do=do, id=id_ or run.id, value=value))


def _asked(run: Run) -> list[str]:
    path: Path = run.path / FILE
    return [json.loads(line)["do"] for line in path.read_text().splitlines()] if path.exists() else []


def test_each_button_asks_for_its_thing_and_the_page_says_so_until_it_is_answered(run: Run) -> None:
    for do in ("save", "sample", "pause"):
        assert f'data-do="{do}"' in controls(T, run.read())
        assert _click(run, do)
    assert _asked(run) == ["save", "sample", "pause"]
    assert T("train.asked_pause") in controls(T, run.read())
    for do in ("save", "sample"):
        events.append(run.job.events_path, events.Answer(do=do, step=20))
    assert T("train.asked_pause") in controls(T, run.read())
    for said in (events.State(state="paused"), events.Answer(do="pause", step=20)):
        events.append(run.job.events_path, said)
    shown = controls(T, run.read())
    assert T("train.answer_sample", step="20") in shown
    assert 'data-do="go_on"' in shown and 'data-do="pause"' not in shown
    assert T("job.paused") in job_panel(T, run.job)
    assert not _click(run, "start")


def test_another_length_is_checked_and_shown(run: Run) -> None:
    assert 'value="100"' in controls(T, run.read())
    for wrong in ("", "a", "1.5", "-3", "20", "100001"):
        with pytest.raises(UserError) as caught:
            _click(run, "steps", value=json.dumps({"steps": wrong}))
        assert caught.value.code in ("train.no_number", "train.bad_steps")
    assert _click(run, "steps", value=json.dumps({"steps": "150"}))
    assert planned_steps(run.path) == 150 and 'value="150"' in controls(T, run.read())


def test_stopping_with_the_best_checkpoint_is_offered_and_keeps_it(run: Run) -> None:
    shown = run_view(T, run.project, run)
    assert T("train.stop_keep", step="8") in shown and f'data-id="{run.id}:8"' in shown
    assert _click(run, "keep", f"{run.id}:8")
    assert pinned_steps(run.path) == {8} and run.job.stop_requested()


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_waits_is_told_for_whom_and_may_leave(run: Run, language: str) -> None:
    t = Translator(language)
    behind = {"kind": "train", "title": "Ana", "path": "x"}
    events.append(run.job.events_path, events.State(state="waiting", place=3, behind=behind))
    line = stage_line(t, run.job.read())
    assert "Ana" in line and "3" in line
    panel = job_panel(t, run.job)
    assert t("job.leave_queue") in panel and 'role="progressbar"' not in panel
    assert 'data-do="pause"' not in controls(t, run.read())


def test_a_taken_card_is_no_reason_to_refuse(project: Project) -> None:
    from ui.tabs.train.setup import _blocking_job

    mine = {"kind": "train", "title": "Other", "path": "/elsewhere"}
    handle = locks.try_lock(project.workspace.gpu_lock, mine)
    assert handle is not None
    assert project.workspace.on_card()["title"] == "Other"
    assert _blocking_job(T, project, project.workspace.on_card()) == ""
    job = Job.create(project.jobs, SegmentArgs())
    own = locks.try_lock(job.path / "lock", {})
    assert own is not None
    assert T("kinds.segment") in _blocking_job(T, project, project.workspace.on_card())
    os.close(own)
    os.close(handle)


def test_the_page_opens_at_the_run_at_work_not_at_a_newer_one_that_waits(run: Run) -> None:
    frozen = {"config.yaml": (run.path / "config.yaml").read_text()}
    about = {"base": "starter", "dataset": "d"}
    later = Job.create(run.project.runs, TrainArgs(**about), title="Later", name="later", files=frozen)
    assert runs(run.project)[0].id == later.id
    at_work, asked_for = Selection.read(run.project, "").run, Selection.read(run.project, f"?run={later.id}").run
    assert at_work and at_work.id == run.id
    assert asked_for and asked_for.id == later.id


def test_with_none_at_work_it_opens_at_the_run_last_heard_of(run: Run) -> None:
    waited = Job.create(run.project.runs, TrainArgs(base="starter", dataset="d"), title="Later", name="later")
    events.append(waited.events_path, events.Finished(outcome="cancelled"))
    events.append(run.job.events_path, events.Finished(outcome="cancelled"))
    os.utime(run.job.events_path, (2e9, 2e9))
    at = Selection.read(run.project, "").run
    assert at and at.id == run.id


def test_while_it_speaks_the_bar_stays_where_the_training_is(run: Run) -> None:
    events.append(run.job.events_path, events.Progress(stage="samples", done=0, total=2))
    assert 'aria-valuenow="20.0"' in run_view(T, run.project, run)
