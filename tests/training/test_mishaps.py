"""The real model in real child processes that run out of memory, or whose losses are no numbers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.engines.registry import DEFAULT, preload
from core.project.workspace import Project
from core.training.run import Run
from core.training.start import start_training
from tests.jobs.conftest import put_task
from tests.training import mishap_task

pytestmark = pytest.mark.slow
SETTINGS: dict[str, Any] = {
    "max_steps": 12,
    "save_every": 4,
    "eval_every": 100,
    "batch_size": 2,
    "accumulation": 2,
    "sample_sentences": 0,
    "auto_batch": True,
    "precision": "float32",
    # Left-out parts are drawn anew for other shapes: without them an update is the same however it is cut.
    "dropout": 0.0,
    "lora_dropout": 0.0,
}


def _run(
    project: Project, starter: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, mishap: str, **changed: Any
) -> Run:
    put_task(folder, monkeypatch, "train", Path(mishap_task.__file__))
    monkeypatch.setenv("MISHAP", mishap)
    assert preload(DEFAULT).wait_until_ready(180)
    job = start_training(project, "abc123", "xtts-cpu", {**SETTINGS, **changed}, "My voice", str(starter))
    job.wait(300)
    return Run(project, job.id)


def test_full_memory_and_losses_that_are_no_numbers_cost_a_run_nothing_but_time(
    frozen: Project, starter: Path, features: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.numpy import load_file

    from core.engines.xtts.train.session import start

    run = _run(frozen, starter, tmp_path, monkeypatch, "some")
    view = run.read()
    assert (view.job.status, view.step) == ("done", 12), run.job.log_tail()
    codes = {warning.code: warning.values for warning in view.job.warnings}
    # Two at once were found to fit; memory ran out all the same.
    assert (codes["train.fitted"]["clips"], codes["train.fitted"]["times"]) == (2, 2)
    assert codes["train.batch_halved"]["step"] == 3
    assert (codes["train.went_back"]["step"], codes["train.went_back"]["to"]) == (10, 4)
    assert [step for step, _ in view.train] == list(range(1, 13))
    undisturbed = start(view.config, features, starter, None)
    expected = [undisturbed.step()["loss"] for _ in range(4)]
    np.testing.assert_allclose([loss for _, loss in view.train][:4], expected, rtol=2e-4)
    rates = dict(view.lr)
    assert rates[12] < 0.6 * rates[4], "the rate was not lowered"
    for step, folder in view.checkpoints:
        if step:
            weights = load_file(folder / "adapter.safetensors").values()
            assert all(np.isfinite(array).all() for array in weights)


def test_too_little_memory_for_a_single_clip_is_told_with_what_to_do(
    frozen: Project, starter: Path, features: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _run(frozen, starter, tmp_path, monkeypatch, "memory", auto_batch=False)
    view = run.read()
    assert (view.job.status, view.job.code) == ("failed", "train.out_of_memory") and view.resumable
    # What it has tried by itself is no advice.
    assert "lower rank" in view.job.hint and "Save memory" not in view.job.hint
    assert [warning.code for warning in view.job.warnings] == ["train.batch_halved", "train.memory_saved"]
    assert os.listdir(run.checkpoints.path) == ["step-000000"]
