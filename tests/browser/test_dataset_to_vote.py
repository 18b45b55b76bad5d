"""The pages from the dataset on, as a person clicks through them, with a run that is already there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.audio.samples import write_wav
from core.dataset.freeze import latest
from core.engines.options import TrainConfig
from core.files import write_json
from core.jobs import events
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.project.records import Clip, Source
from core.project.workspace import Project, Workspace
from core.training.checkpoints import Checkpoints
from core.training.config import config_text
from tests.browser.conftest import listen_to_both

pytestmark = pytest.mark.browser
PATIENCE_MS = 60_000
SENTENCE = "Where is the bakery?"


@pytest.fixture
def ana(server: Any) -> Project:
    """A project with approved clips; the workspace is the one that `server` serves."""
    project = Workspace(server.workspace).create("Ana", "en")
    project.store.add_source(Source("a", "Recording", seconds=60.0))
    clips = [
        Clip(f"a-{n:04d}", "a", 6.0 * n, 6.0 * n + 4.0, text=f"Sentence {n}.", status="approved") for n in range(8)
    ]
    project.store.replace_clips("a", clips)
    for clip in clips:
        write_wav(project.clip_file(clip.id), _noise(4.0, 22_050), 22_050)
    return project


def _noise(seconds: float, rate: int) -> Any:
    return (0.1 * np.random.default_rng(0).standard_normal(int(seconds * rate))).astype(np.float32)


def _run(project: Project) -> None:
    """A finished run of three checkpoints that have spoken."""
    frozen = latest(project)
    assert frozen is not None
    facts = {"dataset": frozen.id, "base": "starter", "preset": "xtts-cpu"}
    job = Job.create(project.runs, TrainArgs(**facts), title="Calm voice", name="calm-voice")
    (job.path / "config.yaml").write_text(config_text(TrainConfig(), language="en", **facts))
    events.append(job.events_path, events.Launched())
    for step in (0, 10, 20):
        folder = Checkpoints(job.path).folder(step)
        write_json(folder / "adapter.json", {"step": step})
        events.append(job.events_path, events.Checkpoint(step=step, path=f"checkpoints/{folder.name}"))
        path = f"samples/{folder.name}/0.wav"
        write_wav(job.path / path, _noise(1.0, 24_000), 24_000)
        events.append(job.events_path, events.Sample(step=step, sentence=0, text=SENTENCE, path=path))
        values = {"loss": 3.0 - step / 20, "val_loss": 3.0 - step / 40, "lr": 1e-4}
        events.append(job.events_path, events.Metrics(step=step, values=values))
    events.append(job.events_path, events.Finished(outcome="done"))


def test_freeze_look_at_a_run_and_vote_blindly(ana: Project, server: Any, page: Any) -> None:
    page.goto(f"{server.url}/en/?project=ana&tab=dataset")
    page.click("#freeze-dataset")
    page.wait_for_selector("#page-dataset [data-go=train]")
    _run(ana)
    page.click("#page-dataset [data-go=train]")
    page.wait_for_selector("#page-train .vw-samples audio")
    assert page.locator("#page-train .vw-samples audio").count() == 3
    assert page.locator("#page-train svg.vw-plot").count() >= 1
    page.click("#page-train [data-go=listen]")
    page.wait_for_selector("#vote-left")
    blind = page.locator("#page-listen [data-ab]").inner_html()
    assert SENTENCE in blind
    assert "calm" not in blind.lower()
    assert page.locator("#vote-left").is_disabled()  # nothing was heard yet
    listen_to_both(page)
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("#next-pair")
    assert all("Calm voice" in name for name in page.locator(".vw-name").all_inner_texts())
    assert len(ana.store.votes()) == 1
    page.click("#undo-vote")
    page.wait_for_selector("#vote-left")
    assert ana.store.votes() == []


def test_the_licence_comes_before_the_download_and_changed_numbers_are_marked(
    ana: Project, server: Any, page: Any
) -> None:
    from core.dataset.freeze import freeze

    freeze(ana)
    page.goto(f"{server.url}/en/?project=ana&tab=train&base=xtts-v2")
    page.wait_for_selector("#accept-license")
    assert page.locator("#start-training").is_disabled()
    assert page.locator("#download-base").count() == 0
    page.click("#accept-license")
    page.wait_for_selector("#download-base")
    page.locator("#page-train button.label-wrap").first.click()
    box = page.locator("#page-train input[type=number]").first
    box.fill("45")
    page.wait_for_selector(".vw-changes li")
    assert "45" in page.locator(".vw-changes").inner_text()
    page.click("#reset-training")
    page.wait_for_selector(".vw-changes", state="detached")
    assert box.input_value() != "45"
