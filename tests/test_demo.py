"""The demo: started once at a time, stopped with all its parts, and ending with a pair to listen to."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import Any

import pytest

from core.demo import demo_lock, start_demo
from core.errors import Busy, Cancelled, UserError
from core.jobs import events, locks
from core.jobs.args.clips import SegmentArgs
from core.jobs.args.training import DemoArgs, TrainArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project, Workspace
from core.tasks.demo import SETTINGS, _Walk
from core.training.presets import preset
from ui.i18n import Translator
from ui.job_panel import act_on_job


@pytest.mark.parametrize("which", ["demo", "card"])
def test_a_demo_is_refused_in_the_click_and_leaves_nothing(workspace: Workspace, which: str) -> None:
    lock = demo_lock(workspace) if which == "demo" else workspace.gpu_lock
    held = locks.try_lock(lock, {"title": "Something else"})
    assert held is not None
    try:
        with pytest.raises(Busy) as busy:
            start_demo(workspace)
    finally:
        os.close(held)
    assert busy.value.values["title"] == "Something else"
    assert workspace.projects() == []


def test_its_settings_are_valid(workspace: Workspace) -> None:
    assert preset("xtts-cpu").config(SETTINGS).max_steps == 40


@pytest.mark.parametrize(
    ("ending", "error", "code"),
    [
        (events.Finished(outcome="failed", code="x.y", text="{It} broke.", values={"a": 1}), UserError, "x.y"),
        (events.Finished(outcome="cancelled"), Cancelled, None),
        (None, UserError, "demo.part_ended"),
    ],
)
def test_what_ends_a_part_ends_the_demo(
    project: Project, ending: events.Finished | None, error: type[Exception], code: str | None
) -> None:
    part = Job.create(project.jobs, SegmentArgs())
    for event in (events.Launched(), ending):
        if event:
            events.append(part.events_path, event)
    mother = Job.create(project.jobs, DemoArgs())
    walk = _Walk(project, mother, Reporter(mother), stage="demo_segment", stage_began=time.monotonic())
    with pytest.raises(error) as raised:
        walk._follow(part)
    assert getattr(raised.value, "code", None) == code
    if code == "x.y":
        assert (raised.value.text, raised.value.values) == ("{It} broke.", {"a": 1})  # type: ignore[attr-defined]
    if isinstance(raised.value, UserError) and code == "demo.part_ended":
        t, error = Translator("pt-BR"), raised.value
        assert t("kinds.segment") in t.error(error.code, error.text, error.hint, error.values)


def test_steps_within_a_part_neither_set_the_bar_back_nor_end_the_time_left(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = time.monotonic()
    monkeypatch.setattr("core.jobs.children._POLL_S", 0.0)
    monkeypatch.setattr(Reporter, "MIN_INTERVAL_S", 0.0)
    mother, part = (
        Job.create(project.jobs, DemoArgs()),
        Job.create(project.jobs, TrainArgs(dataset="d", base="starter")),
    )
    walk = _Walk(project, mother, Reporter(mother), stage="demo_train")
    # How long it has been at work, and what its present step says: that it takes an hour, is nearly done, begins, is
    # slower than thought.
    said = [(1.0, 0.1, 3600.0), (2.0, 0.9, 1.0), (8.0, 0.0, None), (10.0, 0.1, 36.0), (40.0, 0.9, 4.0)]
    views = [replace(part.read(), done=done, total=1, eta_s=eta_s) for _, done, eta_s in said]

    class Part:
        at = -1

        def alive(self) -> bool:
            self.at += 1
            if self.at < len(said):
                walk.stage_began = began - said[self.at][0]
            return self.at < len(said)

        def read(self) -> Any:
            return views[self.at] if self.at < len(said) else replace(views[0], status="done")

    walk._follow(Part())  # type: ignore[arg-type]
    told = [e for e in events.EventReader(mother.events_path).read() if isinstance(e, events.Progress)]
    assert [event.done for event in told] == sorted(event.done for event in told)
    assert all(5 < event.done < 6 for event in told)
    # Of the 25 s for this part and 1 s for the next.
    assert [event.eta_s for event in told] == pytest.approx([102.0, 24.0, 18.0, 37.0, 5.0], abs=0.5)


@pytest.mark.slow
def test_a_forced_stop_of_the_demo_ends_its_parts_too(workspace: Workspace) -> None:
    project, job = start_demo(workspace)
    until = time.monotonic() + 60
    starter = None
    while starter is None and time.monotonic() < until:
        starter = project.latest("download_base")
        if starter and not locks.holder(starter.path / "lock").get("pid"):
            starter = None
        time.sleep(0.01)
    assert starter and starter.alive()
    act_on_job(project, "force", job.id)
    assert job.read().status == "interrupted"
    assert starter.wait(20).status == "interrupted"
    for part in project.all_jobs():
        part.wait(20)
    assert project.running() is None


@pytest.mark.slow
def test_stop_ends_the_demo_and_the_part_at_work(workspace: Workspace) -> None:
    project, job = start_demo(workspace)
    until = time.monotonic() + 60
    while len(project.all_jobs()) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    assert len(project.all_jobs()) >= 2
    job.stop()
    view = job.wait(60)
    assert view.status == "cancelled", f"{view.text}\n{job.log_tail()}"
    assert project.running() is None
    assert not locks.is_locked(demo_lock(workspace))
    assert workspace.project(project.slug).info.demo
