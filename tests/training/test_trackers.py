"""Trackers: how runs are named at TensorBoard and Weights & Biases."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.engines.options import TrainConfig
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.project.workspace import Workspace
from core.training.trackers import WeightsAndBiases


def test_runs_of_one_name_are_told_apart_and_each_is_found_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: list[str] = []

    def init(**asked: Any) -> Any:
        assert asked["name"] == "calm" and asked["resume"] == "allow"
        known.append(asked["id"])
        return SimpleNamespace(define_metric=lambda *_, **__: None)

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init))

    def begin(project: str) -> Path:
        path = workspace.project(project).runs
        return Job.create(path, TrainArgs(dataset="d", base="starter", project=project), name="calm").path

    ana, bia = (workspace.create(name).slug for name in ("Ana", "Bia"))
    first = begin(ana)
    for run in (first, first, begin(bia)):
        WeightsAndBiases(run, "voices", TrainConfig())
    # Deleted, and another begun under its name.
    first.rename(first.with_name("other"))
    time.sleep(0.005)  # runs are told apart by when they were begun
    WeightsAndBiases(begin(ana), "voices", TrainConfig())
    assert known[0] == known[1] and len({*known}) == 3
    assert all(re.fullmatch("[A-Za-z0-9-]{1,128}", name) for name in known), known
    # The project goes to the trash; when it is back its name is another's.
    trashed = workspace.delete(workspace.project(bia)).name
    workspace.create("Bia")
    back = workspace.restore(trashed)
    assert back.slug != bia
    WeightsAndBiases(back.runs / "calm", "voices", TrainConfig())
    WeightsAndBiases(begin(bia), "voices", TrainConfig())
    assert known[4] == known[2] and len({*known}) == 4
