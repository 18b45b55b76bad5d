"""Frame of a voice that is brought in, the same for every engine: what it calls itself, its sample, its faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import core
from core.audio.synthetic import write_speech
from core.engines.callbacks import ShouldStop
from core.engines.exporting import check_stop, write_manifest
from core.engines.registry import info
from core.engines.voice import Reference, Voice
from core.errors import UserError
from core.files import read_json
from core.reasons import reason_of

FAULTS = (AttributeError, IndexError, KeyError, OSError, RuntimeError, TypeError, ValueError, UserError)
_MOST_BYTES = 1 << 20
V = TypeVar("V")


def own_name(files: Mapping[str, Path]) -> str:
    """What the voice calls itself, and its speaker; empty if it does not say."""
    try:
        return " ".join(str(read_json(files["manifest.json"], _MOST_BYTES)["name"]).split())[:80]
    except (*FAULTS, RecursionError):
        return ""


def load_checked(load: Callable[[], V], engine: str, weights: str, unnamed: str) -> V:
    """The voice that ``load`` makes of files that were looked at.

    Args:
        load: loads it.
        engine: of the voice.
        weights: name of the file with its weights.
        unnamed: name of the file that is at fault where the loader names none.

    Raises:
        UserError: ``voice.broken``.
    """
    try:
        return load()
    except UserError as error:
        if not error.code.startswith("base."):
            raise
        raise broken(str(error.values.get("name", unnamed)), error, engine) from error
    except FAULTS as error:
        raise broken(weights, error, engine) from error


def prove(
    folder: Path,
    voice: Voice[Reference],
    speaker: Reference,
    *,
    name: str,
    engine: str,
    text: str,
    language: str,
    trained: bool,
    languages: list[str],
    license: str,
    facts: Mapping[str, object],
    should_stop: ShouldStop,
) -> dict[str, Any]:
    """Let a voice speak its sample, then write ``manifest.json``, the last of the files; returns it.

    Raises:
        Cancelled: ``should_stop`` said so.
        UserError: what `Voice.speak` raises.
    """
    samples, rate = voice.speak(text, language, speaker, 0, should_stop=should_stop)
    write_speech(folder / "sample.wav", samples, rate)
    manifest = write_manifest(
        folder,
        name=name,
        engine=engine,
        rate=rate,
        sample={"text": text, "language": language, "seed": 0},
        trained=trained,
        facts=facts,
        languages=languages,
        license=license,
        versions={"voicewright": core.__version__},
    )
    check_stop(should_stop)
    return manifest


def too_large() -> UserError:
    """Why a file is `broken`."""
    return UserError("reason.too_large", "it is larger than any such file")


def broken(name: str, error: Exception, engine: str) -> UserError:
    """A file of a voice is not what it should be; where ``error`` says so of a base, its reason is told."""
    reason = error.values.get("what", error) if isinstance(error, UserError) else error
    return UserError(
        "voice.broken",
        "{name} is not what a voice of {engine} has ({what}); nothing was kept.",
        "Export or download the voice once more. If it is made for another program, it cannot be used here.",
        name=name,
        engine=info(engine).label,
        what=reason_of(reason) if isinstance(reason, Exception) else reason,
    )
