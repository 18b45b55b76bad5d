"""Collation of clips into tensors, with all that is thrown at random for each: noise, time, span, what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.engines.f5.features.extract import ClipFeatures, Features
from core.engines.f5.features.mel import BANDS


@dataclass(frozen=True)
class Throw:
    """What chance decides for a clip: its time, the span ``first … first + count`` of frames, what is left out."""

    noise_seed: tuple[int, ...]
    time: float
    span: tuple[int, int]
    drops_audio: bool = False
    drops_text: bool = False


@dataclass(frozen=True)
class Item:
    """A clip of an update, and its throw."""

    clip: ClipFeatures
    throw: Throw


@dataclass(frozen=True)
class Batch:
    """Tensors of ``b`` clips, the longest of ``t`` frames; padding is zero, and no frame of it is in a ``span``."""

    mel: Tensor
    """(b, t, 100) log mels"""
    noise: Tensor
    """(b, t, 100)"""
    times: Tensor
    """(b,)"""
    span: Tensor
    """(b, t), True where a frame has to be filled in"""
    audio_dropped: Tensor
    """(b,) bool"""
    texts: list[Tensor]
    """b times token ids"""
    frames: list[int]
    text_dropped: list[bool]

    targets: int
    """Frames that the loss is the mean over."""

    def to(self, device: str) -> Batch:
        """The same on another device; from pinned memory the copy does not wait."""
        if device == "cpu":
            return self
        tensors = {name: getattr(self, name).to(device, non_blocking=True) for name in _TENSORS}
        texts = [text.to(device, non_blocking=True) for text in self.texts]
        return Batch(**{**vars(self), **tensors, "texts": texts})

    def pin(self) -> Batch:
        """The same in memory that a card can fetch by itself."""
        tensors = {name: getattr(self, name).pin_memory() for name in _TENSORS}
        return Batch(**{**vars(self), **tensors, "texts": [text.pin_memory() for text in self.texts]})


_TENSORS = ("mel", "noise", "times", "span", "audio_dropped")


def collate(features: Features, items: Sequence[Item]) -> Batch:
    """Put clips into one batch on the CPU."""
    mels = [features.mel(item.clip) for item in items]
    frames = [len(mel) for mel in mels]
    shape = len(items), max(frames), BANDS
    mel, span = np.zeros(shape, np.float32), np.zeros(shape[:2], bool)
    noise = torch.zeros(shape)
    for row, item in enumerate(items):
        mel[row, : frames[row]] = mels[row]
        draw_noise(item.throw, noise[row, : frames[row]])
        first, count = item.throw.span
        span[row, first : first + count] = True
    return Batch(
        mel=torch.from_numpy(mel),
        noise=noise,
        times=torch.tensor([item.throw.time for item in items], dtype=torch.float32),
        span=torch.from_numpy(span),
        audio_dropped=torch.tensor([item.throw.drops_audio or item.throw.drops_text for item in items]),
        texts=[torch.tensor(item.clip.tokens) for item in items],
        frames=frames,
        text_dropped=[item.throw.drops_text for item in items],
        targets=sum(item.throw.span[1] for item in items),
    )


def draw_noise(throw: Throw, out: Tensor) -> None:
    """Fill ``out`` (frames, 100) with a clip's noise, the same whatever batch it is in."""
    seed = int(np.random.SeedSequence(throw.noise_seed).generate_state(1, np.uint64)[0])
    out.normal_(generator=torch.Generator().manual_seed(seed))
