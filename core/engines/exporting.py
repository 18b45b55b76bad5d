"""Frame of an export, the same for every engine: its room, a folder that appears proved, its manifest, its faults."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import core
from core.engines.callbacks import ShouldStop
from core.errors import Cancelled, DiskFull, UserError
from core.files import filling, sha256_file, write_json
from core.reasons import reason_of

_BESIDE_BYTES = 100_000_000


@contextlib.contextmanager
def exporting(folder: Path, weights: Path, should_stop: ShouldStop) -> Iterator[Path]:
    """A hidden folder to write a voice of a base with these ``weights`` into; it becomes ``folder`` at the end.

    The block has to prove what it wrote: after it the export is there.

    Raises:
        DiskFull: ``export.no_room``. Cancelled: ``should_stop`` said so. Nothing is left then, nor on other errors.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _check_room(weights, folder.parent)
    with filling(folder) as draft:
        yield draft
        check_stop(should_stop)


def check_stop(should_stop: ShouldStop) -> None:
    """Raise `Cancelled` if ``should_stop`` says so."""
    if should_stop():
        raise Cancelled


def write_manifest(
    folder: Path,
    *,
    name: str,
    engine: str,
    rate: int,
    sample: Mapping[str, object],
    trained: bool,
    facts: Mapping[str, object],
    **details: object,
) -> dict[str, Any]:
    """Write ``manifest.json``, the last of a voice's files, be it exported or brought in; returns it."""
    manifest = {
        **facts,
        "name": name,
        "engine": engine,
        "exported_at": time.time(),
        "sample_rate": rate,
        "sample": dict(sample),
        "trained": trained,
        **details,
    }
    write_json(folder / "manifest.json", manifest)
    return manifest


def describe(folder: Path, *, packages: Sequence[str], **details: Any) -> dict[str, Any]:
    """`write_manifest` of an export, which names its packages' versions and all other files with their hashes."""
    versions = {
        "voicewright": core.__version__,
        "python": sys.version.split()[0],
        **{package: version(package) for package in packages},
    }
    files = {path.name: sha256_file(path) for path in sorted(folder.iterdir())}
    return write_manifest(folder, **details, versions=versions, files=files)


def unloadable(error: Exception) -> UserError:
    """What the engine's own package could not load."""
    return UserError(
        "export.unloadable",
        "The exported voice could not be loaded ({what}); nothing was kept.",
        "Export again; if it fails again, choose another checkpoint.",
        what=reason_of(error),
    )


def differs(difference: float) -> UserError:
    """What the engine's own package says otherwise than our voice; ``difference`` is as the engine measures it."""
    return UserError(
        "export.differs",
        "The exported voice does not sound like the checkpoint (difference {difference}); nothing was kept.",
        "Export again; if it fails again, choose another checkpoint.",
        difference=difference,
    )


def _check_room(weights: Path, parent: Path) -> None:
    size = 2 * weights.stat().st_size + _BESIDE_BYTES  # while it is proved the base is read once more
    free = shutil.disk_usage(parent).free
    if free < size:
        raise DiskFull(
            "export.no_room",
            "The export needs {needed_mb} MB, but only {free_mb} MB are free.",
            "Free some space, then export again.",
            needed_mb=size // 1_000_000,
            free_mb=free // 1_000_000,
        )
