"""Training session of an F5-TTS model: its loss, what of it learns, and what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from core.engines import distributed, gradients
from core.engines.adapter import SavedAdapter, load_state, read_saved
from core.engines.callbacks import ShouldStop, never
from core.engines.device import device_for
from core.engines.f5.features.extract import Features
from core.engines.f5.infer.reference import ReferenceMel
from core.engines.f5.infer.voice import F5Voice
from core.engines.f5.model.load import F5, load_base
from core.engines.f5.model.lora import check_fits, save_adapter, trainable_parameters
from core.engines.f5.options import F5TrainConfig
from core.engines.f5.train.collate import Batch
from core.engines.f5.train.loader import BatchLoader
from core.engines.f5.train.loss import flow_loss
from core.engines.f5.train.trainable import param_groups, select_trainable, set_dropout
from core.engines.gradient_session import GradientSession
from core.engines.precision import autocast
from core.errors import Cancelled


class F5Session(GradientSession[ReferenceMel, F5TrainConfig, Batch]):
    """Trains what the settings name of ``model``; everything else stays frozen."""

    def __init__(self, model: F5, config: F5TrainConfig, features: Features, device: str) -> None:
        super().__init__(config, device)
        self.model, self.features = model, features
        torch.manual_seed(config.seed)  # every process begins with the same weights
        self.lora = select_trainable(model, config, features.new_letters)
        torch.manual_seed(config.seed + distributed.rank())  # and leaves out other things at random
        set_dropout(model, config.dropout)
        if config.compile:
            for block in model.transformer.transformer_blocks:
                block.compile(dynamic=True)
        self.optimize(trainable_parameters(model).values(), param_groups(model, config.weight_decay))
        self.loader = BatchLoader(config, features, device)
        self.sampler = self.loader.sampler

    def set_checkpointing(self, on: bool) -> None:
        """Keep only what goes into each block: less memory for more time."""
        self.config = self.config.model_copy(update={"gradient_checkpointing": on})

    def longest(self, size: int) -> tuple[Batch, float]:
        """As of `GradientSession`."""
        train = self.features.train
        order = sorted(range(len(train)), key=lambda index: train[index].frames, reverse=True)
        items = [self.loader.item(0, order[number % len(order)]) for number in range(size)]
        mean = sum(clip.frames for clip in train) / len(train)
        return self.loader.parts(items)[0], mean / train[order[0]].frames

    def voice(self) -> F5Voice:
        """A voice over the live weights; nothing is copied or reloaded."""
        self._mode(training=False)
        return F5Voice(self.model)

    def _parts(self, number: int, division: int) -> list[Batch]:
        return self.loader.update(number, division)

    def _validation_parts(self, division: int) -> list[Batch]:
        return self.loader.validation(division)

    def _validation_loss(self, part: Batch) -> tuple[Tensor, int]:
        return self._loss(part), part.targets

    def _loss(self, part: Batch, checkpointing: bool = False) -> Tensor:
        with autocast(self.dtype, self.device):
            return flow_loss(self.model.transformer, part.to(self.device), checkpointing=checkpointing)

    def _backward(self, parts: Sequence[Batch], should_stop: ShouldStop = never) -> Tensor:
        frames = sum(part.targets for part in parts)
        total = torch.zeros((), device=self.device)
        for number, part in enumerate(gradients.share(parts)):
            if number and should_stop():
                raise Cancelled
            loss = self._loss(part, self.config.gradient_checkpointing) * (part.targets / frames)
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            total = total + loss.detach()
        return total[None]

    def _mode(self, training: bool) -> None:
        self.model.transformer.train(training)
        self.ema.show(not training)

    def _save_learnt(self, folder: Path) -> None:
        weights = "mean" if self.ema.values else "raw"
        save_adapter(self.model, folder, self.lora, step=self.step_number, weights=weights)

    def _read_learnt(self, folder: Path) -> SavedAdapter | None:
        adapter = read_saved(folder)
        if adapter is not None:
            check_fits(self.model, adapter)
        return adapter

    def _load_learnt(self, learnt: SavedAdapter) -> None:
        load_state(trainable_parameters(self.model), learnt.state)


def start(
    config: F5TrainConfig, features: Features, base: Path, resume_from: Path | None, *, device: str = "auto"
) -> F5Session:
    """Load the base and begin, or go on from the checkpoint folder ``resume_from``."""
    device = device_for(device)
    if device.startswith("cuda"):
        torch.set_float32_matmul_precision("high")
    session = F5Session(load_base(base, device), config, features, device)
    if resume_from is not None:
        session.load(resume_from)
    return session
