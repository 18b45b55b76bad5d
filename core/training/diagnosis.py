"""Diagnosis of a run from its loss curves: rules that yield keys of sentences, which the page writes out."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from core.training.early_stopping import measurements_since_lowest
from core.training.run import Points, RunView

_MIN_CHECKS = 3  # measurements on unseen sentences before anything is said about them
_LOOK_BACK = 4
_SAME = 0.01  # a change smaller than this share of the error is none
_WORSE = 0.02
_RECENT = 50  # updates in which something that stands out is worth a word
_STANDS_OUT = 1.5  # times what is usual
_SLOW = 200  # updates after which something must have changed
_NOISY = 8  # measurements before their jumping is judged


@dataclass(frozen=True)
class Remark:
    """One sentence: its ``key``, its ``tone`` (info, good or warn), the ``values`` it names.

    ``offer`` is what a button beside it does: "keep" stops and keeps the checkpoint ``values["step"]``.
    """

    key: str
    tone: str = "info"
    values: dict[str, Any] = field(default_factory=dict)
    offer: str = ""


def remarks(view: RunView) -> list[Remark]:
    """What to think of the run so far, the most important first."""
    comments = [_course(view)]
    best = best_checkpoint(view) if view.val and view.step else None
    if best is not None and len(view.val) >= _MIN_CHECKS:
        checks = measurements_since_lowest(view.val)
        if not view.job.active or checks < view.config.patience:
            comments.append(Remark("best", "info", {"step": best}))
        elif comments[0].key in ("settled", "by_heart"):  # they say it already
            comments[0] = replace(comments[0], values={"step": best}, offer="keep")
        else:
            comments.append(Remark("enough", "warn", {"step": best, "checks": checks}, offer="keep"))
    comments += [remark for remark in (_noisy(view.val), _spike(view.train), _hardly(view)) if remark]
    if view.state_lost:
        if comments[0].key in ("more", "learning", "slowly"):  # which say to let it go on
            comments[0] = replace(comments[0], key="more_anew")
        comments.append(Remark("state_lost", "warn"))
    counts = {code: sum(warning.code == code for warning in view.job.warnings) for code in _COUNTED_CODES}
    comments += [Remark(key, "warn", {"count": counts[code]}) for code, key in _COUNTED_CODES.items() if counts[code]]
    return comments


_COUNTED_CODES = {"train.went_back": "went_back", "train.nan_loss": "skipped", "train.batch_halved": "smaller"}


def best_checkpoint(view: RunView) -> int | None:
    """The saved step nearest to where the error on unseen sentences was lowest."""
    saved_steps = [step for step, _ in view.checkpoints if step > 0]
    measurements = [(value, step) for step, value in view.val if step > 0]
    if not saved_steps or not measurements:
        return None
    lowest = min(measurements)[1]
    return min(saved_steps, key=lambda step: (abs(step - lowest), -step))


def _course(view: RunView) -> Remark:
    if not view.train:
        return Remark("preparing")
    if not view.val:
        return Remark("no_validation", "warn") if view.step > view.config.eval_every else Remark("just_begun")
    if _rising(view.train):
        return Remark("unstable", "warn")
    if len(view.val) < _MIN_CHECKS:
        return Remark("just_begun")
    values = [value for _, value in view.val]
    lowest, last = min(values), values[-1]
    before = min(values[:-_LOOK_BACK] or values[:1])
    if last > lowest * (1 + _WORSE):
        return Remark("by_heart" if view.job.active else "learnt_by_heart", "warn")
    if min(values[-_LOOK_BACK:]) < before * (1 - _SAME):
        percent = {"percent": round(100 * (1 - last / values[0]))}
        ended_low = not view.job.active and last <= lowest and view.step >= view.total
        return Remark("more" if ended_low else "learning", "good", percent)
    if last <= lowest and last < values[-2]:
        return Remark("slowly", "good", {"percent": round(100 * (1 - last / values[0]))})
    return Remark("settled", "good")


def _rising(train: Points) -> bool:
    """Whether the training error of the latest steps is far above where it began: the voice is breaking."""
    if len(train) < 20:
        return False
    losses = [loss for _, loss in train]
    return _mean(losses[-10:]) > 1.3 * _mean(losses[:10])


def _spike(train: Points) -> Remark | None:
    """One update that stands out from those around it, which are as before."""
    recent = train[-_RECENT:]
    if len(recent) < _RECENT // 2:
        return None
    usual = statistics.median(loss for _, loss in recent)
    step, highest = max(recent, key=lambda point: point[1])
    is_single = sum(loss > _STANDS_OUT * usual for _, loss in recent) == 1
    return Remark("spike", "info", {"step": step}) if is_single and highest > _STANDS_OUT * usual else None


def _hardly(view: RunView) -> Remark | None:
    """Whether so little has changed after so many updates that the learning rate is too low."""
    if view.step < max(_SLOW, 2 * view.config.warmup_steps) or len(view.val) < _MIN_CHECKS or len(view.train) < 40:
        return None
    losses = [loss for _, loss in view.train]
    learnt = 1 - _mean(losses[-20:]) / _mean(losses[:20])
    unseen = 1 - min(value for _, value in view.val) / view.val[0][1]
    return Remark("too_slow", "warn") if abs(learnt) < _SAME and abs(unseen) < _SAME else None


def _noisy(val: Points) -> Remark | None:
    """Whether the error on unseen sentences jumps more than it moves: too few of them to judge by."""
    values = [value for _, value in val[-_NOISY:]]
    if len(values) < _NOISY:
        return None
    steps = [b - a for a, b in zip(values, values[1:], strict=False)]
    turns = sum(a * b < 0 for a, b in zip(steps, steps[1:], strict=False))
    jumps, drift = _mean([abs(step) for step in steps]), abs(values[-1] - values[0])
    if turns >= len(steps) - 2 and jumps > _WORSE * _mean(values) and drift < 2 * jumps:
        return Remark("noisy", "info")
    return None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
