"""The only training loop: step, stop check, evaluate, save, sample, emit. Knows no engine."""

from __future__ import annotations

import math
import resource
import sys
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

from core.engines.base import TrainSession
from core.errors import Cancelled, UserError
from core.jobs import events
from core.jobs.reporter import Reporter
from core.training.checkpoints import Checkpoints
from core.training.config import TrainConfig

_BAD_IN_A_ROW = 8
_LAST_WORDS_S = 15.0  # from Stop on; the page offers to kill what takes long, the demo does so after 20 s
_FORGET = 0.9  # of the running pace, each step: the last ten or so count


class Speaker(Protocol):
    """Speaks the held-out sentences with the live weights."""

    def speak_missing(self, step: int, left_s: float, most_s: float | None = None) -> None:
        """Speak and announce every sentence that ``step`` has not spoken yet.

        ``left_s`` is the time left of the whole run, told with the progress of speaking. Stop breaks it off; where
        ``most_s`` is given, that many seconds do instead.
        """
        ...

    @property
    def cost_s(self) -> float:
        """Seconds that one checkpoint's sentences take, as seen so far."""
        ...


@dataclass
class Pace:
    """Seconds an update takes, remembered with a short memory, and what the rest of the run will cost."""

    config: TrainConfig
    step_s: float = 0.0
    eval_s: float = 0.0

    def stepped(self, seconds: float) -> None:
        """Take one update's time into account."""
        self.step_s = seconds if self.step_s == 0 else _FORGET * self.step_s + (1 - _FORGET) * seconds

    def left_s(self, step: int, sample_s: float) -> float:
        """Seconds until the end: updates, evaluations and samples still to come."""
        total = self.config.max_steps
        evaluations = _times(step, total, self.config.eval_every)
        saves = _times(step, total, self.config.save_every)
        # Before the first update nothing is known of its time but that it is of an evaluation's order.
        return (total - step) * (self.step_s or self.eval_s) + evaluations * self.eval_s + saves * sample_s


@dataclass
class Loop:
    """Drives a session to ``config.max_steps``."""

    session: TrainSession
    config: TrainConfig
    checkpoints: Checkpoints
    speaker: Speaker
    reporter: Reporter
    saved: int = -1
    bad: int = 0
    losses: dict[str, float] = field(default_factory=dict)

    def run(self) -> dict[str, Any]:
        """Train to the end; returns small facts for the closing sentence.

        Raises:
            Cancelled: Stop was pressed; everything learnt is saved, its argument holds the facts.
            UserError: ``train.diverged`` after many updates in a row whose loss was not a number.
        """
        pace = Pace(self.config)
        self._begin(pace)
        while self.session.step_number < self.config.max_steps:
            if self.reporter.stop_requested():
                raise self._stopped()
            began = time.monotonic()
            try:
                values = self.session.step(self.reporter.stop_requested)
            except Cancelled:
                continue  # the update was taken back; what came before it is saved above
            pace.stepped(time.monotonic() - began)
            self._tell(values, pace)
            step, last = self.session.step_number, self.session.step_number >= self.config.max_steps
            if last or step % self.config.eval_every == 0:
                self._evaluate(pace)
            if last or step % self.config.save_every == 0:
                self._save()
                self._sample(step, pace)
        if self.reporter.stop_requested():
            raise self._stopped()
        return self._facts()

    def _stopped(self) -> Cancelled:
        """Save, and let what was saved speak for as long as a person who pressed Stop will wait."""
        self._save()
        left_s = _LAST_WORDS_S - self.reporter.since_stop_s()
        if self.session.step_number > 0 and left_s > 0:
            self.speaker.speak_missing(self.session.step_number, left_s, left_s)
        return Cancelled(self._facts())

    def _begin(self, pace: Pace) -> None:
        step = self.session.step_number
        if step == 0:
            self.checkpoints.save_base()
            self._announce(0)
            self._evaluate(pace)
        else:
            self.saved = step
            # Killed right after saving it may have had no time to say so, nor to evaluate.
            self._announce(step)
            told = self.reporter.job.read().metrics.get(step, {})
            if step % self.config.eval_every == 0 and "val_loss_mel_ce" not in told:
                self._evaluate(pace)
        # A run that was stopped while it spoke, or right after saving, has sentences left to say.
        self._sample(step, pace)

    def _tell(self, values: dict[str, float], pace: Pace) -> None:
        step = self.session.step_number
        finite = {name: value for name, value in values.items() if math.isfinite(value)}
        if "loss_mel_ce" in finite and not values.get("skipped"):
            self.bad = 0
            self.losses["loss_mel_ce"] = finite["loss_mel_ce"]
        else:
            finite = {}
            self._bad_step(step)
        self.reporter.metrics(step, **finite, steps_per_s=1 / max(pace.step_s, 1e-9), memory_mb=memory_mb())
        eta_s = pace.left_s(step, self.speaker.cost_s)
        self.reporter.progress("train", step, self.config.max_steps, eta_s=eta_s)

    def _bad_step(self, step: int) -> None:
        self.bad += 1
        self.reporter.warning(
            "train.nan_loss",
            "The loss of update {step} was not a number; its clips were left out.",
            "One now and then does no harm. If there are many, lower the learning rate.",
            step=step,
        )
        if self.bad >= _BAD_IN_A_ROW:
            raise UserError(
                "train.diverged",
                "The loss was not a number {times} times in a row, last at update {step}.",
                "Start a new run with half the learning rate; the checkpoints up to here are kept.",
                times=self.bad,
                step=step,
            )

    def _evaluate(self, pace: Pace) -> None:
        began = time.monotonic()
        try:
            found = self.session.evaluate(self.reporter.stop_requested)
        except Cancelled:
            return  # the loop looks for Stop next
        values = {name: value for name, value in found.items() if math.isfinite(value)}
        pace.eval_s = time.monotonic() - began
        self.losses.update(values)
        if values:
            self.reporter.metrics(self.session.step_number, **values)

    def _save(self) -> None:
        step = self.session.step_number
        if step != self.saved and step > 0:
            self.checkpoints.save(step, self.session.save)
            self.saved = step
            self._announce(step)

    def _announce(self, step: int) -> None:
        folder = self.checkpoints.folder(step)
        self.reporter.emit(events.Checkpoint(step=step, path=f"{folder.parent.name}/{folder.name}"))

    def _sample(self, step: int, pace: Pace) -> None:
        if not self.reporter.stop_requested():
            self.speaker.speak_missing(step, pace.left_s(step, self.speaker.cost_s))

    def _facts(self) -> dict[str, Any]:
        return {
            "step": self.session.step_number,
            "steps": self.config.max_steps,
            "checkpoints": len(self.checkpoints.steps()),
            **{name: round(value, 4) for name, value in self.losses.items()},
        }


def memory_mb() -> float:
    """The most memory used so far: the card's if there is one in use, else this process's, in MiB."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        return float(torch.cuda.max_memory_reserved() / 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _times(step: int, total: int, every: int) -> int:
    """How often ``every`` comes up in ``step + 1 … total``, the end always counted."""
    between = total // every - step // every
    return between + (1 if total % every and step < total else 0)
