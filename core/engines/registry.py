"""The engines there are, by name. Light: an engine's own folder is imported only when it is asked for."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any, cast

from core.engines.base import Engine, EngineInfo, Features
from core.engines.options import TrainConfig
from core.errors import UserError
from core.jobs import fork_server
from core.jobs.job import worker_environment

FIRST = "xtts"  # the engine of all that was written before its engine was written beside it
XTTS_LANGUAGES = (
    *("en", "es", "fr", "de", "it", "pt", "pl", "tr", "ru", "nl", "cs", "ar", "zh-cn", "hu", "ko", "ja", "hi"),
)

_ENGINES = {
    "xtts": EngineInfo(
        name="xtts",
        label="XTTS-v2",
        languages=XTTS_LANGUAGES,
        sample_rate=24_000,
        clip_seconds=(0.5, 11.6),
        max_text_tokens=200,
        loss_unit="code",
        requires=("torch", "TTS", "peft"),
        license_note="Coqui Public Model License: for non-commercial use only, and so is what it speaks.",
    )
}


def engines() -> list[EngineInfo]:
    """Facts about every engine."""
    return list(_ENGINES.values())


def info(name: str = "xtts") -> EngineInfo:
    """Facts about one engine.

    Raises:
        UserError: ``engine.unknown``.
    """
    try:
        return _ENGINES[name]
    except KeyError:
        known = ", ".join(_ENGINES)
        raise UserError(
            "engine.unknown", "There is no engine “{name}”.", "Choose one of: {known}.", name=name, known=known
        ) from None


def missing(name: str = "xtts") -> list[str]:
    """Packages of an engine that are not installed; probed without importing them."""
    return [package for package in info(name).requires if find_spec(package) is None]


def bases(name: str = "xtts") -> Any:
    """The engine's module on base models (`core.engines.xtts.base_files`); light, so a page may ask it."""
    return importlib.import_module(f"core.engines.{info(name).name}.base_files")


def texts(name: str = "xtts") -> Any:
    """The engine's module on how it reads texts (`core.engines.xtts.reading`); light, so a page may ask it."""
    return importlib.import_module(f"core.engines.{info(name).name}.reading")


def train_config(name: str) -> type[TrainConfig]:
    """The model of an engine's training settings; light, so that a page makes its form of it."""
    return cast("type[TrainConfig]", importlib.import_module(f"core.engines.{info(name).name}.options").OPTIONS)


def get_engine(name: str = "xtts") -> Engine[TrainConfig, Features, object]:
    """The engine itself. Heavy: imports its model library.

    What it makes (features, what a voice knows of a speaker) is for itself alone, so nobody else needs its type.

    Raises:
        UserError: ``engine.unknown``, ``engine.not_installed``.
    """
    if absent := missing(name):
        raise UserError(
            "engine.not_installed",
            "The engine “{name}” needs packages that are not installed: {packages}.",
            "Run ./launch.sh once more.",
            name=name,
            packages=", ".join(absent),
        )
    return cast("Engine[TrainConfig, Features, object]", importlib.import_module(f"core.engines.{name}.engine").ENGINE)


def preload(name: str = "xtts") -> fork_server.ForkServer:
    """Have the engine's libraries imported ahead of the jobs that will need them; returns at once."""
    return fork_server.warm([f"core.engines.{info(name).name}.engine"], worker_environment())


def language_code(language: str, name: str = "xtts") -> str:
    """The engine's own code for a language: ``pt-BR`` is ``pt`` to XTTS, ``zh`` is ``zh-cn``.

    Raises:
        UserError: ``engine.language``.
    """
    known = info(name).languages
    wanted = language.strip().lower().replace("_", "-")
    short = wanted.split("-")[0]
    for code in known:
        if code == wanted or code.split("-")[0] == short:
            return code
    raise UserError(
        "engine.language",
        "{engine} does not speak “{language}”.",
        "Choose one of: {known}.",
        engine=info(name).label,
        language=language,
        known=", ".join(known),
    )
