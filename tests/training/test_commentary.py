"""What is said of a training curve."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.jobs.job import JobView
from core.training.commentary import best_checkpoint, remarks
from core.training.config import TrainConfig
from core.training.run import Points, RunView


def _view(
    val: list[float], train: list[float] | None = None, saved: tuple[int, ...] = (), running: bool = True
) -> RunView:
    job = JobView("run", "train", "Run", Path("."), status="running" if running else "done")
    losses: Points = list(enumerate(train or [3.0 - 0.01 * n for n in range(10 * len(val) + 1)], 1))
    measured: Points = [(10 * n, value) for n, value in enumerate(val)]
    checkpoints = [(step, Path(str(step))) for step in saved]
    return RunView(job, TrainConfig(), {}, step=len(losses), train=losses, val=measured, checkpoints=checkpoints)


def _first(view: RunView) -> str:
    return remarks(view)[0].key


def test_before_the_first_step_it_is_preparing() -> None:
    assert remarks(RunView(JobView("run", "train", "Run", Path(".")), TrainConfig(), {}))[0].key == "preparing"


def test_too_few_measurements_are_not_judged() -> None:
    assert _first(_view([3.0, 2.9])) == "just_begun"


def test_a_falling_error_is_learning_with_how_far_it_fell() -> None:
    remark = remarks(_view([3.0, 2.8, 2.6, 2.4]))[0]
    assert (remark.key, remark.tone, remark.values) == ("learning", "good", {"percent": 20})


def test_an_error_that_stopped_falling_is_settled() -> None:
    assert _first(_view([3.0, 2.5, 2.2, 2.2, 2.2, 2.2, 2.2, 2.2])) == "settled"


@pytest.mark.parametrize(("running", "key"), [(True, "by_heart"), (False, "learnt_by_heart")])
def test_an_error_that_rises_again_is_learning_by_heart(running: bool, key: str) -> None:
    assert _first(_view([3.0, 2.5, 2.3, 2.4, 2.5], running=running)) == key


def test_a_climbing_training_error_is_unstable() -> None:
    assert _first(_view([3.0, 3.1, 3.2], train=[3.0] * 12 + [4.5] * 12)) == "unstable"


def test_the_best_checkpoint_is_the_saved_one_nearest_to_the_lowest_error() -> None:
    view = _view([3.0, 2.5, 2.3, 2.4, 2.5], saved=(0, 15, 25, 40))
    assert best_checkpoint(view) == 25
    assert best_checkpoint(_view([3.0, 2.5], saved=(0,))) is None
