"""A finished run whose voice says real prompts, whole or spoilt: all but the voice is as in the app."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.audio.samples import Samples, read, write_wav
from core.checkpoint_ref import step_folder
from core.engines import registry
from core.engines.session import ADAPTER
from core.engines.voice import ReferenceClip, Voice
from core.engines.xtts.options import XttsTrainConfig
from core.errors import UserError
from core.evaluation import plan
from core.files import write_json
from core.jobs.args.runs import EvaluateArgs
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.training.checkpoints import HASHES
from core.training.config import config_text
from core.training.run import Run
from tests.conftest import Prompts

RATE = 16_000
TRAIN, HELD_OUT = (3, 17), (0, 14, 44)  # prompts by their number; the second are short
Spoil = Callable[[Samples], Samples]


@dataclass
class Parrot(Voice[None]):
    """Says the prompt of a text as it was recorded, then spoilt."""

    sounds: dict[str, Samples]
    spoil: Spoil
    said: list[str] = field(default_factory=list)
    stumbles: tuple[str, ...] = ()

    def condition(self, references: Sequence[ReferenceClip]) -> None:
        assert references
        if {reference.text for reference in references} & {*self.stumbles}:
            raise UserError("speak.cannot_read", "The model has no sound for {characters}.", characters="ß")

    def speak(self, text: str, language: str, reference: None, seed: int, **_: Any) -> tuple[Samples, int]:
        self.said.append(text)
        if text in self.stumbles:
            raise UserError("speak.cannot_read", "The model has no sound for {characters}.", characters="ß")
        return self.spoil(self.sounds[text]), RATE


class ParrotEngine:
    """Loads parrots; ``spoils`` is how each step speaks, 0 being the base, ``stumbles`` which texts it cannot read."""

    def __init__(self, sounds: dict[str, Samples], spoils: dict[int, Spoil]) -> None:
        self.sounds, self.spoils = sounds, spoils
        self.said: list[str] = []
        self.stumbles: dict[int, tuple[str, ...]] = {}

    def base_folder(self, models: Path, base_id: str) -> Path:
        return models / base_id

    def load_voice(self, base: Path, checkpoint: Path | None, *, device: str = "auto") -> Parrot:
        step = int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0
        return Parrot(self.sounds, self.spoils[step], self.said, self.stumbles.get(step, ()))


@dataclass
class Scored:
    """A run, the engine that speaks for it, and a reporter."""

    project: Project
    run: Run
    engine: ParrotEngine
    reporter: Reporter

    def warnings(self) -> list[str]:
        """Codes of what was told."""
        return [warning.code for warning in self.reporter.view.warnings]


MakeScored = Callable[..., Scored]


def whole(sound: Samples) -> Samples:
    """As it was recorded."""
    return sound


def cut(sound: Samples) -> Samples:
    """Without the last word's end."""
    return sound[: -round(0.3 * RATE)]


@pytest.fixture
def make_run(project: Project, prompts: Prompts, monkeypatch: pytest.MonkeyPatch) -> MakeScored:
    """``make_run({0: cut, 10: whole})`` makes a run with these checkpoints."""
    monkeypatch.setattr(plan, "bundled", lambda language: [])

    def make(spoils: dict[int, Spoil], held_out: Sequence[int] = HELD_OUT) -> Scored:
        texts = {number: prompts.spoken[number][2] for number in (*TRAIN, *(held_out or HELD_OUT))}
        sounds = {
            text: read(prompts.recording, *prompts.spoken[number][:2], sample_rate=RATE)[0]
            for number, text in texts.items()
        }
        dataset = project.datasets / "d1"
        parts = {"metadata_train.csv": TRAIN, "metadata_val.csv": held_out, "metadata.csv": (*TRAIN, *held_out)}
        for name, numbers in parts.items():
            lines = "".join(f"c{number}|{texts[number]}|{texts[number]}\n" for number in numbers)
            (dataset / "wavs").mkdir(parents=True, exist_ok=True)
            (dataset / name).write_text(lines)
        for number in (*TRAIN, *held_out):
            write_wav(dataset / "wavs" / f"c{number}.wav", sounds[texts[number]], RATE)
        job = Job.create(project.runs, TrainArgs(dataset="d1", base="starter"), title="Run", name="run")
        (job.path / "config.yaml").write_text(
            config_text(XttsTrainConfig(), dataset="d1", base="starter", language="en")
        )
        references = [f"c{number}" for number in TRAIN]
        sentences = {"texts": [], "language": "en", "references": references, "seed": 0}
        (job.path / "samples").mkdir()
        write_json(job.path / "samples" / "sentences.json", sentences)
        for step in spoils:
            save_checkpoint(Run(project, job.id), step, f"weights of {step}")
        engine = ParrotEngine(sounds, spoils)
        monkeypatch.setattr(registry, "get_engine", lambda name: engine)
        scoring = Job.create(project.jobs, EvaluateArgs(run_id=job.id))
        return Scored(project, Run(project, job.id), engine, Reporter(scoring))

    return make


def save_checkpoint(run: Run, step: int, digest: str) -> None:
    """A checkpoint as far as scoring looks at it."""
    folder = run.path / "checkpoints" / step_folder(step)
    write_json(folder / ADAPTER, {"step": step})
    if step:
        write_json(folder / HASHES, {"adapter.safetensors": digest})


def tone(seconds: float) -> Samples:
    """Something that nobody says."""
    return np.asarray(0.2 * np.sin(2 * np.pi * 220 * np.arange(round(seconds * RATE)) / RATE), np.float32)
