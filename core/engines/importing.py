"""Frame of a voice that is brought in, the same for every engine: what it calls itself, its manifest, its faults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import core
from core.engines.exporting import write_manifest
from core.engines.registry import info
from core.errors import UserError
from core.files import read_json
from core.reasons import reason_of

FAULTS = (AttributeError, IndexError, KeyError, OSError, RuntimeError, TypeError, ValueError, UserError)
_MOST_BYTES = 1 << 20


def own_name(files: Mapping[str, Path]) -> str:
    """What the voice calls itself, and its speaker; empty if it does not say."""
    try:
        return " ".join(str(read_json(files["manifest.json"], _MOST_BYTES)["name"]).split())[:80]
    except (*FAULTS, RecursionError):
        return ""


def describe(
    folder: Path,
    *,
    name: str,
    engine: str,
    rate: int,
    text: str,
    language: str,
    trained: bool,
    languages: list[str],
    license: str,
    facts: Mapping[str, object],
) -> dict[str, Any]:
    """Write ``manifest.json``, the last of the files; returns it."""
    return write_manifest(
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
