"""Training session of an XTTS model: one optimizer update at a time, exactly resumable."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from TTS.tts.models.xtts import Xtts

from core.engines import distributed, gradients
from core.engines.base import STATE, ShouldStop, Snapshot, TrainSession, never
from core.engines.xtts.features.extract import Features
from core.engines.xtts.infer.voice import Conditioning, XttsVoice
from core.engines.xtts.model.load import device_for, load_base
from core.engines.xtts.model.lora import load_lora, lora_parameters, read_adapter, save_adapter
from core.engines.xtts.model.transformer import compile_blocks, keep_low_precision
from core.engines.xtts.options import XttsTrainConfig
from core.engines.xtts.train.collate import SpecialTokens
from core.engines.xtts.train.conditioning import Latents
from core.engines.xtts.train.loader import BatchLoader, MicroBatch
from core.engines.xtts.train.loss import Losses, losses
from core.engines.xtts.train.metrics import DeferredMetrics
from core.engines.xtts.train.precision import autocast, autocast_dtype
from core.engines.xtts.train.schedule import learning_rate
from core.engines.xtts.train.state import (
    UNREADABLE,
    as_fused,
    copy_into,
    copy_to_cpu,
    random_state,
    read_state,
    set_random,
    state_error,
)
from core.engines.xtts.train.trainable import ExponentialMovingAverage, param_groups, select_trainable
from core.errors import Cancelled

_ADAMW_ENTRIES = 3  # of each parameter by AdamW: two moments and the number of updates


class XttsSession(TrainSession[Conditioning]):
    """Trains what the settings name of ``xtts``; everything else stays frozen.

    What an update sees depends on the seed and its number alone, so a position is enough to go on exactly.
    """

    def __init__(
        self, xtts: Xtts, config: XttsTrainConfig, features: Features, device: str, base: Path | None = None
    ) -> None:
        self.xtts, self.config, self.features, self.device = xtts, config, features, device
        self.step_number = 0
        self.division = 1  # into how many parts a batch is cut; `halve_batch` doubles it
        self.rate_factor = 1.0
        torch.manual_seed(config.seed)  # every process begins with the same weights
        self.lora = select_trainable(xtts, config, base)
        torch.manual_seed(config.seed + distributed.rank())  # and leaves out other things at random
        self.parameters = lora_parameters(xtts)
        if config.compile:
            compile_blocks(xtts.gpt.gpt)
        self.ema = ExponentialMovingAverage(self.parameters, config.ema_decay)
        self.optimizer = torch.optim.AdamW(param_groups(xtts, config.weight_decay), lr=config.learning_rate, fused=True)
        self.dtype = autocast_dtype(config.precision, device)
        self.set_checkpointing(config.gradient_checkpointing)
        self.scaler = torch.amp.grad_scaler.GradScaler(device, enabled=self.dtype is torch.float16)
        if self.scaler.is_enabled():
            # By hand: a process that has no part of the first update scales nothing before it unscales.
            self.scaler.scale(torch.zeros((), device=device))
        self.loader = BatchLoader(config, features, SpecialTokens.of(xtts.gpt), device)
        self.latents = Latents(xtts.gpt, features, device)
        self.metrics = DeferredMetrics(uses_scaler=self.scaler.is_enabled())

    @property
    def micro_batch(self) -> int:
        """Clips computed at once."""
        return -(-max(self.config.batch_size, self.loader.sampler.largest) // self.division)

    def step(self, should_stop: ShouldStop = never) -> dict[str, float]:
        """One update; returns ``loss`` per code, ``text_loss`` per token, ``lr`` and ``grad_norm``.

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
                parts = self.loader.update(self.step_number, self.division * distributed.world())
                mel, text = self._backward(parts, stop_check)
                buffer = gradients.flatten_gradients(self.parameters, torch.stack([mel, text]))
            except Exception as error:
                gradients.agree(error)
                raise
            gradients.agree()
            with gradients.in_step():
                mel, text = gradients.sum_gradients(self.parameters, buffer).unbind()
                norm = self._apply(mel)
        except (Cancelled, RuntimeError, MemoryError):
            self.roll_back()
            set_random(random, self.device)
            raise
        self.step_number += 1
        self.ema.update(self.step_number)
        return self.metrics.push(self.step_number, lr, torch.stack([mel, text, norm]))

    def roll_back(self) -> None:
        """Forget gradients, and what an optimizer that ran out of memory had begun to keep."""
        self.optimizer.zero_grad(set_to_none=True)
        for p in [p for p, entries in self.optimizer.state.items() if len(entries) < _ADAMW_ENTRIES]:
            del self.optimizer.state[p]
        if self.scaler.is_enabled():
            # Otherwise it holds the gradients for unscaled already; there is no public way to say that they are gone.
            self.scaler._per_optimizer_states.clear()

    def _apply(self, mel: Tensor) -> Tensor:
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
            self.optimizer.found_inf = (~(mel.isfinite() & norm.isfinite())).float()  # type: ignore[attr-defined]
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
        """``val_loss`` per code over the validation clips; Stop is looked for between two batches."""
        parts = self.loader.validation(self.division)
        if not parts:
            return {}
        self._mode(training=False)
        total, codes = torch.zeros((), device=self.device), 0
        with torch.no_grad():
            for part in parts:
                if should_stop():
                    raise Cancelled
                total += self._losses(part).mel.float() * part.batch.code_targets
                codes += part.batch.code_targets
        return {"val_loss": total.item() / codes}

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

    def set_checkpointing(self, on: bool) -> None:
        """Keep only what goes into each block, and no converted weights: less memory for more time."""
        self.config = self.config.model_copy(update={"gradient_checkpointing": on})
        has_low_precision = not on and self.dtype is not torch.float32
        keep_low_precision(self.xtts.gpt.gpt, self.dtype if has_low_precision else None)

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
        own = snapshot["optimizer"] if self.device.startswith("cuda") else copy_to_cpu(snapshot["optimizer"])
        self._set_state({**snapshot, "optimizer": own})
        self.metrics.drop()

    def save(self, folder: Path) -> None:
        """Write ``adapter.safetensors`` and ``adapter.json``, and apart from them the state to resume from."""
        self.ema.show(True)
        save_adapter(self.xtts, folder, self.lora, step=self.step_number)
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
        adapter = read_adapter(folder)
        try:
            state = read_state(folder, self.config.batch_size)
            if adapter is None:
                raise ValueError("no adapter")
            self.ema.show(True)
            load_lora(self.xtts, adapter[1])
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

    def voice(self) -> XttsVoice:
        """A voice over the live weights; nothing is copied or reloaded."""
        self._mode(training=False)
        return XttsVoice(self.xtts)

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

    def _losses(self, part: MicroBatch, dropout: float = 0.0, checkpointing: bool = False) -> Losses:
        latents = self.latents.of(part.references)
        with autocast(self.dtype, self.device):
            return losses(
                self.xtts.gpt, part.batch.to(self.device), latents, dropout=dropout, checkpointing=checkpointing
            )

    def _backward(self, parts: Sequence[MicroBatch], should_stop: ShouldStop = never) -> tuple[Tensor, Tensor]:
        """This process's share of the gradients of the mean over *all* codes of the update, however it is cut."""
        codes = sum(part.batch.code_targets for part in parts)
        tokens = sum(part.batch.text_targets for part in parts)
        mel = text = torch.zeros((), device=self.device)
        for number, part in enumerate(gradients.share(parts)):
            if number and should_stop():
                raise Cancelled
            loss = self._losses(part, self.config.dropout, self.config.gradient_checkpointing)
            share_mel = loss.mel * (part.batch.code_targets / codes)
            share_text = loss.text * (part.batch.text_targets / tokens)
            self.scaler.scale(share_mel + self.config.text_loss_weight * share_text).backward()  # type: ignore[no-untyped-call]
            mel, text = mel + share_mel.detach(), text + share_text.detach()
        return mel, text

    def _mode(self, training: bool) -> None:
        # The transformer's dropout helps training; the frozen encoders around it stay as at inference.
        self.xtts.gpt.train(False)
        self.xtts.gpt.gpt.train(training)
        self.ema.show(not training)


def start(
    config: XttsTrainConfig, features: Features, base: Path, resume_from: Path | None, *, device: str = "cpu"
) -> XttsSession:
    """Load the base and begin, or go on from the checkpoint folder ``resume_from``."""
    device = device_for(device)
    if device.startswith("cuda"):
        torch.set_float32_matmul_precision("high")
        # It would plan attention anew for every number of rows and length, which takes longer than the updates.
        torch.backends.cuda.enable_cudnn_sdp(False)
    session = XttsSession(load_base(base, device), config, features, device, base)
    if resume_from is not None:
        session.load(resume_from)
    return session
