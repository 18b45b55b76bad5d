"""What every engine promises. Light: imports no model library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from core.jobs.reporter import Reporter

Samples = npt.NDArray[np.float32]
OnClip = Callable[[int, int, str], None]  # how many clips of how many are seen, and the next one's id


@dataclass(frozen=True)
class EngineInfo:
    """Facts about an engine. ``clip_seconds`` is (shortest, longest); ``sample_rate`` is of what it speaks, in Hz."""

    name: str
    label: str
    languages: tuple[str, ...]
    sample_rate: int
    clip_seconds: tuple[float, float]
    max_text_tokens: int
    requires: tuple[str, ...]
    license_note: str


@dataclass(frozen=True)
class Dropped:
    """A clip that will not be trained on: ``code`` and filled-in ``text``, with ``values`` for other languages."""

    clip_id: str
    code: str
    text: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DatasetReport:
    """What will be trained on, what not and why."""

    used: tuple[str, ...]
    dropped: tuple[Dropped, ...]
    seconds: float


class Voice(Protocol):
    """A model that speaks. One that can say several texts at once has ``speak_many`` too (see `XttsVoice`)."""

    def speak(self, text: str, language: str, reference: Any, seed: int, **options: Any) -> tuple[Samples, int]:
        """Say ``text``; returns float32 mono samples, shape ``(samples,)`` in [-1, 1], and their rate in Hz.

        ``reference`` is a list of WAV paths of the speaker, or conditioning computed from them before.
        The option ``should_stop`` is asked many times a second; if it says yes, `Cancelled` is raised.
        """
        ...


class TrainSession(Protocol):
    """A model being trained. The loop in ``core/training/loop.py`` drives it."""

    step_number: int
    # Where `step` returns values of an earlier update, ``values_step`` says which, and ``last_values()`` waits for the
    # newest (None if they were returned already). Sessions that always wait have neither. ``snapshot_bytes``, if there,
    # is what a `snapshot` takes of the computer's memory.

    def step(self, should_stop: Callable[[], bool] = ...) -> dict[str, float]:
        """One optimizer update; returns at least ``loss_mel_ce`` (per code) and ``lr``.

        Raises `Cancelled` if ``should_stop`` says so on the way, and the library's own error when memory runs out;
        then it is as if the update had never begun.
        """
        ...

    def evaluate(self, should_stop: Callable[[], bool] = ...) -> dict[str, float]:
        """Validation loss with fixed references; returns ``val_loss_mel_ce``. Raises `Cancelled` as `step` does."""
        ...

    def halve_batch(self) -> bool:
        """After running out of memory: compute half as much at once and twice as often, the same update otherwise.

        `step` leaves the update as if it had never begun. False: it is already as small as it gets.
        """
        ...

    def save_memory(self) -> bool:
        """After running out of memory with one clip at once: keep less and compute it twice. False: it does already."""
        ...

    def snapshot(self) -> Any:
        """A copy in memory of what is learnt and where the training stands."""
        ...

    def restore(self, snapshot: Any) -> None:
        """Go back to a `snapshot`; a lowered rate stays lowered."""
        ...

    def lower_rate(self, factor: float) -> None:
        """Multiply the learning rate of the updates to come."""
        ...

    def set_max_steps(self, steps: int) -> None:
        """Train to another length."""
        ...

    def save(self, folder: Path) -> None:
        """Write the adapter and, apart from it, the state to resume from."""
        ...

    def voice(self) -> Voice:
        """A voice over the live weights; nothing is reloaded."""
        ...


class Engine(Protocol):
    """One kind of model."""

    info: EngineInfo

    def check(self, dataset: Path, base: Path, on_clip: OnClip = ...) -> DatasetReport:
        """Check a frozen dataset against the real tokenizer and limits."""
        ...

    def prepare(self, dataset: Path, base: Path, cache: Path, reporter: Reporter) -> Any:
        """Compute training features of what `check` lets pass, once; cached under ``cache`` by content, resumable."""
        ...

    def start(self, config: Any, features: Any, base: Path, resume_from: Path | None) -> TrainSession:
        """Begin or resume training."""
        ...

    def load_voice(self, base: Path, checkpoint: Path | None) -> Voice:
        """A voice from a base folder (or an export) and an adapter folder; None speaks with the base alone."""
        ...

    def export(self, base: Path, checkpoint: Path | None, folder: Path, **options: Any) -> None:
        """Write a folder that plain coqui-tts loads."""
        ...
