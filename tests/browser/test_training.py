"""A training watched and steered from the page: the real loop in real child processes, a make-believe model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.audio.samples import write_wav
from core.dataset.freeze import freeze
from core.project.records import Clip, Source
from core.project.workspace import Project, Workspace
from core.training.run import Run, runs
from tests.browser.conftest import Server
from tests.jobs.conftest import put_task, until
from tests.training import make_believe

pytestmark = pytest.mark.browser
PATIENCE_MS = 30_000


@pytest.fixture
def ana(tmp_path: Path) -> Project:
    """A project with a frozen dataset."""
    project = Workspace(tmp_path / "workspace").create("Ana", "en")
    project.store.add_source(Source("a", "Recording", seconds=60.0))
    clips = [
        Clip(f"a-{n:04d}", "a", 6.0 * n, 6.0 * n + 4.0, text=f"Sentence {n}.", status="approved") for n in range(8)
    ]
    project.store.replace_clips("a", clips)
    noise = (0.1 * np.random.default_rng(0).standard_normal(4 * 22_050)).astype(np.float32)
    for clip in clips:
        write_wav(project.clip_file(clip.id), noise, 22_050)
    freeze(project)
    return project


@pytest.fixture
def believing(ana: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server whose trainings learn in no time."""
    put_task(tmp_path, monkeypatch, "train", Path(make_believe.__file__))
    monkeypatch.setenv("MAKE_BELIEVE_PACE_S", "0.05")
    server = Server(ana.workspace.path)
    yield server
    server.stop()
    for job in ana.all_jobs():
        job.force_stop()
        job.wait(10)


def _start(page: Any, project: Project, name: str) -> Run:
    before = {run.id for run in runs(project)}
    page.fill("#page-train input[type=text]:visible, #page-train textarea:visible", name)
    page.click("#start-training")
    until(lambda: {run.id for run in runs(project)} - before)
    return next(run for run in runs(project) if run.id not in before)


def test_a_training_is_heard_paused_lengthened_and_followed_by_one_that_waited(
    ana: Project, believing: Server, page: Any
) -> None:
    page.goto(f"{believing.url}/en/?project=ana&tab=train&base=starter")
    page.wait_for_selector("#start-training:not([disabled])")
    page.locator("#page-train button.label-wrap").first.click()
    page.locator("#page-train input[type=number]").first.fill("5000")
    first = _start(page, ana, "Calm")
    page.wait_for_selector('.vw-asks [data-do="sample"]')

    page.click('.vw-asks [data-do="sample"]')
    until(lambda: first.read().job.answers)
    page.wait_for_selector("#page-train .vw-samples audio")

    page.click('.vw-asks [data-do="pause"]')
    page.wait_for_selector('.vw-asks [data-do="go_on"]')
    assert first.read().job.status == "paused"
    page.click('.vw-asks [data-do="go_on"]')
    page.wait_for_selector('.vw-asks [data-do="pause"]')

    page.click(".vw-asks summary")
    page.fill('.vw-asks input[name="steps"]', "6000")
    page.click(".vw-asks button[type=submit]")
    until(lambda: first.read().total == 6000)
    page.wait_for_function("document.querySelector('.vw-asks [role=status]').innerText.match(/6[.,]000/)")

    second = _start(page, ana, "Later")
    page.wait_for_selector(f'#page-train .vw-job[data-key="{second.id}"]')
    page.wait_for_function("document.querySelector('#page-train .vw-job').innerText.includes('Calm')")
    assert second.read().job.status == "waiting"
    assert page.locator("#page-train .vw-btn.primary:visible").count() == 0
    page.reload()
    page.wait_for_selector(f'#page-train .vw-job[data-key="{second.id}"]')
    first.stop()
    page.wait_for_selector('.vw-asks [data-do="pause"]')
    assert second.read().job.status == "running" and first.read().job.status == "cancelled"
    second.stop()
    page.wait_for_selector('#page-train [data-do="resume"]')


def test_a_run_that_stops_learning_offers_to_stop_with_its_best_checkpoint(
    ana: Project, believing: Server, page: Any
) -> None:
    from core.training.start import start_training

    settings = {"max_steps": 5000, "eval_every": 2, "save_every": 4, "patience": 3, "sample_sentences": 1}
    job = start_training(ana, _dataset(ana), "xtts-cpu", settings, "Calm", "starter")
    page.goto(f"{believing.url}/en/?project=ana&tab=train&run={job.id}")
    page.wait_for_selector('#page-train [data-do="keep"]')
    page.click('#page-train [data-do="keep"]')
    page.wait_for_selector('#page-train [data-do="resume"]')
    view = Run(ana, job.id).read()
    assert (
        view.job.status == "cancelled"
        and len(view.pinned_steps) == 1
        and view.pinned_steps < dict(view.checkpoints).keys()
    )


def _dataset(project: Project) -> str:
    """The id of the one frozen dataset."""
    return next(path.parent.name for path in project.datasets.glob("*/metadata_train.csv"))
