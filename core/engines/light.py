"""Light half of the engine contract: facts, how texts are read, and all a page may ask without a model library."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from core.engines.bases import BaseModels
from core.engines.options import SpeakingOptions, TrainConfig
from core.errors import UserError


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


MissingLetters: TypeAlias = Callable[[Path, Sequence[str], str], Sequence[MissingLetter]]


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


def missing_file(name: str) -> UserError:
    """What is told of files that lack one of a voice's."""
    return UserError(
        "voice.missing_file",
        "The voice lacks its file {name}.",
        "It has to lie beside the others. Take the whole folder of the voice, or a zip of it.",
        name=name,
    )


@dataclass(frozen=True)
class LightEngine:
    """What a page may ask of an engine: its import brings no model library.

    ``presets`` is a folder with a YAML file for each size of card, and ``sentences.yaml`` (`core.training.presets`).
    ``voice_files`` knows its voices by their files, where it can bring any in.
    ``missing_letters`` names what of a dataset's texts (in a language) a base lacks, and what becomes of it; None where
    every text is read in some way. ``has_self_test`` says whether `Engine.self_test` is there. ``speaking`` has the
    settings of `Voice.speak` with their ranges; what is no field of it is none. ``line_characters`` says by
    language how long a text is best said in one go, "" of every other language.
    """

    bases: BaseModels
    texts: TextFrontend
    options: type[TrainConfig]
    presets: Path
    voice_files: VoiceFiles | None = None
    missing_letters: MissingLetters | None = None
    has_self_test: bool = False
    speaking: type[SpeakingOptions] = SpeakingOptions
    line_characters: Mapping[str, int] = field(default_factory=lambda: {"": 200})
