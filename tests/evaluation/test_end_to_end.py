"""From a training to its verdict: a run that learns is told from one whose learning rate was tenfold.

The voice is a real one whose pitch is off by what is still to be learnt; all else is the app's: the loop, checkpoints,
speaking, recogniser, measures, intervals, verdict.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from core.audio.samples import Samples, resample
from core.engines.options import TrainConfig
from core.evaluation.run import Evaluation
from core.evaluation.scorecard import recommended, scorecard
from core.evaluation.verdict import Verdict
from core.jobs.args.runs import EvaluateArgs
from core.training.loop import Loop
from core.training.samples import SampleSpeaker, Sentences
from tests.evaluation.conftest import RATE, MakeScored, Parrot, ParrotEngine, Scored
from tests.training.make_believe import MakeBelieve

OFF = 0.3  # of the base: a third too high and too fast, understood and unlike
SENTENCES = (0, 14, 20, 26, 43, 45)
CONFIG = TrainConfig(learning_rate=1e-3, max_steps=8, save_every=4, eval_every=8)


class Learner(MakeBelieve):
    """Gradient descent on how far the pitch is off, as a logarithm."""

    def __init__(self, learning_rate: float) -> None:
        super().__init__(weight=OFF)
        self.learning_rate = learning_rate

    def step(self, should_stop: Callable[[], bool] = lambda: False) -> dict[str, float]:
        self.step_number += 1
        loss = self.weight**2
        self.weight -= self.learning_rate * 240 * self.weight
        return {"loss": loss, "lr": self.learning_rate}


class Speaking(ParrotEngine):
    """Loads what a `Learner` has saved."""

    def load_voice(self, base: Path, checkpoint: Path | None, *, device: str = "auto") -> Parrot:
        off = float(load_file(checkpoint / "adapter.safetensors")["weight"][0]) if checkpoint else OFF

        def speak(sound: Samples) -> Samples:
            return resample(sound, round(RATE * float(np.exp(np.clip(off, -1, 1)))), RATE)

        return Parrot(self.sounds, speak, self.said)


def train(scored: Scored, config: TrainConfig) -> None:
    """The run's checkpoints, by the real loop."""
    session = Learner(config.learning_rate)
    speaker = SampleSpeaker(scored.run.path, Sentences((), "en", (), 0), None, session.voice, scored.reporter)
    Loop(session, config, scored.run.checkpoints, speaker, scored.reporter).run()


@pytest.fixture
def verdict_of(
    make_run: MakeScored, monkeypatch: pytest.MonkeyPatch
) -> Callable[[TrainConfig], tuple[Scored, Verdict]]:
    def judge(config: TrainConfig) -> tuple[Scored, Verdict]:
        scored = make_run({}, held_out=SENTENCES)
        engine = Speaking(scored.engine.sounds, {})
        monkeypatch.setattr("core.engines.registry.get_engine", lambda name: engine)
        train(scored, config)
        Evaluation(
            scored.project, scored.run, EvaluateArgs(run_id=scored.run.id, device="cpu"), scored.reporter
        ).score()
        return scored, scorecard(scored.project, scored.run).verdict

    return judge


def test_a_run_that_learns_has_a_step_to_keep_and_a_harmed_one_has_none(
    verdict_of: Callable[[TrainConfig], tuple[Scored, Verdict]],
) -> None:
    harmed, verdict = verdict_of(CONFIG.model_copy(update={"learning_rate": 1e-2, "save_every": 8}))
    assert verdict.kind == "base" and recommended(harmed.project) is None
    learnt, verdict = verdict_of(CONFIG)
    assert verdict.kind == "keep" and verdict.step in (4, 8)
    assert "like_more" in [reason.key for reason in verdict.reasons]
    best = recommended(learnt.project)
    assert best is not None and (best.run_id, best.step) == (learnt.run.id, verdict.step)
