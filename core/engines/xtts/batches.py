"""Which clips an update sees, and their tensors: permutations, length buckets, references, padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.engines.xtts.features import FRAME, RATE, ClipFeatures, Features

_BUCKETS = 8  # batches whose clips are sorted by length together: less padding, still well mixed
# First numbers of the seeds, so that order and references draw from different streams.
_ORDER, _REFERENCE, _VALIDATION = 0, 1, 2


class Order:
    """An endless row of batches; ``batch(n)`` depends on nothing but the seed and ``n``, so a position is one number.

    Every epoch is one permutation: each clip is seen exactly once in it.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        if not lengths:
            raise ValueError("no clips")
        self.lengths = np.asarray(lengths)
        self.batch_size = min(batch_size, len(lengths))
        self.seed = seed
        self.per_epoch = -(-len(lengths) // self.batch_size)
        self.epoch = lru_cache(maxsize=2)(self._epoch)

    def batch(self, number: int) -> list[int]:
        """Indices of the clips in the batch of this number."""
        epoch, position = divmod(number, self.per_epoch)
        return self.epoch(epoch)[position]

    def _epoch(self, epoch: int) -> list[list[int]]:
        random = np.random.default_rng([self.seed, _ORDER, epoch])
        order = random.permutation(len(self.lengths))
        window = self.batch_size * _BUCKETS
        batches: list[list[int]] = []
        for start in range(0, len(order), window):
            part = order[start : start + window]
            part = part[np.argsort(self.lengths[part], kind="stable")]
            batches += [part[i : i + self.batch_size].tolist() for i in range(0, len(part), self.batch_size)]
        return [batches[i] for i in random.permutation(len(batches))]


@dataclass(frozen=True)
class Batch:
    """Tensors of ``b`` clips, padded at the end.

    ``text`` (b, t) and ``codes`` (b, c) hold the bare tokens and codes; ``samples`` (b,) is each clip's length in
    samples at 22,050 Hz; ``mels`` (b, 80, s) are pieces of *other* clips, all of one length, without padding.
    """

    text: Tensor
    text_lengths: Tensor
    codes: Tensor
    code_lengths: Tensor
    samples: Tensor
    mels: Tensor

    @property
    def code_targets(self) -> int:
        """How many predictions of audio codes the loss is the mean of (see `core.engines.xtts.loss`)."""
        return int(self.code_lengths.sum()) + 4 * len(self.code_lengths)

    @property
    def text_targets(self) -> int:
        """How many predictions of text tokens the loss is the mean of."""
        return int(self.text_lengths.sum()) + len(self.text_lengths)

    def parts(self, most: int) -> list[Batch]:
        """The same clips with at most ``most`` in a batch, each part as wide as its own longest clip."""
        starts = range(0, len(self.text), most)
        return [self] if len(starts) == 1 else [self._rows(slice(start, start + most)) for start in starts]

    def _rows(self, rows: slice) -> Batch:
        cut = Batch(**{name: value[rows] for name, value in self.__dict__.items()})
        text, codes = cut.text[:, : int(cut.text_lengths.max())], cut.codes[:, : int(cut.code_lengths.max())]
        return replace(cut, text=text, codes=codes)

    def to(self, device: str) -> Batch:
        """The same on another device."""
        return Batch(**{name: value.to(device, non_blocking=True) for name, value in self.__dict__.items()})


class References:
    """Chooses for every clip a different clip of the speaker to be conditioned on, as at inference."""

    def __init__(self, features: Features, min_s: float, max_s: float, seed: int) -> None:
        self.features = features
        self.min_frames, self.max_frames = _frames(min_s), _frames(max_s)
        self.seed = seed
        long = [clip for clip in features.train if clip.samples // FRAME >= self.min_frames]
        self.pool = long if len(long) > 1 else features.train

    def training(self, clips: Sequence[ClipFeatures], number: int) -> Tensor:
        """Random pieces of random other clips, one random length for the whole batch; (b, 80, s)."""
        random = np.random.default_rng([self.seed, _REFERENCE, number])
        chosen = [self._other(clip, random) for clip in clips]
        wanted = int(random.integers(self.min_frames, self.max_frames + 1))
        return self._crop([self.features.mel(clip) for clip in chosen], wanted, random)

    def validation(self, clips: Sequence[ClipFeatures], number: int) -> Tensor:
        """For every clip always the same piece of the same training clip; (b, 80, s)."""
        random = np.random.default_rng([self.seed, _VALIDATION, number])
        chosen = [self._other(clip, random) for clip in clips]
        return self._crop(
            [self.features.mel(clip) for clip in chosen], (self.min_frames + self.max_frames) // 2, random
        )

    def _other(self, clip: ClipFeatures, random: np.random.Generator) -> ClipFeatures:
        others = [one for one in self.pool if one.id != clip.id]
        return others[int(random.integers(len(others)))]

    @staticmethod
    def _crop(mels: list[npt.NDArray[np.float16]], frames: int, random: np.random.Generator) -> Tensor:
        frames = min(frames, *(mel.shape[1] for mel in mels))
        starts = [int(random.integers(mel.shape[1] - frames + 1)) for mel in mels]
        pieces = [mel[:, start : start + frames] for mel, start in zip(mels, starts, strict=True)]
        return torch.from_numpy(np.stack(pieces).astype(np.float32))


def collate(features: Features, clips: Sequence[ClipFeatures], mels: Tensor) -> Batch:
    """Put clips and their references into one padded batch on the CPU."""
    codes = [features.codes(clip) for clip in clips]
    return Batch(
        text=_padded([np.asarray(clip.tokens) for clip in clips]),
        text_lengths=torch.tensor([len(clip.tokens) for clip in clips]),
        codes=_padded(codes),
        code_lengths=torch.tensor([len(row) for row in codes]),
        samples=torch.tensor([clip.samples for clip in clips]),
        mels=mels,
    )


def _padded(rows: Sequence[npt.NDArray[np.integer]]) -> Tensor:
    table = np.zeros((len(rows), max(len(row) for row in rows)), dtype=np.int64)
    for target, row in zip(table, rows, strict=True):
        target[: len(row)] = row
    return torch.from_numpy(table)


def _frames(seconds: float) -> int:
    return int(seconds * RATE / FRAME)
