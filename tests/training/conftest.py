"""A small frozen dataset of real speech, made once for all training tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.audio.samples import read, write_wav
from core.jobs import events
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from tests.conftest import Prompts

CLIPS = 12
HELD_BACK = 2


def write_dataset(folder: Path, prompts: Prompts, count: int = CLIPS, held_back: int = HELD_BACK) -> Path:
    """Freeze the first ``count`` prompts by hand, in the form `core.dataset` writes."""
    # Short ones: what is proved does not need long ones, and a test should be quick.
    chosen = sorted(prompts.spoken, key=lambda spoken: abs(spoken[1] - spoken[0] - 3.5))[:count]
    wavs = write_lists(folder, [text for *_, text in chosen], held_back)
    for wav, (start_s, end_s, _) in zip(wavs, chosen, strict=True):
        samples, rate = read(prompts.recording, start_s, end_s, sample_rate=22_050)
        write_wav(wav, samples, rate)
    return folder


def write_lists(folder: Path, texts: Sequence[str], held_back: int) -> list[Path]:
    """A frozen dataset without its clips: where each of them belongs."""
    (folder / "wavs").mkdir(parents=True)
    names = [f"clip-{number:04d}" for number in range(len(texts))]
    lines = [f"{name}|{text}|{text}\n" for name, text in zip(names, texts, strict=True)]
    (folder / "metadata.csv").write_text("".join(lines))
    (folder / "metadata_train.csv").write_text("".join(lines[: len(lines) - held_back]))
    (folder / "metadata_val.csv").write_text("".join(lines[len(lines) - held_back :]))
    (folder / "dataset.json").write_text(json.dumps({"id": folder.name, "language": "en"}))
    return [folder / "wavs" / f"{name}.wav" for name in names]


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory, prompts: Prompts) -> Path:
    """A frozen dataset of real speech: 10 clips to train on, 2 held back."""
    return write_dataset(tmp_path_factory.mktemp("frozen") / "abc123", prompts)


@pytest.fixture
def frozen(project: Project, dataset: Path) -> Project:
    """A project with that dataset in its place."""
    project.datasets.mkdir(parents=True)
    (project.datasets / dataset.name).symlink_to(dataset)
    return project


@dataclass
class Recorded:
    """A reporter and what was said through it."""

    reporter: Reporter
    job: Job

    def of(self, kind: type[events.Event]) -> list[Any]:
        """Events of one type, in order."""
        return [event for event in events.EventReader(self.job.events_path).read() if isinstance(event, kind)]


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    """A reporter without a child process."""
    job = Job.create(tmp_path / "jobs", TrainArgs(dataset="d", base="starter"))
    return Recorded(Reporter(job), job)


@pytest.fixture(scope="session")
def features(tmp_path_factory: pytest.TempPathFactory, dataset: Path, starter: Path) -> Any:
    """The dataset's features, computed once."""
    from core.engines.xtts.features.extract import prepare

    folder = tmp_path_factory.mktemp("features")
    return prepare(
        dataset, starter, folder, Reporter(Job.create(folder / "jobs", TrainArgs(dataset="d", base="starter")))
    )
