"""The loop with a make-believe model: what it tells, saves and keeps."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import Cancelled, UserError
from core.jobs import events
from core.training.checkpoints import STATE, Checkpoints
from core.training.config import TrainConfig
from core.training.loop import Loop
from core.training.samples import SampleSpeaker, Sentences, references
from tests.training.conftest import Recorded

CONFIG = TrainConfig(max_steps=9, save_every=4, eval_every=3)


@dataclass
class MakeBelieve:
    """A session whose loss is what a function of the step says."""

    loss: Callable[[int], float] = lambda step: 5.0 / step
    step_number: int = 0
    spoken: list[tuple[int, str, int]] = field(default_factory=list)
    fails: bool = False

    def step(self) -> dict[str, float]:
        self.step_number += 1
        return {"loss_mel_ce": self.loss(self.step_number), "lr": 1e-4}

    def evaluate(self) -> dict[str, float]:
        return {"val_loss_mel_ce": 6.0}

    def save(self, folder: Path) -> None:
        (folder / "adapter.json").write_text(json.dumps({"step": self.step_number}))
        (folder / STATE).write_text(str(self.step_number))

    def voice(self) -> MakeBelieve:
        return self

    def speak(self, text: str, language: str, reference: Any, seed: int, **options: Any) -> tuple[Any, int]:
        if self.fails and "second" in text:
            raise RuntimeError("CUFFT_INVALID_SIZE {not a template}")
        self.spoken.append((self.step_number, text, seed))
        return np.zeros(240, np.float32), 24_000


def make_loop(recorded: Recorded, session: MakeBelieve, config: TrainConfig = CONFIG) -> Loop:
    run = recorded.job.path
    sentences = Sentences(("first one", "second one"), "en", (), seed=7)
    speaker = SampleSpeaker(run, sentences, None, session.voice, recorded.reporter)
    return Loop(session, config, Checkpoints(run), speaker, recorded.reporter)


def test_saves_evaluates_and_speaks_at_its_steps_and_at_both_ends(recorded: Recorded) -> None:
    session = MakeBelieve()
    facts = make_loop(recorded, session).run()
    assert facts == {"step": 9, "steps": 9, "checkpoints": 4, "loss_mel_ce": 0.5556, "val_loss_mel_ce": 6.0}
    assert [event.step for event in recorded.of(events.Checkpoint)] == [0, 4, 8, 9]
    metrics = recorded.of(events.Metrics)
    assert [m.step for m in metrics if "val_loss_mel_ce" in m.values] == [0, 3, 6, 9]
    assert [m.step for m in metrics if "loss_mel_ce" in m.values] == list(range(1, 10))
    assert all({"lr", "steps_per_s", "memory_mb"} <= m.values.keys() for m in metrics if "loss_mel_ce" in m.values)
    assert [(step, seed) for step, _, seed in session.spoken] == [(s, n) for s in (0, 4, 8, 9) for n in (7, 8)]
    samples = recorded.of(events.Sample)
    assert samples[2].path == "samples/step-000004/0.wav" and (recorded.job.path / samples[2].path).exists()


def test_a_loss_that_is_not_a_number_is_warned_about_and_left_out(recorded: Recorded) -> None:
    make_loop(recorded, MakeBelieve(lambda step: math.nan if step == 5 else 1.0)).run()
    assert [w.values["step"] for w in recorded.of(events.Warning) if w.code == "train.nan_loss"] == [5]
    told = [m.step for m in recorded.of(events.Metrics) if "loss_mel_ce" in m.values]
    assert told == [1, 2, 3, 4, 6, 7, 8, 9]


def test_a_run_that_diverges_ends_with_a_reason_and_keeps_its_checkpoints(recorded: Recorded) -> None:
    loop = make_loop(
        recorded,
        MakeBelieve(lambda step: math.nan if step > 4 else 1.0),
        CONFIG.model_copy(update={"max_steps": 100, "save_every": 4}),
    )
    with pytest.raises(UserError) as caught:
        loop.run()
    assert caught.value.code == "train.diverged"
    assert loop.checkpoints.newest_state() is not None


def test_stop_saves_and_tells_what_was_kept(recorded: Recorded) -> None:
    def loss(step: int) -> float:
        if step == 3:
            recorded.job.stop()
            recorded.reporter._last_look = 0.0
        return 1.0

    loop = make_loop(recorded, MakeBelieve(loss))
    with pytest.raises(Cancelled) as caught:
        loop.run()
    assert caught.value.args[0]["step"] == 3
    assert loop.checkpoints.newest_state() == loop.checkpoints.folder(3)


def test_a_failing_sample_is_warned_about_and_does_not_end_the_run(recorded: Recorded) -> None:
    session = MakeBelieve(fails=True)
    assert make_loop(recorded, session).run()["step"] == 9
    failed = [w for w in recorded.of(events.Warning) if w.code == "train.sample_failed"]
    assert [(w.values["step"], w.values["number"]) for w in failed] == [(0, 2), (4, 2), (8, 2), (9, 2)]
    assert "CUFFT" in failed[0].text
    assert {text for _, text, _ in session.spoken} == {"first one"}


def test_a_resumed_run_says_what_was_left_unsaid(recorded: Recorded) -> None:
    session = MakeBelieve()
    make_loop(recorded, session, CONFIG.model_copy(update={"max_steps": 4})).run()
    resumed = MakeBelieve(step_number=4)
    recorded.reporter.started(step=4)
    make_loop(recorded, resumed).run()
    assert [step for step, _, _ in resumed.spoken] == [8, 8, 9, 9]
    assert recorded.job.read().checkpoints.keys() == {0, 4, 8, 9}


def test_time_left_covers_the_whole_run(recorded: Recorded) -> None:
    make_loop(recorded, MakeBelieve()).run()
    left = [p.eta_s for p in recorded.of(events.Progress) if p.stage == "train"]
    assert all(eta is not None and eta >= 0 for eta in left) and left[-1] == 0


def test_references_are_the_clips_nearest_to_a_good_length() -> None:
    assert references([("a", 2.0), ("b", 9.0), ("c", 7.5), ("d", 11.0)], most=2) == ("c", "b")
