"""The time left holds still when single updates, checks or samples take oddly long."""

from __future__ import annotations

import pytest

from core.engines.options import TrainConfig
from core.training.pace import Pace
from tests.training.conftest import Recorded
from tests.training.make_believe import MakeBelieve
from tests.training.test_loop import make_loop

CONFIG = TrainConfig(max_steps=100, eval_every=50, save_every=50)


def test_odd_times_do_not_move_the_time_left() -> None:
    pace = Pace()
    for seconds in (120.0, 1.0, 1.0, 9.0, 1.0):
        pace.add_step(seconds)
    for seconds in (30.0, 2.0, 2.0, 50.0):
        pace.add_evaluation(seconds)
    assert pace.left_s(CONFIG, 40, 5.0) == 60 * 1.0 + 2 * 2.0 + 2 * 5.0


def test_a_pace_that_has_changed_is_taken_up() -> None:
    pace = Pace()
    for seconds in 50 * [1.0] + 20 * [3.0]:
        pace.add_step(seconds)
    assert pace.step_s == 3.0


def test_one_slow_speaking_is_not_taken_for_the_usual(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    speaker = make_loop(recorded, MakeBelieve()).speaker
    now = {"s": 0.0}
    monkeypatch.setattr("core.training.samples.time.monotonic", lambda: now["s"])

    def slowly(seconds: float) -> object:
        now["s"] += seconds
        return MakeBelieve().voice()

    for step, seconds in enumerate((2.0, 2.0, 60.0)):
        monkeypatch.setattr(speaker, "voice", lambda seconds=seconds: slowly(seconds))
        speaker.speak_missing(step, 0.0)
    assert speaker.cost_s == pytest.approx(2.0)
