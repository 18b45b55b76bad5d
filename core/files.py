"""Writing files so that a visible file is always complete, and naming them safely."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from core.errors import DiskFull

HIDDEN = ".tmp-"  # begins the name of a file or folder that is not whole yet
_FULL = (errno.ENOSPC, errno.EDQUOT)
_TRIAL_BYTES = 1 << 16
_FULL_WORDS = (*map(os.strerror, _FULL), "database or disk is full")


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; on success fsync it and rename it to ``path``.

    On an exception the temporary file is removed and ``path`` keeps its old content.
    The temporary name keeps the suffix, because some encoders choose the format by it. The file is its owner's alone.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=HIDDEN, suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _fsync_folder(path.parent)


def write_atomic(path: Path, data: bytes | memoryview | str) -> None:
    """Write ``data`` so that a reader sees either the old file or the whole new one."""
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(data.encode() if isinstance(data, str) else data)
    except OSError as error:
        # A failed write names no file, and the temporary one's name says nothing to a person.
        error.filename = str(path)
        raise


def write_private(path: Path, text: str) -> None:
    """Write ``text`` atomically into a folder that the account alone may enter; at no moment readable by others."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    # mkstemp makes files of mode 600.
    handle, name = tempfile.mkstemp(prefix=".tmp-", suffix=path.suffix, dir=path.parent)
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _fsync_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as readable JSON, atomically."""
    write_atomic(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def append_line(path: Path, line: str) -> None:
    """Append one line with a single ``O_APPEND`` write, so that lines of several writers never mix."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        data = line.rstrip("\n").encode() + b"\n"
        if os.write(handle, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    finally:
        os.close(handle)


def _fsync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_full(error: BaseException) -> bool:
    """Whether a disk without room, or a quota that is used up, is behind ``error``.

    Libraries that write through their own code say it in words of theirs (safetensors, SQLite), or have it only as
    what happened before (``torch.save``: "unexpected pos 704 vs 598").
    """
    one: BaseException | None = error
    while one is not None:
        if isinstance(one, OSError):
            if one.errno in _FULL:
                return True
        elif any(words in str(one) for words in _FULL_WORDS):
            return True
        one = one.__cause__ or one.__context__
    return False


def disk_full() -> DiskFull:
    """The one error of a disk without room."""
    return DiskFull(
        "disk.full",
        "The disk is full, so what was to be saved could not be.",
        "Free some space, then try again; a job that ended can be resumed.",
    )


def takes_nothing_more(folder: Path) -> bool:
    """Whether a folder's disk, or this account's share of it, has not even room for a few kilobytes; tried out."""
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            return file.write(os.urandom(_TRIAL_BYTES)) < _TRIAL_BYTES
    except OSError as error:
        return is_full(error)


def sha256_file(path: Path, on_block: Callable[[], object] | None = None) -> str:
    """Hex SHA-256 of a file, read in blocks; ``on_block`` is called after each, and may raise to break off."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
            if on_block:
                on_block()
    return digest.hexdigest()


def slug(name: str, fallback: str = "item") -> str:
    """A short ASCII folder name made from what a person typed; never empty, never a path."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:48].strip("-") or fallback


def free_name(folder: Path, wanted: str) -> str:
    """``wanted``, or ``wanted-2``, ``wanted-3`` … if that name is taken in ``folder``."""
    name, number = wanted, 2
    while (folder / name).exists():
        name, number = f"{wanted}-{number}", number + 1
    return name


def rename_to_free(path: Path, wanted: str) -> Path:
    """Give a folder that is whole a name beside it, or the next free one; two who wish the same at once get two."""
    while True:
        target = path.parent / free_name(path.parent, wanted)
        try:
            return path.rename(target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise


def inside(folder: Path, relative: str) -> Path:
    """``folder/relative`` resolved; raises ValueError if that leaves ``folder`` (``..``, absolute, symlink)."""
    base = folder.resolve()
    target = (base / relative).resolve()
    if not target.is_relative_to(base):
        raise ValueError(f"{relative!r} is outside {folder}")
    return target
