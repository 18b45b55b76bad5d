"""Collation of clips into batches of tensors: one row a clip, packed so that padding is only ever at row ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from TTS.tts.layers.xtts.gpt import GPT

from core.engines.xtts.features.extract import ClipFeatures, Features
from core.engines.xtts.train.conditioning import ReferenceSlice

# coqui lets the model predict the stop code this often in a row after the last real one (``ceil(wav / stride) + 3``).
STOPS = 4
PROMPT = 32  # latents before the text


@dataclass(frozen=True)
class SpecialTokens:
    """Numbers that begin and end texts and codes."""

    start_text: int
    stop_text: int
    start_audio: int
    stop_audio: int

    @classmethod
    def of(cls, gpt: GPT) -> SpecialTokens:
        """Those of a model."""
        return cls(gpt.start_text_token, gpt.stop_text_token, gpt.start_audio_token, gpt.stop_audio_token)


@dataclass(frozen=True)
class Item:
    """One clip of an update: its text tokens, its codes, the slice it is conditioned on, codes that are not learnt."""

    tokens: tuple[int, ...]
    codes: npt.NDArray[np.int16]
    reference: ReferenceSlice
    masked_codes: tuple[int, int] = (0, 0)

    @property
    def code_targets(self) -> int:
        """Predictions of audio codes its loss is made of; the stop codes are never masked."""
        masked_count = min(self.masked_codes[1], len(self.codes)) - min(self.masked_codes[0], len(self.codes))
        return len(self.codes) - masked_count + STOPS

    @property
    def text_targets(self) -> int:
        """Predictions of text tokens its loss is made of."""
        return len(self.tokens) + 1

    @property
    def positions(self) -> int:
        """How long its row is."""
        return PROMPT + len(self.tokens) + 1 + len(self.codes) + STOPS


@dataclass(frozen=True)
class Batch:
    """Tensors of ``b`` clips whose longest row is ``t`` positions: latents, text, codes, then padding.

    ``text_in``, ``text_place`` are all text tokens in a row and where each stands in its text; ``mel_in``,
    ``mel_place`` the same of codes. ``grid`` (b, t) tells which of (all latents, all text, all codes) stands where.
    ``text_at``, ``mel_at`` are the places in the flattened grid whose prediction counts, ``text_out``, ``mel_out`` what
    is right there. No mask is needed: nothing real comes after padding, and nothing looks ahead.
    """

    text_in: Tensor
    text_place: Tensor
    text_at: Tensor
    text_out: Tensor
    mel_in: Tensor
    mel_place: Tensor
    mel_at: Tensor
    mel_out: Tensor
    grid: Tensor

    @property
    def code_targets(self) -> int:
        """How many predictions of audio codes the loss is the mean of."""
        return len(self.mel_at)

    @property
    def text_targets(self) -> int:
        """How many predictions of text tokens the loss is the mean of."""
        return len(self.text_at)

    def to(self, device: str) -> Batch:
        """The same on another device; from pinned memory the copy does not wait."""
        if device == "cpu":
            return self
        return Batch(**{field.name: getattr(self, field.name).to(device, non_blocking=True) for field in fields(self)})

    def pin(self) -> Batch:
        """The same in memory that a card can fetch by itself."""
        return Batch(**{field.name: getattr(self, field.name).pin_memory() for field in fields(self)})


def items(
    features: Features, clips: Sequence[ClipFeatures], references: Sequence[ReferenceSlice], *, own: bool = False
) -> list[Item]:
    """Clips with their slices; ``own`` slices mask the codes they show."""
    return [
        Item(clip.tokens, features.codes(clip), reference, reference.codes if own else (0, 0))
        for clip, reference in zip(clips, references, strict=True)
    ]


def collate(rows: Sequence[Item], special: SpecialTokens) -> Batch:
    """Put clips into one batch on the CPU."""
    width = max(row.positions for row in rows)
    texts = [np.array([special.start_text, *row.tokens, special.stop_text]) for row in rows]
    mels = [np.concatenate([[special.start_audio], row.codes, [special.stop_audio] * STOPS]) for row in rows]
    text_first = len(rows) * PROMPT
    mel_first = text_first + sum(len(text) - 1 for text in texts)
    grid = np.zeros((len(rows), width), dtype=np.int64)
    text_at, mel_at, mel_out = [], [], []
    for number, (row, text, mel) in enumerate(zip(rows, texts, mels, strict=True)):
        end_text, end = PROMPT + len(text) - 1, row.positions
        grid[number, :PROMPT] = np.arange(number * PROMPT, (number + 1) * PROMPT)
        grid[number, PROMPT:end_text] = np.arange(text_first, text_first + len(text) - 1)
        grid[number, end_text:end] = np.arange(mel_first, mel_first + len(mel) - 1)
        text_first, mel_first = text_first + len(text) - 1, mel_first + len(mel) - 1
        learnt = np.ones(len(mel) - 1, dtype=bool)
        learnt[row.masked_codes[0] : min(row.masked_codes[1], len(row.codes))] = False
        text_at.append(number * width + np.arange(PROMPT, end_text))
        mel_at.append(number * width + np.arange(end_text, end)[learnt])
        mel_out.append(mel[1:][learnt])
    return Batch(
        text_in=_concatenate([text[:-1] for text in texts]),
        text_place=_concatenate([np.arange(len(text) - 1) for text in texts]),
        text_at=_concatenate(text_at),
        text_out=_concatenate([text[1:] for text in texts]),
        mel_in=_concatenate([mel[:-1] for mel in mels]),
        mel_place=_concatenate([np.arange(len(mel) - 1) for mel in mels]),
        mel_at=_concatenate(mel_at),
        mel_out=_concatenate(mel_out),
        grid=torch.from_numpy(grid),
    )


def _concatenate(rows: Sequence[npt.NDArray[np.integer]]) -> Tensor:
    return torch.from_numpy(np.concatenate(rows).astype(np.int64))
