"""Voice contract: a model that speaks, what it is shown of a speaker, and the ways of a self test."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from core.audio.samples import Samples
from core.engines.callbacks import ShouldStop, ignore, never
from core.errors import UserError

Reference = TypeVar("Reference")
"""What a voice knows of a speaker, heard once."""


@dataclass(frozen=True)
class ReferenceClip:
    """A recording of a speaker, what is said in it, and in which language; empty if nobody knows."""

    path: Path
    text: str = ""
    language: str = ""


@dataclass(frozen=True)
class SpokenWay:
    """A sentence spoken by one way of `Engine.self_test`; ``samples`` are None where it could not be gone, ``problem``.

    ``equals`` names the way that must sound the same, ``is_equal`` whether it does.
    """

    key: Literal["recording", "vocoder", "base", "live", "checkpoint", "export"]
    text: str
    samples: Samples | None
    rate: int
    equals: str = ""
    is_equal: bool = True
    problem: UserError | None = None


class Voice(ABC, Generic[Reference]):
    """A model that speaks."""

    speaks_together: ClassVar[bool] = False
    """Whether several texts said at once take little longer than one."""

    @abstractmethod
    def condition(self, references: Sequence[ReferenceClip]) -> Reference:
        """Listen to a speaker once, for all that will be said.

        Raises:
            UserError: ``speak.no_reference``, ``speak.reference_unreadable``, ``speak.reference_short``.
        """

    @abstractmethod
    def speak(
        self,
        text: str,
        language: str,
        reference: Reference,
        seed: int,
        *,
        should_stop: ShouldStop = never,
        on_progress: Callable[[int, int], object] = ignore,
        **settings: float,
    ) -> tuple[Samples, int]:
        """Say ``text``; returns float32 mono samples, shape ``(samples,)`` in [-1, 1], and their rate in Hz.

        The same seed says the same and leaves the process's own random state as it was.

        Args:
            text: what to say, raw.
            language: one of the engine's languages, or a code with a region.
            reference: of the speaker, from `condition` of any voice of the engine.
            seed: of the random choices.
            should_stop: asked many times a second.
            on_progress: told how many parts of how many are said.
            settings: of the engine's own, by name.

        Raises:
            Cancelled: ``should_stop`` said so.
            UserError: the text cannot be said.
        """

    def sentences(self, text: str, language: str, reference: Reference, **settings: float) -> list[str]:
        """The parts of a text that are said one after the other, as `speak` tells its progress; args as of that."""
        return [text]

    def stream(
        self,
        text: str,
        language: str,
        reference: Reference,
        seed: int,
        *,
        should_stop: ShouldStop = never,
        on_progress: Callable[[int, int], object] = ignore,
        **settings: float,
    ) -> Iterator[tuple[Samples, int]]:
        """Say ``text`` piece by piece, as it comes: one after the other the samples of `speak` but for rounding.

        Args and errors: as of `speak`. An engine that cannot do so yields all of it at the end.
        """
        yield self.speak(text, language, reference, seed, should_stop=should_stop, on_progress=on_progress, **settings)

    def speak_many(
        self,
        texts: Sequence[str],
        language: str,
        reference: Reference,
        seeds: Sequence[int],
        *,
        should_stop: ShouldStop = never,
        **settings: float,
    ) -> list[tuple[Samples, int]]:
        """Say several texts, each as `speak` says it with its seed but for rounding; one that cannot be fails all."""
        return [
            self.speak(text, language, reference, seed, should_stop=should_stop, on_progress=ignore, **settings)
            for text, seed in zip(texts, seeds, strict=True)
        ]

    def speaker_embedding(self, samples: Samples, rate: int) -> npt.NDArray[np.float32] | None:
        """Whose voice it is to the model's own ears: a direction of length 1; None where the model has none.

        Args:
            samples: float32 mono, shape ``(samples,)``.
            rate: in Hz.
        """
        return None
