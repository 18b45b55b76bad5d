"""Remarks on a run, derived from its loss curves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.engines.options import TrainConfig
from core.jobs.events import Warning
from core.jobs.job import JobView
from core.training.diagnosis import best_checkpoint, remarks
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


def _keys(view: RunView) -> list[str]:
    return [remark.key for remark in remarks(view)]


def _offers(view: RunView) -> list[tuple[str, int]]:
    return [(remark.key, remark.values["step"]) for remark in remarks(view) if remark.offer == "keep"]


def test_when_patience_is_over_stopping_is_offered_once_with_the_best_checkpoint() -> None:
    values = [3.0, 2.5, 2.0, 2.01, 2.0, 2.02, 2.01, 2.03]
    view = _view(values, saved=(0, 20, 70))
    assert _offers(view) == [("settled", 20)] and _keys(view) == ["settled"]
    assert _offers(_view([*values[:-1], 2.3], saved=(0, 20, 70))) == [("by_heart", 20)]
    broken = _view(values, train=[3.0] * 12 + [4.5] * 12, saved=(0, 20, 70))
    assert _offers(broken) == [("enough", 20)] and _first(broken) == "unstable"
    assert _offers(_view(values[:-1], saved=(0, 20, 70))) == []
    assert _offers(_view(values, saved=(0, 20, 70), running=False)) == []
    assert _offers(_view(values)) == []  # nothing was saved that could be kept


def test_one_update_that_stands_out_is_named_and_many_are_not() -> None:
    flat = [3.0] * 60
    assert "spike" not in _keys(_view([3.0], train=flat))
    alone = [*flat[:40], 6.0, *flat[41:]]
    (spike,) = [remark for remark in remarks(_view([3.0], train=alone)) if remark.key == "spike"]
    assert spike.values == {"step": 41}
    assert "spike" not in _keys(_view([3.0], train=[*flat[:30], 6.0, 6.0, *flat[32:]]))


def test_where_nothing_changes_the_rate_is_too_low() -> None:
    still = [3.0 + 0.001 * (n % 2) for n in range(250)]
    assert "too_slow" in _keys(_view([3.0, 2.999, 2.998, 2.999], train=still))
    assert "too_slow" not in _keys(_view([3.0, 2.999, 2.998, 2.999], train=still[:150]))
    assert "too_slow" not in _keys(_view([3.0, 2.9, 2.8, 2.7], train=still))


def test_an_error_that_jumps_more_than_it_moves_is_not_to_be_judged_by() -> None:
    assert "noisy" in _keys(_view([3.0, 2.7, 3.0, 2.6, 3.0, 2.7, 3.1, 2.8, 3.0]))
    assert "noisy" not in _keys(_view([3.0, 2.9, 2.8, 2.7, 2.6, 2.5, 2.4, 2.3, 2.2]))


def test_what_still_fell_at_the_end_wants_more_updates() -> None:
    view = replace(_view([3.0, 2.8, 2.6, 2.4, 2.2], running=False), config=TrainConfig(max_steps=40))
    assert _first(view) == "more"
    stopped = replace(view, config=TrainConfig(max_steps=400))
    assert _first(stopped) == "learning"
    for lost in (replace(view, state_lost=True), replace(stopped, state_lost=True)):
        assert _first(lost) == "more_anew", "nobody is told to resume what cannot be"


def test_a_run_that_cannot_be_resumed_says_why() -> None:
    view = _view([3.0, 2.9, 2.8], running=False)
    assert "state_lost" in _keys(replace(view, state_lost=True)) and "state_lost" not in _keys(view)


def test_what_went_wrong_and_was_mended_is_counted() -> None:
    view = _view([3.0, 2.9, 2.8])
    view.job.warnings += [Warning(code="train.went_back", text=""), Warning(code="train.batch_halved", text="")]
    assert {"went_back", "smaller"} <= set(_keys(view)) and "skipped" not in _keys(view)
