"""What a training curve says, in rules: keys of sentences that the page writes out, no numbers for their own sake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from core.training.run import Points, RunView

_ENOUGH = 3  # measurements on unseen sentences before anything is said about them
_LOOK_BACK = 4
_SAME = 0.01  # a change smaller than this share of the error is none
_WORSE = 0.02


@dataclass(frozen=True)
class Remark:
    """One sentence: its ``key``, its ``tone`` (info, good or warn) and the ``values`` it names."""

    key: str
    tone: str = "info"
    values: dict[str, Any] = field(default_factory=dict)


def remarks(view: RunView) -> list[Remark]:
    """What to think of the run so far, the most important first."""
    found = [_course(view)]
    if view.val and view.step and (best := best_checkpoint(view)) is not None and len(view.val) >= _ENOUGH:
        found.append(Remark("best", "info", {"step": best}))
    skipped = sum(warning.code == "train.nan_loss" for warning in view.job.warnings)
    if skipped:
        found.append(Remark("skipped", "warn", {"count": skipped}))
    return found


def best_checkpoint(view: RunView) -> int | None:
    """The saved step nearest to where the error on unseen sentences was lowest."""
    saved = [step for step, _ in view.checkpoints if step > 0]
    measured = [(value, step) for step, value in view.val if step > 0]
    if not saved or not measured:
        return None
    lowest = min(measured)[1]
    return min(saved, key=lambda step: (abs(step - lowest), -step))


def _course(view: RunView) -> Remark:
    if not view.train:
        return Remark("preparing")
    if not view.val:
        return Remark("no_validation", "warn") if view.step > view.config.eval_every else Remark("just_begun")
    if _rising(view.train):
        return Remark("unstable", "warn")
    if len(view.val) < _ENOUGH:
        return Remark("just_begun")
    values = [value for _, value in view.val]
    lowest, last = min(values), values[-1]
    before = min(values[:-_LOOK_BACK] or values[:1])
    if last > lowest * (1 + _WORSE):
        return Remark("by_heart" if view.job.active else "learnt_by_heart", "warn")
    if min(values[-_LOOK_BACK:]) < before * (1 - _SAME):
        return Remark("learning", "good", {"percent": round(100 * (1 - last / values[0]))})
    return Remark("settled", "good")


def _rising(train: Points) -> bool:
    """Whether the training error of the latest steps is far above where it began: the voice is breaking."""
    if len(train) < 20:
        return False
    losses = [loss for _, loss in train]
    return _mean(losses[-10:]) > 1.3 * _mean(losses[:10])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
