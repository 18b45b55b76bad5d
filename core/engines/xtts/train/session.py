"""Training session of an XTTS model: its losses, what of it learns, and what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from TTS.tts.models.xtts import Xtts

from core.engines import distributed, gradients
from core.engines.callbacks import ShouldStop, never
from core.engines.device import device_for
from core.engines.gradient_session import GradientSession
from core.engines.precision import autocast
from core.engines.xtts.features.extract import Features
from core.engines.xtts.infer.reference import Conditioning
from core.engines.xtts.infer.voice import XttsVoice
from core.engines.xtts.model.load import load_base
from core.engines.xtts.model.lora import load_lora, lora_parameters, read_adapter, save_adapter
from core.engines.xtts.model.transformer import compile_blocks, keep_low_precision
from core.engines.xtts.options import XttsTrainConfig
from core.engines.xtts.train.collate import SpecialTokens, items
from core.engines.xtts.train.conditioning import Latents
from core.engines.xtts.train.loader import BatchLoader, MicroBatch
from core.engines.xtts.train.loss import Losses, losses
from core.engines.xtts.train.trainable import param_groups, select_trainable
from core.errors import Cancelled


class XttsSession(GradientSession[Conditioning, XttsTrainConfig, MicroBatch]):
    """Trains what the settings name of ``xtts``; everything else stays frozen."""

    loss_names = ("loss", "text_loss")

    def __init__(
        self, xtts: Xtts, config: XttsTrainConfig, features: Features, device: str, base: Path | None = None
    ) -> None:
        super().__init__(config, device)
        self.xtts, self.features = xtts, features
        torch.manual_seed(config.seed)  # every process begins with the same weights
        self.lora = select_trainable(xtts, config, base)
        torch.manual_seed(config.seed + distributed.rank())  # and leaves out other things at random
        if config.compile:
            compile_blocks(xtts.gpt.gpt)
        self.optimize(lora_parameters(xtts), param_groups(xtts, config.weight_decay))
        self.loader = BatchLoader(config, features, SpecialTokens.of(xtts.gpt), device)
        self.sampler = self.loader.sampler
        self.latents = Latents(xtts.gpt, features, device)

    def set_checkpointing(self, on: bool) -> None:
        """Keep only what goes into each block, and no converted weights: less memory for more time."""
        self.config = self.config.model_copy(update={"gradient_checkpointing": on})
        has_low_precision = not on and self.dtype is not torch.float32
        keep_low_precision(self.xtts.gpt.gpt, self.dtype if has_low_precision else None)

    def longest(self, size: int) -> tuple[MicroBatch, float]:
        """As of `GradientSession`."""
        clips = sorted(self.features.train, key=lambda clip: clip.samples, reverse=True)
        batch = [clips[number % len(clips)] for number in range(size)]
        rows = items(self.features, batch, self.loader.references.training(batch, 0))
        mean = sum(clip.samples for clip in clips) / len(clips)
        return self.loader.part(rows), mean / clips[0].samples

    def voice(self) -> XttsVoice:
        """A voice over the live weights; nothing is copied or reloaded."""
        self._mode(training=False)
        return XttsVoice(self.xtts)

    def _parts(self, number: int, division: int) -> list[MicroBatch]:
        return self.loader.update(number, division)

    def _validation_parts(self, division: int) -> list[MicroBatch]:
        return self.loader.validation(division)

    def _validation_loss(self, part: MicroBatch) -> tuple[Tensor, int]:
        return self._losses(part).mel, part.batch.code_targets

    def _save_learnt(self, folder: Path) -> None:
        save_adapter(self.xtts, folder, self.lora, step=self.step_number)

    def _read_learnt(self, folder: Path) -> dict[str, Tensor] | None:
        adapter = read_adapter(folder)
        return None if adapter is None else adapter[1]

    def _load_learnt(self, learnt: dict[str, Tensor]) -> None:
        load_lora(self.xtts, learnt)

    def _losses(self, part: MicroBatch, dropout: float = 0.0, checkpointing: bool = False) -> Losses:
        latents = self.latents.of(part.references)
        with autocast(self.dtype, self.device):
            return losses(
                self.xtts.gpt, part.batch.to(self.device), latents, dropout=dropout, checkpointing=checkpointing
            )

    def _backward(self, parts: Sequence[MicroBatch], should_stop: ShouldStop = never) -> Tensor:
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
        return torch.stack([mel, text])

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
