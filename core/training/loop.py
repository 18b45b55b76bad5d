"""The training loop: step, stop check, evaluate, save, sample, emit. Knows no engine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.engines.options import TrainConfig
from core.engines.session import TrainSession
from core.errors import Cancelled
from core.jobs import events
from core.jobs.reporter import Reporter
from core.reasons import out_of_memory
from core.training.checkpoints import Checkpoints
from core.training.early_stopping import out_of_patience, samples_out_of_patience
from core.training.finite import NotFinite
from core.training.pace import Pace, memory_mb
from core.training.recovery import Recovery
from core.training.requests import Control, Request
from core.training.room import DiskGuard
from core.training.sample_measures import SampleMeasures, Unmeasured, unmeasured_steps
from core.training.samples import SampleSpeaker
from core.training.watchdog import Watchdog

_LAST_WORDS_S = 15.0  # from Stop on; the page offers to kill what takes long, the demo does so after 20 s
_PAUSE_LOOK_S = 1.0
_WAIT_SHARE, _LONGEST_WAIT_S = 0.05, 60.0  # of the run's time, for the last samples to be measured


@dataclass
class Loop:
    """Drives a session to ``config.max_steps``, or to where a person wishes meanwhile."""

    session: TrainSession[object]
    config: TrainConfig
    checkpoints: Checkpoints
    speaker: SampleSpeaker
    reporter: Reporter
    prune: Callable[[], list[int]] = list
    """Clears away checkpoints that are too many; returns their steps."""
    on_full_disk: Callable[[int], None] = lambda step: None
    """Told of the step at which the run paused because the disk is nearly full."""
    measures: SampleMeasures = field(default_factory=Unmeasured)

    def __post_init__(self) -> None:
        self.control = Control(self.reporter.job.path, self.reporter.view.launched_at)
        self.watchdog = Watchdog(self.reporter, self.config.hang_minutes)
        self.recovery = Recovery(self.session, self.reporter, self.watchdog)
        self.pace = Pace()
        self.disk = DiskGuard(self.checkpoints.path)
        self.losses: dict[str, float] = {}
        self.saved_step = self.evaluated_step = self.judged_step = -1
        self.is_paused = self.waits_for_room = self.told_of_little_room = self.early = False

    def run(self) -> dict[str, Any]:
        """Train to the end; returns small facts for the closing sentence.

        Raises:
            Cancelled: Stop was pressed; everything learnt is saved, its argument holds the facts.
            UserError: ``train.diverged``, ``train.out_of_memory``, where nothing else helped.
        """
        began = time.monotonic()
        with self.watchdog:
            self._begin()
            while True:
                # What is asked for amid bad updates waits for a good one: it may be to save.
                if not (self.recovery.bad and self._has_more()):
                    self._answer()
                if self.reporter.stop_requested():
                    raise self._stop()
                self._on_measures(self.measures.poll())
                if self._has_more():
                    if self._update():
                        self._due()
                elif self._finish():
                    break
            if not self.reporter.stop_requested():
                with self.watchdog.watch("sample"):
                    self.measures.wait(min(_LONGEST_WAIT_S, _WAIT_SHARE * (time.monotonic() - began)))
            if self.reporter.stop_requested():
                raise self._stop()
        return self._facts()

    def _begin(self) -> None:
        step = self.session.step_number
        if step == 0:
            self.checkpoints.save_base()
            self._announce(0)
            self._evaluate()
        else:
            self.saved_step = step
            # Killed in the middle of clearing away, it had no time to say so.
            for pruned_step in self.reporter.view.checkpoints.keys() - set(self.checkpoints.steps()):
                self.reporter.emit(events.Pruned(step=pruned_step))
            # Killed right after saving it may have had no time to say so, nor to evaluate.
            self._announce(step)
            if "val_loss" in self.reporter.view.metrics.get(step, {}):
                self.evaluated_step = step
            elif step % self.config.eval_every == 0:
                self._evaluate()
        self._measure([spoken_step for spoken_step, _ in self.reporter.view.samples if spoken_step < step])
        # A run that was stopped while it spoke, or right after saving, has sentences left to say.
        self._sample()
        self.recovery.begin()

    def _has_more(self) -> bool:
        return not self.early and self.session.step_number < self.config.max_steps

    def _update(self) -> bool:
        """One update, told of; False if nothing came of it."""
        began = time.monotonic()
        try:
            with self.watchdog.watch("update"):
                values = self.session.step(self.reporter.stop_requested)
        except Cancelled:
            return False  # taken back; what came before it is saved when the loop sees Stop
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            values = None
        # Out of the handler, because its error holds what fills the memory.
        if values is None:
            self.recovery.smaller()
            return False
        self.pace.add_step(time.monotonic() - began)
        return self._report(values)

    def _report(self, values: dict[str, float]) -> bool:
        """Say what an update came to; False if the run had to go back.

        On a card the values may be those of the update before (``values_step``), so that nobody waits for this one's.
        """
        step = self.session.step_number
        finite = self._judge(values)
        if finite is None:
            return False
        self.reporter.metrics(step, **finite, steps_per_s=1 / max(self.pace.step_s, 1e-9), memory_mb=memory_mb())
        self.reporter.progress("train", step, self.config.max_steps, eta_s=self._left_s())
        return True

    def _judge(self, values: dict[str, float]) -> dict[str, float] | None:
        """Judge an update's values, once; None if the run had to go back.

        Those of an earlier update are told at once; those of the latest are returned, to be told with its time.
        """
        step = self.session.step_number
        of_step = self.session.values_step
        if of_step == self.judged_step:
            return {}
        self.judged_step = of_step
        finite = {name: value for name, value in values.items() if math.isfinite(value)}
        if "loss" in finite and not values.get("skipped"):
            self.losses["loss"] = finite["loss"]
            self.recovery.sound(of_step)
        elif self.recovery.unsound(of_step):
            self._after_rollback()
            return None
        else:
            finite = {}
        if of_step != step and finite:
            self.reporter.metrics(of_step, **finite)
            finite = {}
        return finite

    def _catch_up(self) -> bool:
        """Hear what the last update came to, where nobody waited for it; False if the run had to go back."""
        with self.watchdog.watch("update"):
            values = self.session.last_values()
        finite = {} if values is None else self._judge(values)
        if finite:
            self.reporter.metrics(self.session.step_number, **finite)
        return finite is not None

    def _after_rollback(self) -> None:
        # What was saved and measured of later updates is another course's; when they come again it is done again.
        self.saved_step = self.evaluated_step = self.judged_step = -1
        self.early = False
        step = self.session.step_number
        self.measures.discard_later(keep_to=step)
        # Else a resume would take up the course that was abandoned.
        with self.checkpoints.rolling_back(step):
            if self._save(final=True) and step == self.session.step_number:
                self.checkpoints.discard_later(keep_to=step)

    def _due(self) -> None:
        """Evaluate, save and speak where it is time to; at the end `_finish` does."""
        step = self.session.step_number
        if step >= self.config.max_steps:
            return
        if step % self.config.eval_every == 0:
            self._evaluate()
            if self.config.early_stop and self.config.early_stop_by == "loss":
                self.early = out_of_patience(self.reporter.view.metrics, self.config.patience)
        # Weights amid bad updates may be what broke: the next good update's are saved when it is time again.
        if step % self.config.save_every == 0 and self._catch_up() and not self.recovery.bad and self._save():
            self._sample()

    def _on_measures(self, is_new: bool) -> None:
        """Look at what was measured of samples where that may end the run."""
        if is_new and self.config.early_stop and self.config.early_stop_by == "samples":
            self.early = samples_out_of_patience(self.reporter.view.metrics, self.config.patience)

    def _finish(self) -> bool:
        """Measure, save and speak at the end; False if the run had to go back and is not at its end after all."""
        if not self._catch_up():
            return False
        if self.evaluated_step != self.session.step_number:
            self._evaluate()
        if not self._save():
            return False
        if self.early:
            self._tell_of_early_end()
        self._sample()
        return True

    def _tell_of_early_end(self) -> None:
        steps = {"step": self.session.step_number, "steps": self.config.max_steps}
        hint = "Everything is saved. To train on all the same, start a new run that does not end by itself."
        if self.config.early_stop_by == "samples":
            self.reporter.warning(
                "train.stopped_early_by_samples",
                "The run ended at update {step} of {steps}: its samples got no clearer and no more like the speaker.",
                hint,
                **steps,
            )
        else:
            self.reporter.warning(
                "train.stopped_early",
                "The run ended at update {step} of {steps}: the error on unseen sentences had stopped falling.",
                hint,
                **steps,
            )

    def _stop(self) -> Cancelled:
        """Save, and let what was saved speak for as long as a person who pressed Stop will wait."""
        if self._catch_up() and self.recovery.bad:
            self.recovery.retreat()
            self._after_rollback()
        is_saved = self._save(final=True)
        left_s = _LAST_WORDS_S - self.reporter.since_stop_s()
        if is_saved and self.session.step_number > 0 and left_s > 0:
            with self.watchdog.watch("sample"):
                self.speaker.speak_missing(self.session.step_number, left_s, left_s)
        return Cancelled(self._facts())

    def _answer(self) -> None:
        """Do what a person has asked for meanwhile; while paused, wait for more."""
        while True:
            for request in self.control.new_requests():
                self._do(request)
            self._look_at_disk()
            if not self.is_paused or self.reporter.stop_requested():
                return
            time.sleep(_PAUSE_LOOK_S)

    def _look_at_disk(self) -> None:
        """Save and pause before the disk is full; go on by itself once there is room again."""
        level = self.disk.level()
        mb = {"free_mb": self.disk.free_bytes // 2**20, "required_mb": self.disk.required_bytes // 2**20}
        if level == "low" and not self.is_paused and self._has_more() and self._catch_up() and self._save():
            self.waits_for_room = True
            self._pause(True)
            self.reporter.warning(
                "train.paused_for_room",
                "Only {free_mb} MB are free on the disk, so the run saved update {step} and paused.",
                "Free some space: with {resume_mb} MB free it goes on by itself. The System page shows what can go.",
                step=self.session.step_number,
                resume_mb=2 * mb["required_mb"],
                **mb,
            )
            self.on_full_disk(self.session.step_number)
        elif level == "little" and not self.told_of_little_room:
            self.told_of_little_room = True
            self.reporter.warning(
                "train.little_room",
                "The disk is nearly full: {free_mb} MB are free.",
                "The run pauses by itself below {required_mb} MB. The System page shows what can go.",
                **mb,
            )
        if level and self.waits_for_room and self.disk.free_bytes >= 2 * self.disk.required_bytes:
            self._pause(False)

    def _pause(self, is_paused: bool) -> None:
        self.is_paused = is_paused
        self.waits_for_room = self.waits_for_room and is_paused
        self.reporter.emit(events.State(state="paused" if is_paused else "running"))

    def _do(self, request: Request) -> None:
        if request.do in ("pause", "resume"):
            self.waits_for_room = False
            self._pause(request.do == "pause")
        elif request.do == "steps":
            steps = max(request.steps, self.session.step_number)
            self.config = self.config.model_copy(update={"max_steps": steps})
            self.session.set_max_steps(steps)
            self.early = False
        elif request.do in ("save", "sample") and self._catch_up() and self._save() and request.do == "sample":
            self._sample()
        self.reporter.emit(events.Answer(do=request.do, step=self.session.step_number, steps=request.steps or None))

    def _evaluate(self) -> None:
        began = time.monotonic()
        losses: dict[str, float] | None = None
        try:
            with self.watchdog.watch("evaluate"):
                losses = self.session.evaluate(self.reporter.stop_requested)
        except Cancelled:
            return  # the loop looks for Stop next
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
        if losses is None:
            self.recovery.smaller()
            return self._evaluate()
        values = {name: value for name, value in losses.items() if math.isfinite(value)}
        self.pace.add_evaluation(time.monotonic() - began)
        self.evaluated_step = self.session.step_number
        self.losses.update(values)
        if values:
            self.reporter.metrics(self.session.step_number, **values, eval_s=self.pace.eval_s)

    def _save(self, *, final: bool = False) -> bool:
        """Keep a checkpoint; False if its weights are no numbers: none is kept and, unless ``final``, it went back."""
        step = self.session.step_number
        if step in (0, self.saved_step):
            return True
        try:
            with self.watchdog.watch("save"):
                self.checkpoints.save(step, self.session.save)
        except NotFinite:
            if not final:
                self.recovery.roll_back()
                self._after_rollback()
            return False
        self.saved_step = step
        self._announce(step)
        self.disk.on_checkpoint(self.checkpoints.folder(step))
        self.recovery.on_checkpoint()
        for pruned_step in self.prune():
            self.reporter.emit(events.Pruned(step=pruned_step))
        return True

    def _announce(self, step: int) -> None:
        folder = self.checkpoints.folder(step)
        self.reporter.emit(events.Checkpoint(step=step, path=f"{folder.parent.name}/{folder.name}"))

    def _sample(self) -> None:
        if not self.reporter.stop_requested():
            with self.watchdog.watch("sample"):
                self.speaker.speak_missing(self.session.step_number, self._left_s())
            self._measure([self.session.step_number])

    def _measure(self, steps: Sequence[int]) -> None:
        for step in unmeasured_steps(steps, self.reporter.view.metrics):
            self.measures.add(step)

    def _left_s(self) -> float:
        return self.pace.left_s(self.config, self.session.step_number, self.speaker.cost_s)

    def _facts(self) -> dict[str, Any]:
        return {
            "step": self.session.step_number,
            "steps": self.config.max_steps,
            "checkpoints": len(self.checkpoints.steps()),
            **{name: round(value, 4) for name, value in self.losses.items()},
        }
