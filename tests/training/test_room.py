"""A run that will not fit on the disk is refused in the click, by what learns in it."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from core.engines.xtts.options import XttsTrainConfig
from core.errors import DiskFull
from core.files import read_json
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.project.workspace import Project
from core.training.config import config_text
from core.training.run import CONFIG
from core.training.start import resume, start_training

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Any:
    """``disk(free)`` says how many bytes are free; nothing is really started."""
    monkeypatch.setattr(Project, "start_job", lambda *_, **__: "started")
    monkeypatch.setattr(Project, "launch", lambda *_, **__: None)
    return lambda free: monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(10**12, 0, int(free)))


@pytest.mark.parametrize(
    ("settings", "copies"),
    [({}, 0), ({"train_what": "full"}, 10), ({"train_what": "last_layers", "last_layers": 1}, None)],
)
def test_the_room_asked_for_follows_what_learns(
    frozen: Project, starter: Path, disk: Any, settings: dict[str, Any], copies: float | None
) -> None:
    weights = (starter / "model.pth").stat().st_size
    layers = read_json(starter / "config.json")["model_args"]["gpt_layers"]
    needed = 500 * 2**20 + weights * (10 * min(1, 2 / layers) if copies is None else copies)
    disk(needed + 10)
    assert start_training(frozen, "abc123", "xtts-cpu", settings, base_id=str(starter)) == "started"
    disk(needed - 2**20)
    with pytest.raises(DiskFull) as caught:
        start_training(frozen, "abc123", "xtts-cpu", settings, base_id=str(starter))
    assert caught.value.values["needed_mb"] == int(needed) // 2**20


def test_going_on_needs_the_same_room(frozen: Project, starter: Path, disk: Any) -> None:
    files = {CONFIG: config_text(XttsTrainConfig(train_what="full"))}
    job = Job.create(frozen.runs, TrainArgs(base=str(starter), dataset="abc123"), files=files)
    disk(500 * 2**20 + 9 * (starter / "model.pth").stat().st_size)
    with pytest.raises(DiskFull):
        resume(frozen, job.id)
