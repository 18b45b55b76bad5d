"""Training session over gradients: one optimizer update at a time, exactly resumable. An engine says what it learns by.

What an update sees depends on the seed and its number alone, so a position is enough to go on exactly.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from core.engines import distributed, gradients
from core.engines.callbacks import ShouldStop, never
from core.engines.ema import ExponentialMovingAverage
from core.engines.metrics import DeferredMetrics
from core.engines.options import TrainConfig
from core.engines.precision import autocast_dtype
from core.engines.sampler import LengthBucketSampler
from core.engines.schedule import learning_rate
from core.engines.session import STATE, Snapshot, TrainSession
from core.engines.state import (
    UNREADABLE,
    as_fused,
    copy_into,
    copy_to_cpu,
    random_state,
    read_state,
    set_random,
    state_error,
)
from core.engines.voice import Reference
from core.errors import Cancelled

_ADAMW_ENTRIES = 3  # of each parameter by AdamW: two moments and the number of updates
Config = TypeVar("Config", bound=TrainConfig)
Part = TypeVar("Part")
"""As much of an update as is computed at once."""


class GradientSession(TrainSession[Reference], Generic[Reference, Config, Part]):
    """Trains the parameters it is given with AdamW; everything else stays frozen."""

    loss_names: Sequence[str] = ("loss",)
    """Of the values that `_backward` returns, in their order."""
    sampler: LengthBucketSampler
    """Which clips make a batch; an engine sets it."""

    def __init__(self, config: Config, device: str) -> None:
        self.config, self.device = config, device
        self.step_number = 0
        self.division = 1  # into how many parts a batch is cut; `halve_batch` doubles it
        self.rate_factor = 1.0
        self.dtype = autocast_dtype(config.precision, device)

    def optimize(self, parameters: Iterable[nn.Parameter], groups: list[dict[str, Any]]) -> None:
        """Begin to train parameters, which the optimizer is given in ``groups``."""
        self.parameters = list(parameters)
        self.ema = ExponentialMovingAverage(self.parameters, self.config.ema_decay)
        self.optimizer = torch.optim.AdamW(groups, lr=self.config.learning_rate, fused=True)
        self.set_checkpointing(self.config.gradient_checkpointing)
        self.scaler = torch.amp.grad_scaler.GradScaler(self.device, enabled=self.dtype is torch.float16)
        if self.scaler.is_enabled():
            # By hand: a process that has no part of the first update scales nothing before it unscales.
            self.scaler.scale(torch.zeros((), device=self.device))
        self.metrics = DeferredMetrics(self.scaler.is_enabled(), self.loss_names)

    @property
    def micro_batch(self) -> int:
        """Clips computed at once."""
        return -(-max(self.config.batch_size, self.sampler.largest) // self.division)

    @abstractmethod
    def set_checkpointing(self, on: bool) -> None:
        """Keep only what goes into each block: less memory for more time."""

    @abstractmethod
    def longest(self, size: int) -> tuple[Part, float]:
        """The ``size`` longest clips as one part, and how long the average clip is beside them."""

    @abstractmethod
    def _parts(self, number: int, division: int) -> Sequence[Part]:
        """The parts of an update, each of its batches cut into ``division``."""

    @abstractmethod
    def _validation_parts(self, division: int) -> Sequence[Part]:
        """Those of the validation clips; always the same."""

    @abstractmethod
    def _backward(self, parts: Sequence[Part], should_stop: ShouldStop = never) -> Tensor:
        """This process's share of the gradients of the mean over the *whole* update, however it is cut.

        Returns its share of the `loss_names`, shape ``(len(loss_names),)``.
        """

    @abstractmethod
    def _validation_loss(self, part: Part) -> tuple[Tensor, int]:
        """The mean loss of a part, and over how many it is the mean."""

    @abstractmethod
    def _mode(self, training: bool) -> None:
        """Switch between learning and speaking; the latter with the mean weights, if there are any."""

    @abstractmethod
    def _save_learnt(self, folder: Path) -> None:
        """Write what is learnt, as the model holds it now."""

    @abstractmethod
    def _read_learnt(self, folder: Path) -> Any:
        """What `_save_learnt` wrote; None where there is nothing of it."""

    @abstractmethod
    def _load_learnt(self, learnt: Any) -> None:
        """Let the model hold what `_read_learnt` gave."""

    def step(self, should_stop: ShouldStop = never) -> dict[str, float]:
        """One update; returns ``loss`` and what else the engine names, ``lr`` and ``grad_norm``.

        If the loss or its gradient is not a number the weights stay as they are and ``skipped`` is 1.
        On a card the values are those of the update before (`values_step`): waiting for this one's would leave the
        card idle. The first update waits.

        Stop is looked for between two of its batches.
        """
        self._mode(training=True)
        lr = self.rate_factor * learning_rate(self.config, self.step_number)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        random = random_state(self.device)
        try:
            # Processes that share an update cannot leave it one by one.
            stop_check = should_stop if distributed.world() == 1 else never
            try:
                parts = self._parts(self.step_number, self.division * distributed.world())
                values = self._backward(parts, stop_check)
                buffer = gradients.flatten_gradients(self.parameters, values)
            except Exception as error:
                gradients.agree(error)
                raise
            gradients.agree()
            with gradients.in_step():
                values = gradients.sum_gradients(self.parameters, buffer)
                norm = self._apply(values[0])
        except (Cancelled, RuntimeError, MemoryError):
            self.roll_back()
            set_random(random, self.device)
            raise
        self.step_number += 1
        self.ema.update(self.step_number)
        return self.metrics.push(self.step_number, lr, torch.cat([values, norm[None]]))

    def roll_back(self) -> None:
        """Forget gradients, and what an optimizer that ran out of memory had begun to keep."""
        self.optimizer.zero_grad(set_to_none=True)
        for p in [p for p, entries in self.optimizer.state.items() if len(entries) < _ADAMW_ENTRIES]:
            del self.optimizer.state[p]
        if self.scaler.is_enabled():
            # Otherwise it holds the gradients for unscaled already; there is no public way to say that they are gone.
            self.scaler._per_optimizer_states.clear()

    def _apply(self, loss: Tensor) -> Tensor:
        """Let the optimizer act, unless something is not a number; the card decides that without being waited for.

        Returns the gradient's norm.
        """
        self.scaler.unscale_(self.optimizer)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.config.grad_clip)
        if self.scaler.is_enabled():
            # A scaled gradient overflows now and then by design: the scaler then leaves the update out itself.
            self.scaler.step(self.optimizer)
            self.scaler.update()
        else:
            # The same way as the scaler talks to fused optimizers.
            self.optimizer.found_inf = (~(loss.isfinite() & norm.isfinite())).float()  # type: ignore[attr-defined]
            self.optimizer.step()
            del self.optimizer.found_inf  # type: ignore[attr-defined]
        self.optimizer.zero_grad(set_to_none=True)
        return norm

    def last_values(self) -> dict[str, float] | None:
        """Wait for the last update's values where `step` did not; None if it has returned them."""
        return self.metrics.wait()

    @property
    def values_step(self) -> int:
        """The update that the values `step` returned last belong to."""
        return self.metrics.step

    def evaluate(self, should_stop: ShouldStop = never) -> dict[str, float]:
        """``val_loss`` over the validation clips; Stop is looked for between two batches."""
        parts = self._validation_parts(self.division)
        if not parts:
            return {}
        self._mode(training=False)
        total, count = torch.zeros((), device=self.device), 0
        with torch.no_grad():
            for part in parts:
                if should_stop():
                    raise Cancelled
                loss, weight = self._validation_loss(part)
                total += loss.float() * weight
                count += weight
        return {"val_loss": total.item() / count}

    def halve_batch(self) -> bool:
        """Half as many clips at once, twice as often; an update keeps its clips, references and random state."""
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()
        if self.micro_batch == 1:
            return False
        self.division *= 2
        return True

    def save_memory(self) -> bool:
        """Keep only what goes into each block, from now on."""
        if self.config.gradient_checkpointing:
            return False
        self.set_checkpointing(True)
        return True

    @property
    def snapshot_bytes(self) -> int:
        """What a `snapshot` takes of the computer's memory: weights, two moments, and the mean if there is one."""
        return sum(parameter.nbytes for parameter in self.parameters) * (4 if self.ema.values else 3)

    def lower_rate(self, factor: float) -> None:
        """Multiply the learning rate of all updates to come; kept in the saved state, untouched by `restore`."""
        self.rate_factor *= factor

    def set_max_steps(self, steps: int) -> None:
        """Train to another length; the rate's decline follows from the next update on."""
        self.config = self.config.model_copy(update={"max_steps": steps})

    def snapshot(self) -> Snapshot:
        """What is learnt and where the training stands, copied into the computer's memory; for `restore`."""
        self.ema.show(False)
        weights: list[Tensor] = copy_to_cpu([*self.parameters, *self.ema.inactive()])
        return {"weights": weights, **copy_to_cpu(self._state())}

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a `snapshot` of this session; its micro-batch and lowered rate stay as they are now."""
        self.ema.show(False)
        copy_into([*self.parameters, *self.ema.inactive()], snapshot["weights"])
        self.optimizer.zero_grad(set_to_none=True)
        # What goes to a card is copied on its way; on the processor the optimizer would write into the snapshot.
        optimizer_state = (
            snapshot["optimizer"] if self.device.startswith("cuda") else copy_to_cpu(snapshot["optimizer"])
        )
        self._set_state({**snapshot, "optimizer": optimizer_state})
        self.metrics.drop()

    def save(self, folder: Path) -> None:
        """Write what is learnt, and apart from it the state to resume from."""
        self.ema.show(True)
        self._save_learnt(folder)
        # What is spoken with and kept is the mean, if there is one; training goes on from the weights themselves.
        live = [value.detach().cpu() for value in self.ema.inactive()]
        state = {"live": live, **self._state(), "division": self.division, "rate_factor": self.rate_factor}
        with open(folder / STATE, "wb") as file:
            torch.save(state, file)

    def load(self, folder: Path) -> None:
        """Take up where `save` left off.

        Raises:
            UserError: ``train.state_broken``; ``adapter.foreign`` if it was made on another base.
        """
        learnt = self._read_learnt(folder)
        try:
            state = read_state(folder, self.config.batch_size)
            if learnt is None:
                raise ValueError("no adapter")
            self.ema.show(True)
            self._load_learnt(learnt)
            inactive = self.ema.inactive()
            copy_into(inactive, state["live"] if "live" in state else self.parameters[: len(inactive)])
            self.ema.show(False)
            self._set_state(state)
            self.division = int(state["division"])
            self.rate_factor = float(state["rate_factor"])
            if distributed.rank():  # the state is the first process's; the others leave out other things at random
                torch.manual_seed(self.config.seed + distributed.rank() + self.step_number)
        except UNREADABLE as error:
            raise state_error(folder, error) from error

    def _state(self) -> dict[str, Any]:
        return {
            "step": self.step_number,
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            **random_state(self.device),
        }

    def _set_state(self, state: dict[str, Any]) -> None:
        self.optimizer.state.clear()  # or the card would hold old and new moments for a moment
        self.optimizer.load_state_dict(as_fused(state["optimizer"]))
        if state["scaler"]:  # saved where gradients needed no scaling, it goes on with a new one
            self.scaler.load_state_dict(state["scaler"])
        set_random(state, self.device)
        self.step_number = int(state["step"])
