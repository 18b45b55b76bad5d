"""The page may die at any moment: what runs goes on, and the page shows it again."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.jobs import events
from core.project.workspace import Project, Workspace
from core.training.run import runs
from tests.browser.conftest import Server, freeze_tones
from tests.jobs.conftest import until
from tests.training.test_runs import events_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PATIENCE_S = 120
ATTACHED_S = 5.0
STEPS = 5000  # more than are ever reached
STEP_S = 0.2
PACE = "TOY_STEP_S"  # of an update of the toy
# Whether the page shows a run at work, so many updates in or more.
SHOWS_UPDATES = """([id, least]) => {
  const shown = document.querySelector(`#page-train:has(.vw-job[data-key="${id}"] .vw-bar)`)?.innerText;
  return Number(shown?.match(/([\\d,]+) \\/ 5,000/)?.[1].replaceAll(',', '')) >= least;
}"""


@pytest.fixture
def ana(toy: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project with a frozen dataset; whatever runs in it is dead when the test ends.

    Of the toy: what learns is the same to the page, and a model would keep a core busy while servers start.
    """
    monkeypatch.setenv(PACE, str(STEP_S))
    project = Workspace(tmp_path / "workspace").create("Ana", "en", "toy")
    freeze_tones(project)
    yield project
    for job in project.all_jobs():
        job.force_stop()
        job.wait(10)


def serve(workspace: Path, monkeypatch: pytest.MonkeyPatch, port: int = 0) -> Server:
    """A server that leads a process group, as one does that was started in a terminal."""
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", functools.partial(subprocess.Popen, start_new_session=True))
        return Server(workspace, port=port)


def test_a_training_loses_no_step_to_its_servers_deaths_and_the_open_page_shows_it_again_within_five_seconds(
    chromium: Any, ana: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(ana.workspace.path, monkeypatch)
    context = chromium.new_context(locale="en", reduced_motion="reduce")
    context.set_default_timeout(1000 * PATIENCE_S)
    try:
        page = context.new_page()
        page.goto(f"{server.url}/en/?project=ana&tab=train")
        page.wait_for_selector("#start-training:not([disabled])")
        page.locator("#page-train button.label-wrap").first.click()
        page.locator("#page-train input[type=number]:visible").first.fill(str(STEPS))
        page.click("#start-training")
        until(lambda: runs(ana), PATIENCE_S)
        run = runs(ana)[0]
        page.wait_for_function(SHOWS_UPDATES, arg=[run.id, 3])

        for how in (signal.SIGKILL, signal.SIGINT):
            # Ctrl-C in a terminal reaches the whole group.
            os.killpg(server.process.pid, how)
            server.process.wait(30)
            died = run.read().step
            until(lambda died=died: run.read().step >= died + 3, PATIENCE_S)

            server = serve(ana.workspace.path, monkeypatch, server.port)
            answered, reached = time.monotonic(), run.read().step
            page.wait_for_function(SHOWS_UPDATES, arg=[run.id, reached])
            took_s = time.monotonic() - answered
            assert took_s <= ATTACHED_S
            until(lambda reached=reached: run.read().step > reached, PATIENCE_S)

        new = context.new_page()
        new.goto(f"{server.url}/en/?project=ana&tab=train")
        new.wait_for_function(SHOWS_UPDATES, arg=[run.id, reached + 1])
        new.click('#page-train .vw-job [data-do="stop"]')
        new.wait_for_selector("#page-train .vw-job .vw-notice.warn")
        view = run.job.wait(60)
        assert view.status == "cancelled"
        steps = [event.step for event in events_of(run.job, events.Metrics) if "loss" in event.values]
        assert steps == list(range(1, int(view.result["step"]) + 1)), "an update is missing or was done twice"
        assert [event.step for event in events_of(run.job, events.Started)] == [None, 0], "it was started again"
    finally:
        context.close()
        server.stop()
