"""Training contract: what is trained on, a session of updates, and the batch that fits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeAlias

from core.engines.callbacks import ShouldStop, never
from core.engines.voice import Reference, Voice

STATE = "state.pt"  # of a checkpoint's files, what a training goes on from
ADAPTER = "adapter.json"  # of them, what a LoRA adapter is made of
Snapshot: TypeAlias = dict[str, Any]  # a state dict, as torch has them


@dataclass(frozen=True)
class Exclusion:
    """A clip that will not be trained on: ``code`` and filled-in ``text``, with ``values`` for other languages."""

    clip_id: str
    code: str
    text: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DatasetReport:
    """What will be trained on, what not and why."""

    used: tuple[str, ...]
    dropped: tuple[Exclusion, ...]
    seconds: float


@dataclass(frozen=True)
class Fits:
    """The batch that fits: ``micro_batch`` clips at once, ``accumulation`` times an update.

    ``memory_mb`` is the most that was used, ``step_s`` what an update of average clips should take.
    """

    micro_batch: int
    accumulation: int
    checkpointing: bool
    memory_mb: float
    step_s: float

    def hours(self, updates: int) -> float:
        """How long so many updates should take, in hours."""
        return updates * self.step_s / 3600


BATCH_TRIALS_S = 60.0
"""How long batches are tried."""


@dataclass(frozen=True)
class BatchTrial:
    """A batch that was tried on the longest clips, making the same update: what it fits into, and how quick it is.

    ``precision`` is a value of that setting. ``clips_per_s`` is of average clips, 0 where it did not fit.
    """

    precision: str
    checkpointing: bool
    micro_batch: int
    accumulation: int
    clips_per_s: float = 0.0
    memory_mb: float = 0.0

    @property
    def fits(self) -> bool:
        """Whether there is memory for it."""
        return self.clips_per_s > 0


class TrainingClip(Protocol):
    """A clip that is trained on: its id in the dataset, what is said in it, and how long it is."""

    @property
    def id(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def seconds(self) -> float: ...


class Features(Protocol):
    """A dataset as an engine trains on it: clips learnt from, clips kept back, the engine's code of their language."""

    @property
    def train(self) -> Sequence[TrainingClip]: ...
    @property
    def val(self) -> Sequence[TrainingClip]: ...
    @property
    def language(self) -> str: ...


class TrainSession(ABC, Generic[Reference]):
    """A model being trained. The loop in ``core/training/loop.py`` drives it."""

    step_number: int
    """How many updates it has had."""

    @property
    def values_step(self) -> int:
        """The update that the values which `step` returned last belong to: an earlier one, where it does not wait."""
        return self.step_number

    def last_values(self) -> dict[str, float] | None:
        """Wait for the newest update's values; None if `step` has returned them."""
        return None

    @property
    def snapshot_bytes(self) -> int:
        """What a `snapshot` takes of the computer's memory; 0 where that is nothing to speak of."""
        return 0

    @abstractmethod
    def step(self, should_stop: ShouldStop = never) -> dict[str, float]:
        """One optimizer update; returns at least ``loss`` (the mean over `EngineInfo.loss_unit`) and ``lr``.

        Where the loss or its gradient is no number nothing is learnt, and ``skipped`` is 1.

        Raises:
            Cancelled: ``should_stop`` said so on the way.
            RuntimeError, MemoryError: the library's own, among others where memory ran out.
            After all of them it is as if the update had never begun.
        """

    @abstractmethod
    def evaluate(self, should_stop: ShouldStop = never) -> dict[str, float]:
        """Validation loss with fixed references: ``val_loss``, or nothing where no clip is kept back.

        Raises:
            Cancelled: ``should_stop`` said so on the way.
        """

    @abstractmethod
    def halve_batch(self) -> bool:
        """After running out of memory: compute half as much at once and twice as often, the same update otherwise.

        False: it is already as small as it gets.
        """

    def save_memory(self) -> bool:
        """After running out of memory with one clip at once: keep less and compute it twice. False: no less can be."""
        return False

    @abstractmethod
    def snapshot(self) -> Snapshot:
        """A copy in memory of what is learnt and where the training stands."""

    @abstractmethod
    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a `snapshot` of this session; a lowered rate stays lowered."""

    @abstractmethod
    def lower_rate(self, factor: float) -> None:
        """Multiply the learning rate of the updates to come."""

    @abstractmethod
    def set_max_steps(self, steps: int) -> None:
        """Train to another length."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write what is learnt as ``*.safetensors`` and `ADAPTER`, and apart from them `STATE` to resume from."""

    @abstractmethod
    def voice(self) -> Voice[Reference]:
        """A voice over the live weights; nothing is copied or reloaded."""
