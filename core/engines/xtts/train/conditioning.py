"""Conditioning while training: reference slices of clips, and the latents the frozen encoder makes of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from TTS.tts.layers.xtts.gpt import GPT

from core.engines.xtts.features.encoder import FRAME, RATE, STRIDE
from core.engines.xtts.features.extract import ClipFeatures, Features

FRAMES_A_CODE = STRIDE // FRAME
# First numbers of the seeds; `sampler` has 0.
_TRAINING, _VALIDATION, _POOL, _OWN = 1, 2, 3, 4
_LENGTHS = 8  # different lengths of slices: those of one length are computed together
_OWN_SLICES = 4  # of every clip, where clips are conditioned on themselves
_MOST_BYTES = 256 * 2**20
_GROUP_SIZE = 32


class ReferenceSlice(NamedTuple):
    """Frames ``start … start + frames`` of a clip's conditioning mel (256 samples each)."""

    clip_id: str
    start: int
    frames: int

    @property
    def codes(self) -> tuple[int, int]:
        """The audio codes it overlaps, from and up to (not including)."""
        return self.start // FRAMES_A_CODE, -(-(self.start + self.frames) // FRAMES_A_CODE)


class References:
    """Chooses for every clip a slice of a *different* clip of the speaker, as at inference.

    The slices come from a pool drawn once, so that what the frozen encoder makes of them is computed once.
    """

    def __init__(self, features: Features, min_s: float, max_s: float, seed: int, pool: int = 512) -> None:
        self.min_frames, self.max_frames = int(min_s * RATE / FRAME), int(max_s * RATE / FRAME)
        self.seed = seed
        self.own_of = {clip.id: number for number, clip in enumerate(features.train)}
        long = [clip for clip in features.train if _frames(clip) >= self.min_frames]
        self.pool = self._draw(long if len(long) > 1 else features.train, pool)

    def training(self, clips: Sequence[ClipFeatures], number: int) -> list[ReferenceSlice]:
        """A random slice of a random other clip for each."""
        return self._draw_others(clips, np.random.default_rng([self.seed, _TRAINING, number]))

    def validation(self, clips: Sequence[ClipFeatures], number: int) -> list[ReferenceSlice]:
        """For every clip always the same slice of the same training clip, whatever is asked for beside it.

        ``number`` is that of the first clip among all that are held back.
        """
        seeds = ([self.seed, _VALIDATION, number + place] for place in range(len(clips)))
        return [self._draw_other(clip, np.random.default_rng(seed)) for clip, seed in zip(clips, seeds, strict=True)]

    def own(self, clips: Sequence[ClipFeatures], number: int) -> list[ReferenceSlice]:
        """A slice of each clip itself, at most half of it, on the borders of its codes; its codes must be masked."""
        random = np.random.default_rng([self.seed, _TRAINING, number])
        return [self._own(clip, int(random.integers(_OWN_SLICES))) for clip in clips]

    def _own(self, clip: ClipFeatures, variant: int) -> ReferenceSlice:
        random = np.random.default_rng([self.seed, _OWN, self.own_of[clip.id], variant])
        codes = clip.samples // STRIDE
        target = int(random.integers(self.min_frames, self.max_frames + 1)) // FRAMES_A_CODE
        length = max(1, min(target, codes // 2))
        start = int(random.integers(codes - length + 1))
        return ReferenceSlice(clip.id, start * FRAMES_A_CODE, length * FRAMES_A_CODE)

    def _draw_others(self, clips: Sequence[ClipFeatures], random: np.random.Generator) -> list[ReferenceSlice]:
        return [self._draw_other(clip, random) for clip in clips]

    def _draw_other(self, clip: ClipFeatures, random: np.random.Generator) -> ReferenceSlice:
        while True:
            reference = self.pool[int(random.integers(len(self.pool)))]
            if reference.clip_id != clip.id:
                return reference

    def _draw(self, clips: Sequence[ClipFeatures], count: int) -> list[ReferenceSlice]:
        random = np.random.default_rng([self.seed, _POOL])
        lengths = np.linspace(self.min_frames, self.max_frames, _LENGTHS).astype(int)
        order = random.permutation(len(clips))
        references = []
        for number in range(max(2, count)):
            clip = clips[order[number % len(order)]]
            frames = min(int(random.choice(lengths)), _frames(clip))
            references.append(ReferenceSlice(clip.id, int(random.integers(_frames(clip) - frames + 1)), frames))
        return references


class Latents:
    """What the frozen conditioning encoder makes of slices, kept: it does not change while the rest trains.

    On the processor each slice is computed by itself, so that its latents do not depend, not in their last bit, on
    what happens to be asked for beside it; a resumed run then sees the same numbers.
    """

    def __init__(self, gpt: GPT, features: Features, device: str) -> None:
        self.gpt, self.features, self.device = gpt, features, device
        self.clips = {clip.id: clip for clip in (*features.train, *features.val)}
        self._cache: OrderedDict[ReferenceSlice, Tensor] = OrderedDict()

    def of(self, references: Sequence[ReferenceSlice]) -> Tensor:
        """Latents in full precision on the device, shape ``(len(references), 32, channels)``."""
        missing = [reference for reference in dict.fromkeys(references) if reference not in self._cache]
        for group in self._groups(missing):
            # Cloned: a row would keep all that it was computed with.
            self._cache.update(zip(group, (row.clone() for row in self._compute(group)), strict=True))
        latents = torch.stack([self._cache[reference] for reference in references])
        for reference in dict.fromkeys(references):
            self._cache.move_to_end(reference)
        max_entries = max(1, _MOST_BYTES // max(1, latents[0].nbytes))
        while len(self._cache) > max_entries:
            self._cache.popitem(last=False)
        return latents

    def _groups(self, references: list[ReferenceSlice]) -> list[list[ReferenceSlice]]:
        if not self.device.startswith("cuda"):
            return [[reference] for reference in references]
        by_length: dict[int, list[ReferenceSlice]] = {}
        for reference in references:
            by_length.setdefault(reference.frames, []).append(reference)
        return [row[i : i + _GROUP_SIZE] for row in by_length.values() for i in range(0, len(row), _GROUP_SIZE)]

    def _compute(self, references: list[ReferenceSlice]) -> Tensor:
        mels = [self.features.mel(self.clips[p.clip_id])[:, p.start : p.start + p.frames] for p in references]
        batch = torch.from_numpy(np.stack(mels).astype(np.float32))
        if self.device.startswith("cuda"):
            batch = batch.pin_memory()  # else the copy waits for all that the card has to do
        batch = batch.to(self.device, non_blocking=True)
        with torch.no_grad(), torch.autocast(self.device.partition(":")[0], enabled=False):
            latents: Tensor = self.gpt.get_style_emb(batch).transpose(1, 2)
        return latents.contiguous()


def _frames(clip: ClipFeatures) -> int:
    return clip.samples // FRAME
