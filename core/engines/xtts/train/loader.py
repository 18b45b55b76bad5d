"""Data loader: the clips of each update with their reference slices, cut into micro-batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from core.engines.prefetch import PrefetchingLoader
from core.engines.sampler import LengthBucketSampler
from core.engines.xtts.features.extract import ClipFeatures, Features
from core.engines.xtts.options import XttsTrainConfig
from core.engines.xtts.train.collate import Batch, Item, SpecialTokens, collate, items
from core.engines.xtts.train.conditioning import References, ReferenceSlice

# More say little new about the error on unseen sentences and cost time.
_MOST_VALIDATION_CLIPS = 64
_OVERHEAD = 37  # positions of a row beside its tokens and codes


class MicroBatch(NamedTuple):
    """As much of an update as is computed at once."""

    batch: Batch
    references: list[ReferenceSlice]


class BatchLoader(PrefetchingLoader[MicroBatch]):
    """Batches by number: a pure function of settings, seed, clips and number, so that nothing of it need be saved."""

    def __init__(self, config: XttsTrainConfig, features: Features, special_tokens: SpecialTokens, device: str) -> None:
        super().__init__(device)
        self.config, self.features, self.special_tokens = config, features, special_tokens
        costs = [_OVERHEAD + len(clip.tokens) + clip.samples // 1024 for clip in features.train]
        self.sampler = LengthBucketSampler(costs, config.batch_size, config.seed, by_length=config.batch_by == "length")
        self.references = References(
            features, config.reference_min_s, config.reference_max_s, config.seed, config.reference_pool
        )
        self._validation: tuple[int, list[MicroBatch]] | None = None

    def clips(self, number: int) -> list[ClipFeatures]:
        """The clips of a batch."""
        return [self.features.train[i] for i in self.sampler.batch(number)]

    def rows(self, number: int) -> list[Item]:
        """The clips of a batch with what they are conditioned on."""
        clips, own = self.clips(number), self.config.conditioning == "masked"
        references = self.references.own(clips, number) if own else self.references.training(clips, number)
        return items(self.features, clips, references, own=own)

    def validation(self, division: int = 1) -> list[MicroBatch]:
        """All batches of held-back clips, each cut into ``division``; each clip has its fixed slice of another."""
        if self._validation is None or self._validation[0] != division:
            clips, size = self.features.val[:_MOST_VALIDATION_CLIPS], self.config.batch_size
            parts = []
            for start in range(0, len(clips), size):
                chunk = clips[start : start + size]
                rows = items(self.features, chunk, self.references.validation(chunk, start))
                parts += self._parts(rows, -(-size // division))
            self._validation = division, parts
        return self._validation[1]

    def part(self, rows: Sequence[Item]) -> MicroBatch:
        """Rows as tensors."""
        batch = collate(rows, self.special_tokens)
        return MicroBatch(batch.pin() if self._on_card else batch, [row.reference for row in rows])

    def _update(self, number: int, division: int) -> list[MicroBatch]:
        parts = []
        for batch_number in range(number * self.config.accumulation, (number + 1) * self.config.accumulation):
            rows = self.rows(batch_number)
            parts += self._parts(rows, -(-len(rows) // division))
        return parts

    def _parts(self, rows: Sequence[Item], size: int) -> list[MicroBatch]:
        return [self.part(rows[start : start + size]) for start in range(0, len(rows), size)]
