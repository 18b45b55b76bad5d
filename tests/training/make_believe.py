"""A session whose numbers are what a function says: for tests of the loop, and of runs as light child processes."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ConfigDict
from safetensors.numpy import load_file, save_file

from core.engines.session import Snapshot, TrainSession
from core.engines.voice import Voice
from core.errors import Cancelled
from core.files import read_json
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.training.checkpoints import STATE, Checkpoints
from core.training.config import read_config
from core.training.loop import Loop
from core.training.run import CONFIG, as_trained
from core.training.samples import SampleSpeaker, Sentences


@dataclass
class MakeBelieve(TrainSession[None], Voice[None]):
    """A session whose loss is what a function of the step says."""

    loss: Callable[[int], float] = lambda step: 5.0 / step
    step_number: int = 0
    spoken: list[tuple[int, str, int]] = field(default_factory=list)
    fails: bool = False
    stop_within: int = 0  # the update in whose middle Stop is seen
    stop: Callable[[], None] = lambda: None
    val: Callable[[int], float] = lambda step: 6.0
    weight: float = 0.0  # moves by the rate with every update
    rate: float = 1.0
    micro_batch: int = 4
    ballast: dict[str, int] = field(default_factory=dict)  # bytes of what is saved at a step
    fits: Callable[[int], bool] = lambda micro_batch: True

    def step(self, should_stop: Callable[[], bool] = lambda: False) -> dict[str, float]:
        if self.step_number + 1 == self.stop_within:
            self.stop()
        if should_stop():
            raise Cancelled
        if not self.fits(self.micro_batch):
            raise MemoryError
        self.step_number += 1
        loss = self.loss(self.step_number)
        if not math.isfinite(loss):
            return {"loss": loss, "lr": self.rate, "skipped": 1.0}
        self.weight += self.rate
        return {"loss": loss, "lr": self.rate}

    def halve_batch(self) -> bool:
        if self.micro_batch == 1:
            return False
        self.micro_batch //= 2
        return True

    def snapshot(self) -> Snapshot:
        return {"step": self.step_number, "weight": self.weight}

    def restore(self, snapshot: Snapshot) -> None:
        self.step_number, self.weight = snapshot["step"], snapshot["weight"]

    def lower_rate(self, factor: float) -> None:
        self.rate *= factor

    def set_max_steps(self, steps: int) -> None:
        self.wished = steps

    def evaluate(self, should_stop: Callable[[], bool] = lambda: False) -> dict[str, float]:
        if should_stop():
            raise Cancelled
        return {"val_loss": self.val(self.step_number)}

    def save(self, folder: Path) -> None:
        (folder / "adapter.json").write_text(json.dumps({"step": self.step_number}))
        (folder / STATE).write_text(str(self.step_number))
        (folder / "ballast").write_bytes(b"b" * self.ballast.get(str(self.step_number), 0))
        save_file({"weight": np.array([self.weight], np.float32)}, folder / "adapter.safetensors")

    def voice(self) -> MakeBelieve:
        return self

    def condition(self, references: Sequence[Any]) -> None:
        return None

    def speak(self, text: str, language: str, reference: Any, seed: int, **options: Any) -> tuple[Any, int]:
        if options["should_stop"]():
            raise Cancelled
        if self.fails and "second" in text:
            raise RuntimeError("CUFFT_INVALID_SIZE {not a template}")
        self.spoken.append((self.step_number, text, seed))
        return np.zeros(240, np.float32), 24_000


class MakeBelieveArgs(TrainArgs):
    """A training's, and what `run` is told besides."""

    model_config = ConfigDict(extra="allow")


def run(job: Job, project: Project, args: TrainArgs, reporter: Reporter) -> dict[str, Any]:
    """In place of ``core.tasks.train``: the real loop in a real process, in no time.

    Its ``job.json`` says besides: ``pace_s`` an update takes (or ``MAKE_BELIEVE_PACE_S`` in the environment);
    ``hang_at`` the update that never ends, the first time it is reached; ``val_from`` the update from which the error
    on unseen sentences rises; ``ballast`` bytes by step saved.
    """
    arguments = read_json(job.path / "job.json")["arguments"]
    config, _ = read_config(job.path / CONFIG)
    config = as_trained(config, job.path)
    checkpoints = Checkpoints(job.path)
    checkpoints.mend()
    state = checkpoints.newest_state()
    hung = job.path / "hung"

    def loss(step: int) -> float:
        time.sleep(arguments.get("pace_s", float(os.environ.get("MAKE_BELIEVE_PACE_S", 0))))
        if step == arguments.get("hang_at") and not hung.exists():
            hung.touch()
            time.sleep(600)
        return 3.0 + 2.0 / step

    rises = arguments.get("val_from", 10**6)
    session = MakeBelieve(loss, val=lambda step: 4.0 + abs(step - rises) / rises, ballast=arguments.get("ballast", {}))
    if state is not None:
        session.step_number = int((state / STATE).read_text())
        session.weight = float(load_file(state / "adapter.safetensors")["weight"][0])
    reporter.start(step=session.step_number)
    checkpoints.discard_later(keep_to=session.step_number)
    sentences = Sentences(("first one", "second one")[: config.sample_sentences], "en", (), seed=7)
    speaker = SampleSpeaker(job.path, sentences, None, session.voice, reporter)
    return Loop(session, config, checkpoints, speaker, reporter).run()
