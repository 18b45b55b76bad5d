"""The engine contract, as it is called: facts, features, training sessions and voices. Light: no model library."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from core.audio.samples import Samples
from core.engines.bases import BaseModels
from core.engines.options import SpeakingOptions, TrainConfig
from core.jobs.reporter import Reporter

ADAPTER = "adapter.json"
STATE = "state.pt"  # of a checkpoint's files, what a training goes on from

OnClip: TypeAlias = Callable[[int, int, str], object]  # how many clips of how many are seen, and the next one's id
ShouldStop: TypeAlias = Callable[[], bool]
Snapshot: TypeAlias = dict[str, Any]  # a state dict, as torch has them


def never() -> bool:
    """For `ShouldStop`, where nobody can."""
    return False


def ignore(*_: object) -> None:
    """For callbacks, where nobody listens."""


@dataclass(frozen=True)
class EngineInfo:
    """Facts about an engine.

    ``sample_rate`` is of what it speaks, ``clip_rate`` of the clips it learns from, both in Hz. ``clip_seconds`` are
    the shortest and the longest clip it can learn from, ``cut_seconds`` what recordings are best cut into.
    ``reference_clips`` is how many clips it is best shown of a speaker, ``reference_seconds`` their length: the least,
    the best, the most.
    ``loss_unit`` is what its losses are the mean over, such as ``code``.
    ``requires`` are packages by the names they are imported by. ``license_note`` says in one English sentence what may
    be done with the model, ``export_package`` which program loads an exported voice.
    ``light`` and ``heavy`` are where its `LightEngine` and its `Engine` are, as ``module:name``.
    """

    name: str
    label: str
    languages: tuple[str, ...]
    sample_rate: int
    clip_rate: int
    clip_seconds: tuple[float, float]
    cut_seconds: tuple[float, float]
    reference_clips: int
    reference_seconds: tuple[float, float, float]
    loss_unit: str
    requires: tuple[str, ...]
    license_note: str
    export_package: str
    light: str
    heavy: str


@dataclass(frozen=True)
class TextProblem:
    """Why a text cannot be learnt from, with the values that fill its sentence (`core.dataset.checks`)."""

    kind: Literal["no_words", "unknown_characters", "too_many_tokens"]
    values: dict[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True)
class Reading:
    """How a text will be read, whether that differs by more than capitals and signs that make no sound from what is
    written, and the characters that have no sound, named.

    ``tokens`` is how many the model makes of it, ``limit`` how many it can learn from; 0 where an engine counts none.
    ``unknown_characters`` are those without a sound as they stand in ``text``.
    """

    text: str
    differs: bool
    unknown: str
    tokens: int = 0
    limit: int = 0
    unknown_characters: str = ""


TextCheck: TypeAlias = Callable[[str], TextProblem | None]


@dataclass(frozen=True)
class MissingLetter:
    """A character of a dataset's texts that a base has no token for, and in how many texts it stands.

    It is ``read_as`` another, or ``is_learnt`` in the run; else its clips are left out.
    """

    character: str
    texts: int
    read_as: str = ""
    is_learnt: bool = False


MissingLetters: TypeAlias = Callable[[Path, Sequence[str]], Sequence[MissingLetter]]


class TextFrontend(Protocol):
    """How an engine turns texts into what its model reads, by the vocabulary of a base. Light and quick.

    A base whose folder is not there yet is taken to have the vocabulary of the engine's usual one.
    """

    def read(self, base: Path, text: str, language: str) -> Reading:
        """What the model will read of a text; a language that it doesn't speak is read as it is written."""
        ...

    def check(self, base: Path, language: str) -> TextCheck:
        """Judges texts as the training on this base will; in a language that it doesn't speak, nothing is wrong."""
        ...


VoiceFiles: TypeAlias = Callable[[Sequence[str]], dict[str, str]]
"""Of the names of files, with ``/`` between folders, those that make up a voice, by the names `Engine.import_voice`
knows them by; empty where they are none.

Raises:
    UserError: ``voice.missing_file``.
"""


@dataclass(frozen=True)
class LightEngine:
    """What a page may ask of an engine: its import brings no model library.

    ``presets`` is a folder with a YAML file for each size of card, and ``sentences.yaml`` (`core.training.presets`).
    ``voice_files`` knows its voices by their files, where it can bring any in.
    ``missing_letters`` names what of a dataset's texts a base lacks, and what becomes of it; None where
    every text is read in some way. ``has_self_test`` says whether `Engine.self_test` is there. ``speaking`` has the
    settings of `Voice.speak` with their ranges; what is no field of it is none.
    """

    bases: BaseModels
    texts: TextFrontend
    options: type[TrainConfig]
    presets: Path
    voice_files: VoiceFiles | None = None
    missing_letters: MissingLetters | None = None
    has_self_test: bool = False
    speaking: type[SpeakingOptions] = SpeakingOptions


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


@dataclass(frozen=True)
class ReferenceClip:
    """A recording of a speaker, and what is said in it; empty if nobody knows."""

    path: Path
    text: str = ""


@dataclass(frozen=True)
class SpokenWay:
    """A sentence spoken by one way of `Engine.self_test`; ``samples`` are None where it could not be gone, ``problem``.

    ``equals`` names the way that must sound the same, ``is_equal`` whether it does.
    """

    key: Literal["recording", "vocoder", "base", "checkpoint", "export"]
    text: str
    samples: Samples | None
    rate: int
    equals: str = ""
    is_equal: bool = True
    problem: str = ""


Config = TypeVar("Config", bound=TrainConfig)
FeaturesT = TypeVar("FeaturesT", bound=Features)
Reference = TypeVar("Reference")
"""What a voice knows of a speaker, heard once."""


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

    def sentences(self, text: str, language: str) -> list[str]:
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


class Engine(ABC, Generic[Config, FeaturesT, Reference]):
    """One kind of model; ``device`` is ``auto``, ``cuda`` or ``cpu`` throughout."""

    info: EngineInfo
    bases: BaseModels

    def base_folder(self, models: Path, base_id: str) -> Path:
        """The folder of a base that is there in full; one that is not downloaded is made if it is not there yet.

        Raises:
            UserError: as of `BaseModels.folder`.
        """
        if self.bases.is_made(base_id):
            self.make_base(base_id, self.bases.place(models, base_id))
        return self.bases.folder(models, base_id)

    @abstractmethod
    def make_base(self, base_id: str, folder: Path) -> None:
        """Make a base that is not downloaded (`Base.is_made`) in ``folder``; one that is there is left alone."""

    @abstractmethod
    def check(self, dataset: Path, base: Path, on_clip: OnClip = ignore) -> DatasetReport:
        """Check a frozen dataset against the real tokenizer and limits."""

    @abstractmethod
    def prepare(self, dataset: Path, base: Path, cache: Path, reporter: Reporter, *, device: str = "auto") -> FeaturesT:
        """Compute training features of what `check` lets pass, once; cached under ``cache`` by content, resumable.

        Raises:
            UserError: ``train.too_few_clips``.
            Cancelled: Stop was pressed.
        """

    @abstractmethod
    def start(
        self, config: Config, features: FeaturesT, base: Path, resume_from: Path | None, *, device: str = "auto"
    ) -> TrainSession[Reference]:
        """Begin, or go on from a checkpoint folder that holds a `STATE`.

        Raises:
            UserError: ``train.state_broken``; ``adapter.foreign`` if it was made on another base.
        """

    def fits(
        self,
        config: Config,
        features: FeaturesT,
        base: Path,
        *,
        device: str = "auto",
        should_stop: ShouldStop = never,
    ) -> Fits | None:
        """The largest batch that fits, found by trying; None where the engine does not try.

        Raises:
            Cancelled: ``should_stop`` said so between two tries.
            UserError: ``train.nothing_fits``.
        """
        return None

    @abstractmethod
    def load_voice(self, base: Path, checkpoint: Path | None, *, device: str = "auto") -> Voice[Reference]:
        """A voice from a base folder (or an export) and a checkpoint folder; None speaks with the base alone."""

    def self_test(
        self,
        base: Path,
        checkpoint: Path | None,
        reference: ReferenceClip,
        text: str,
        language: str,
        seed: int,
        *,
        scratch: Path,
        device: str = "auto",
        should_stop: ShouldStop = never,
    ) -> Iterable[SpokenWay]:
        """One sentence by every way from the recording to the export, each as soon as it is there.

        Only where `LightEngine.has_self_test` says so. ``scratch`` is a folder with room for an export.

        Raises:
            Cancelled: ``should_stop`` said so.
            UserError: as of `load_voice`, `Voice.condition` and `Voice.speak`.
        """
        return ()

    @abstractmethod
    def export(
        self,
        base: Path,
        checkpoint: Path | None,
        folder: Path,
        *,
        name: str,
        references: Sequence[ReferenceClip],
        text: str,
        language: str,
        seed: int = 0,
        device: str = "auto",
        facts: Mapping[str, object] | None = None,
        on_stage: Callable[[str], object] = ignore,
        should_stop: ShouldStop = never,
    ) -> Mapping[str, object]:
        """Write a folder that ``info.export_package`` speaks with, and return its manifest.

        The folder appears when it is complete and has spoken ``text``.

        Args:
            base: folder of the base model; only read.
            checkpoint: None, or that of step 0, exports the base with the new speaker.
            folder: where to; must not exist.
            name: of the speaker.
            references: recordings of the speaker.
            text: what the sample says.
            language: of the sample.
            seed: of the sample.
            device: see above.
            facts: what else the manifest should say (project, run, step, licence …).
            on_stage: told each stage (``load_base``, ``merge``, ``verify``); may raise to stop.
            should_stop: asked while it speaks and before the folder appears.

        Raises:
            Cancelled: ``should_stop`` said so; nothing is left.
            DiskFull: there is no room.
        """

    def import_voice(
        self,
        files: Mapping[str, Path],
        folder: Path,
        *,
        name: str,
        text: str,
        language: str,
        device: str = "auto",
        facts: Mapping[str, object] | None = None,
        on_stage: Callable[[str], object] = ignore,
        should_stop: ShouldStop = never,
    ) -> Mapping[str, object]:
        """Write a voice that came from anywhere into ``folder``, as `export` would, and return its manifest.

        Nothing of the files is trusted. The folder appears when it is complete and has spoken; it has one speaker.

        Args:
            files: those that `LightEngine.voice_files` has named.
            folder: where to; must not exist.
            name: of the voice, where it does not say its own.
            text: what the sample says, where the voice speaks its language.
            language: of the text.
            device, facts, on_stage, should_stop: as of `export`.

        Raises:
            Cancelled: ``should_stop`` said so; nothing is left.
            UserError: ``voice.broken``, ``voice.no_speaker``, or what `Voice.speak` raises.
            DiskFull: there is no room.
        """
        raise NotImplementedError

    def speaker(self, folder: Path) -> Reference:
        """What the one speaker of an imported voice's folder is known by."""
        raise NotImplementedError
