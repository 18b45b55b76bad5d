"""Data loader: the clips of each update with their throws, cut into parts; a function of settings, seed and number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.engines.f5.features.extract import ClipFeatures, Features
from core.engines.f5.options import F5TrainConfig
from core.engines.f5.train.collate import Batch, Item, Throw, collate
from core.engines.prefetch import PrefetchingLoader
from core.engines.sampler import LengthBucketSampler

# First numbers of the seeds; `sampler` has 0.
_TRAINING, _NOISE, _VALIDATION = 1, 2, 3
_MOST_VALIDATION_CLIPS = 64  # more say little new about the error on unseen sentences and cost time
_TIMES = (0.1, 0.35, 0.6, 0.85)  # at which held-back clips are asked, in turn: the error differs tenfold between them
_VALIDATION_SPAN = 0.85


class BatchLoader(PrefetchingLoader[Batch]):
    """Batches by number."""

    def __init__(self, config: F5TrainConfig, features: Features, device: str) -> None:
        super().__init__(device)
        self.config, self.features = config, features
        costs = [clip.frames for clip in features.train]
        self.sampler = LengthBucketSampler(costs, config.batch_size, config.seed, by_length=config.batch_by == "length")

    def validation(self, division: int = 1) -> list[Batch]:
        """All batches of held-back clips, always with the same noise, times and spans."""
        clips, size = self.features.val[:_MOST_VALIDATION_CLIPS], self.config.batch_size
        items = [self._held_back(clip, number) for number, clip in enumerate(clips)]
        return [
            part for start in range(0, len(items), size) for part in self.parts(items[start : start + size], division)
        ]

    def items(self, number: int) -> list[Item]:
        """The clips of a batch, each with its throw."""
        return [self.item(number, index) for index in self.sampler.batch(number)]

    def item(self, number: int, index: int) -> Item:
        """A clip as it is in the batch of this number."""
        return Item(self.features.train[index], self._throw(number, index))

    def parts(self, items: Sequence[Item], division: int = 1) -> list[Batch]:
        """Clips as tensors, in so many parts."""
        size = -(-len(items) // division)
        batches = [collate(self.features, items[start : start + size]) for start in range(0, len(items), size)]
        return [batch.pin() for batch in batches] if self._on_card else batches

    def _update(self, number: int, division: int) -> list[Batch]:
        batches = range(number * self.config.accumulation, (number + 1) * self.config.accumulation)
        return [part for batch in batches for part in self.parts(self.items(batch), division)]

    def _throw(self, number: int, index: int) -> Throw:
        seed = self.config.seed
        random = np.random.default_rng([seed, _TRAINING, number, index])
        frames = self.features.train[index].frames
        share, place, time, audio, text = random.random(5)
        span = span_of(frames, self.config.span_min + share * (self.config.span_max - self.config.span_min), place)
        drops_text = bool(text < self.config.text_drop)
        drops_audio = drops_text or bool(audio < self.config.audio_drop)
        return Throw((seed, _NOISE, number, index), float(time), span, drops_audio, drops_text)

    def _held_back(self, clip: ClipFeatures, number: int) -> Item:
        place = float(np.random.default_rng([_VALIDATION, number]).random())
        span = span_of(clip.frames, _VALIDATION_SPAN, place)
        return Item(clip, Throw((_VALIDATION, number, 1), _TIMES[number % len(_TIMES)], span))


def span_of(frames: int, share: float, place: float) -> tuple[int, int]:
    """The first frame and the number of them that have to be filled in, as the package draws them; at least one."""
    count = max(1, int(share * frames))
    return int((frames - count) * place), count
