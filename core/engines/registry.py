"""Engine registry: facts by name. Light: an engine's own modules are imported only when they are asked for.

A package may bring another one along: an entry point of the group ``voicewright.engines`` that is its `EngineInfo`.
"""

from __future__ import annotations

import functools
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any

from core.engines.base import Engine
from core.engines.bases import BaseModels
from core.engines.light import EngineInfo, LightEngine, TextFrontend
from core.engines.options import SpeakingOptions, TrainConfig
from core.engines.session import Features
from core.errors import UserError
from core.jobs import fork_server
from core.jobs.job import worker_environment
from core.system.process import import_heavy

DEFAULT = "xtts"  # of a project for which none is named, and of runs from before theirs was written down
_GROUP = "voicewright.engines"
_OWN_LANGUAGES = (
    "en",
    "es",
    "fr",
    "de",
    "it",
    "pt",
    "pl",
    "tr",
    "ru",
    "nl",
    "cs",
    "ar",
    "zh-cn",
    "hu",
    "ko",
    "ja",
    "hi",
)
_OWN = (
    EngineInfo(
        name="xtts",
        label="XTTS-v2",
        languages=_OWN_LANGUAGES,
        sample_rate=24_000,
        clip_rate=22_050,
        clip_seconds=(0.5, 11.6),
        cut_seconds=(3.0, 11.0),
        reference_clips=3,
        reference_seconds=(4.0, 8.0, 10.0),  # long enough to know a voice by, short enough to be one breath
        loss_unit="code",
        requires=("torch", "TTS", "peft"),
        license_note="Coqui Public Model License: for non-commercial use only, and so is what it speaks.",
        export_package="coqui-tts",
        light="core.engines.xtts.light:LIGHT",
        heavy="core.engines.xtts.engine:ENGINE",
    ),
    EngineInfo(
        name="f5",
        label="F5-TTS",
        # What a base of it speaks is the base's affair: of a text's language only its numbers and signs are made.
        languages=_OWN_LANGUAGES,
        sample_rate=24_000,
        clip_rate=24_000,
        clip_seconds=(0.3, 30.0),
        cut_seconds=(2.0, 12.0),
        reference_clips=1,
        reference_seconds=(3.0, 6.0, 10.0),  # spoken text and reference together have to stay under about 22 s
        loss_unit="frame",
        requires=("torch", "f5_tts", "vocos", "x_transformers", "torchdiffeq", "rjieba", "peft"),
        license_note="The published models are under CC BY-NC 4.0: not for commercial use. Other bases have their own.",
        export_package="f5-tts",
        light="core.engines.f5.light:LIGHT",
        heavy="core.engines.f5.engine:ENGINE",
    ),
)


@functools.cache
def _engines() -> dict[str, EngineInfo]:
    plugins: list[EngineInfo] = [point.load() for point in entry_points(group=_GROUP)]
    return {engine.name: engine for engine in (*_OWN, *plugins)}


def engines() -> list[EngineInfo]:
    """Facts about every engine."""
    return list(_engines().values())


def languages() -> list[str]:
    """The languages that any engine speaks, by the engines' own codes."""
    return list(dict.fromkeys(code for engine in engines() for code in engine.languages))


def info(name: str) -> EngineInfo:
    """Facts about one engine.

    Raises:
        UserError: ``engine.unknown``.
    """
    try:
        return _engines()[name]
    except KeyError:
        names = ", ".join(_engines())
        raise UserError(
            "engine.unknown", "There is no engine “{name}”.", "Choose one of: {known}.", name=name, known=names
        ) from None


def missing_packages(name: str) -> list[str]:
    """Packages of an engine that are not installed; probed without importing them."""
    return [package for package in info(name).requires if find_spec(package) is None]


def light(name: str) -> LightEngine:
    """What a page may ask of an engine.

    Raises:
        UserError: ``engine.unknown``.
    """
    engine: LightEngine = _load(info(name).light)
    return engine


def bases(name: str) -> BaseModels:
    """The base models of an engine."""
    return light(name).bases


def texts(name: str) -> TextFrontend:
    """How an engine reads texts."""
    return light(name).texts


def train_config(name: str) -> type[TrainConfig]:
    """The model of an engine's training settings."""
    return light(name).options


def speaking_options(name: str) -> type[SpeakingOptions]:
    """The model of what an engine's voices may be asked when they speak."""
    return light(name).speaking


def get_engine(name: str) -> Engine[TrainConfig, Features, object]:
    """The engine itself. Heavy: imports its model library.

    What it makes (features, what a voice knows of a speaker) is for itself alone, so nobody else needs its type.

    Raises:
        UserError: ``engine.unknown``, ``engine.not_installed``.
    """
    if absent := missing_packages(name):
        raise UserError(
            "engine.not_installed",
            "The engine “{name}” needs packages that are not installed: {packages}.",
            "Run ./launch.sh once more.",
            name=name,
            packages=", ".join(absent),
        )
    engine: Engine[TrainConfig, Features, object] = _load(info(name).heavy)
    return engine


def preload(name: str) -> fork_server.ForkServer:
    """Have the engine's libraries imported ahead of the jobs that will need them; returns at once."""
    return fork_server.warm([info(name).heavy.partition(":")[0]], worker_environment())


def language_code(language: str, name: str) -> str:
    """The engine's own code for a language: ``pt-BR`` is ``pt`` to many, ``zh`` is ``zh-cn`` to some.

    Raises:
        UserError: ``engine.language``.
    """
    codes = info(name).languages
    tag = language.strip().lower().replace("_", "-")
    short = tag.split("-")[0]
    for code in codes:
        if code == tag or code.split("-")[0] == short:
            return code
    raise UserError(
        "engine.language",
        "{engine} does not speak “{language}”.",
        "Choose one of: {known}.",
        engine=info(name).label,
        language=language,
        known=", ".join(codes),
    )


def _load(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_heavy(module), name)
