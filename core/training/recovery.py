"""Recovery from NaN losses (roll back to the last good state) and from out-of-memory errors (smaller batches)."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from core.engines.session import Snapshot, TrainSession
from core.errors import UserError
from core.jobs.reporter import Reporter
from core.system import cuda_errors
from core.system.hardware import free_memory
from core.training.watchdog import Watchdog

_IN_A_ROW = 5  # bad updates until the last good state is taken up again
_MOST_RETREATS = 2
_SLOWER = 0.5  # of the learning rate, after going back
_SHARE = 50  # remembering a state may take a fiftieth of the time
_ROOM = 0.8  # of the computer's free memory that a remembered state may take
_MIN_INTERVAL = 20  # updates between two remembered states, at least


@dataclass
class HeldState:
    """A state in memory and the step it belongs to."""

    step: int
    state: Snapshot


@dataclass
class Recovery:
    """Keeps the last good state in memory and goes back to it.

    A state counts as good once an update from it was sound: the loss of an update says how the weights were before
    it, not what it has made of them.
    """

    session: TrainSession[object]
    reporter: Reporter
    watchdog: Watchdog
    bad: int = 0
    retreats: int = 0
    good: HeldState | None = None
    fresh: HeldState | None = None
    cost_s: float = 0.0
    taken_at: float = field(default_factory=time.monotonic)
    due: int = 0  # the update from which on a state is remembered again, also after one found no room

    def begin(self) -> None:
        """Remember where the run begins; a loaded or new state is taken for good."""
        self.good, self.fresh = self._remember(), None
        if self.good is None:
            self.reporter.warning(
                "train.no_way_back",
                "This computer has too little free memory ({free} GB) to keep a second copy of what is learnt "
                "({needed} GB).",
                "The training goes on. Only if its numbers break it will end there instead of going back by itself; "
                "free memory and resume to change that.",
                free=round((free_memory() or 0) / 2**30, 1),
                needed=round(self.session.snapshot_bytes / 2**30, 1),
            )

    def sound(self, step: int) -> None:
        """Update ``step`` was as it should be; the session may be ahead of it."""
        self.bad = 0
        if self.fresh is not None and step > self.fresh.step:
            self.good, self.fresh = self.fresh, None
        is_due = self.session.step_number >= self.due and time.monotonic() - self.taken_at > _SHARE * self.cost_s
        if self.fresh is None and is_due:
            self.fresh = self._remember()

    def on_checkpoint(self) -> None:
        """A checkpoint was written: what comes later shall never make it void."""
        if self.bad == 0:
            self.fresh = None  # first, so that no more than two states are held at any time
            self.fresh = self._remember()

    def unsound(self, step: int) -> bool:
        """Update ``step`` was left out because it was no number. Returns whether the run was taken back.

        Raises:
            UserError: ``train.diverged`` when going back has not helped.
        """
        self.bad += 1
        self.reporter.warning(
            "train.nan_loss",
            "The loss of update {step} was not a number; its clips were left out.",
            "One now and then does no harm. If there are many, lower the learning rate.",
            step=step,
        )
        if self.bad < _IN_A_ROW:
            return False
        self.roll_back()
        return True

    def roll_back(self) -> None:
        """Take up the last good state with half the learning rate.

        Raises:
            UserError: ``train.diverged`` when that was done often enough, ``train.broke`` with nothing to go back to.
        """
        step = self.session.step_number
        if self.good is None:
            raise UserError(
                "train.broke",
                "The voice broke at update {step}: its numbers are none any more.",
                "The checkpoints up to here are kept. Start a new run with a lower learning rate, and look for a "
                "damaged clip among those it learns from.",
                step=step,
            )
        if self.retreats >= _MOST_RETREATS:
            raise UserError(
                "train.diverged",
                "The voice broke at update {step}: its numbers are none any more, and going back {times} times with "
                "half the learning rate each did not help.",
                "The checkpoints up to here are kept. Start a new run with a much lower learning rate, and look for a "
                "damaged clip among those it learns from.",
                step=step,
                times=self.retreats,
            )
        self.session.lower_rate(_SLOWER)
        self.retreats += 1
        # Said first: readers then drop what was told of the updates that are taken back.
        self.retreat()
        self.reporter.warning(
            "train.went_back",
            "At update {step} the voice began to break: it went back to update {to}, and goes on with half the "
            "learning rate.",
            "Nothing to do. If it happens again, start a new run with a lower learning rate.",
            step=step,
            to=self.session.step_number,
            time=self.retreats,
        )

    def retreat(self) -> None:
        """Take up the last good state; nothing else changes."""
        if self.good is not None:
            with self.watchdog.watch("remember"):
                self.session.restore(self.good.state)
            self.bad, self.fresh, self.due = 0, None, self.session.step_number + _MIN_INTERVAL
            self.reporter.start(step=self.session.step_number)

    def smaller(self) -> None:
        """Memory ran out: take half as many clips at once and twice as many batches, or at last keep less of one.

        Raises:
            UserError: ``train.out_of_memory`` when it is one clip already and no less can be kept.
        """
        cuda_errors.free_memory()
        step = self.session.step_number + 1
        if self.session.halve_batch():
            self.reporter.warning(
                "train.batch_halved",
                "Memory ran out at update {step}: from here on half as many clips are taken at once, in twice as many "
                "batches.",
                "Nothing to do: it learns the same, a little slower.",
                step=step,
            )
        elif self.session.save_memory():
            self.reporter.warning(
                "train.memory_saved",
                "Memory ran out at update {step} with one clip at once: from here on less is kept, and some of it is "
                "computed twice.",
                "Nothing to do: it learns the same, about a third slower.",
                step=step,
            )
        else:
            raise cuda_errors.too_small()

    def _remember(self) -> HeldState | None:
        """The state as it is now; None where it would not fit into the computer's memory."""
        self.due = self.session.step_number + _MIN_INTERVAL
        free = free_memory()
        if free is not None and self.session.snapshot_bytes > _ROOM * free:
            return None
        began = time.monotonic()
        with self.watchdog.watch("remember"):
            held_state = HeldState(self.session.step_number, self.session.snapshot())
        self.taken_at = time.monotonic()
        self.cost_s = self.taken_at - began
        return held_state
