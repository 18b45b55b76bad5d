"""A base so small that a test of it costs next to nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.audio.samples import read, write_wav
from core.engines.f5.features.extract import Features, prepare
from core.engines.f5.model.load import F5
from core.engines.f5.model.lora import merged_state
from core.engines.f5.model.package import CFM, DiT
from core.engines.f5.model.tiny import make_starter
from core.engines.voice import ReferenceClip
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from tests.conftest import Prompts


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same architecture as the published base, v1, with random weights; never written to."""
    return make_starter(tmp_path_factory.mktemp("f5") / "v1", dim=32, depth=2)


@pytest.fixture(scope="session")
def tiny_v0(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same weights, built as v0."""
    return make_starter(tmp_path_factory.mktemp("f5") / "v0", dim=32, depth=2, flags="v0")


CLIPS, HELD_BACK = 8, 2
RATE = 24_000


@pytest.fixture(scope="session")
def frozen_f5(tmp_path_factory: pytest.TempPathFactory, prompts: Prompts) -> Path:
    """A frozen dataset of real speech, cut to one to two seconds: what is proved does not need more."""
    folder = tmp_path_factory.mktemp("f5-frozen") / "abc124"
    (folder / "wavs").mkdir(parents=True)
    lines = []
    for number, (start_s, _, text) in enumerate(prompts.spoken[:CLIPS]):
        samples, rate = read(prompts.recording, start_s, start_s + 1.1 + 0.11 * number, sample_rate=RATE)
        write_wav(folder / "wavs" / f"clip-{number}.wav", samples, rate)
        lines.append(f"clip-{number}|{' '.join(text.split()[:4])}|-\n")
    for name, part in (("", lines), ("_train", lines[:-HELD_BACK]), ("_val", lines[-HELD_BACK:])):
        (folder / f"metadata{name}.csv").write_text("".join(part))
    (folder / "dataset.json").write_text(json.dumps({"id": folder.name, "language": "en"}))
    return folder


@pytest.fixture(scope="session")
def silent_reporter(tmp_path_factory: pytest.TempPathFactory) -> Reporter:
    """A reporter without a child process."""
    return Reporter(Job.create(tmp_path_factory.mktemp("f5-jobs"), TrainArgs(dataset="d", base="f5-starter")))


@pytest.fixture(scope="session")
def mels(tmp_path_factory: pytest.TempPathFactory, frozen_f5: Path, tiny: Path, silent_reporter: Reporter) -> Features:
    """The dataset's features, computed once."""
    return prepare(frozen_f5, tiny, tmp_path_factory.mktemp("f5-cache"), silent_reporter)


@pytest.fixture(scope="session")
def speaker(frozen_f5: Path, mels: Features) -> ReferenceClip:
    """A clip of the speaker, and what is said in it."""
    return ReferenceClip(frozen_f5 / "wavs" / "clip-3.wav", mels.train[3].text)


def packaged(model: F5) -> CFM:
    """The package's own model with the same weights, the adapter folded in: nothing of ours computes in it."""
    transformer = DiT(**model.arch, mel_dim=100)
    transformer.load_state_dict(merged_state(model))
    return CFM(transformer=transformer, num_channels=100).eval()
