"""Atomic writes (a visible file is always complete) and safe file names."""

from __future__ import annotations

import codecs
import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
import unicodedata
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import TypeAdapter, ValidationError

from core.errors import DiskFull

TEMP_PREFIX = ".tmp-"  # begins the name of a file or folder that is not whole yet
MOST_BYTES = 64 << 20  # of a file that is read as a whole; the words of a day of speech take a third of it
_JSON: TypeAdapter[Any] = TypeAdapter(Any)
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
    handle, name = tempfile.mkstemp(prefix=TEMP_PREFIX, suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    fsync(path.parent)


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
    fsync(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as readable JSON, atomically."""
    write_atomic(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


class TooLarge(ValueError):
    """A file is larger than anything we would have written."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        super().__init__(f"larger than {most_bytes} bytes")


@contextlib.contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """A file opened for reading.

    Raises:
        IsADirectoryError: it is no file: a folder, a pipe, a device.
        OSError: it cannot be opened.
    """
    # Without O_NONBLOCK a pipe of that name would hold the reader for ever.
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    with open(handle, "rb") as file:
        yield file


def read_bounded(path: Path, most_bytes: int = MOST_BYTES) -> bytes:
    """A whole file of at most so many bytes.

    Raises:
        TooLarge: it is larger, or grows beyond that; also what `open_regular` raises.
    """
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > most_bytes:
            raise TooLarge(most_bytes)
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise TooLarge(most_bytes)
    return data


def read_text(path: Path, most_bytes: int = MOST_BYTES) -> str:
    """A text file of at most so many bytes in UTF-8, with or without a byte order mark; raises as `read_bounded`."""
    return read_bounded(path, most_bytes).decode("utf-8-sig")


def read_json(path: Path, most_bytes: int = MOST_BYTES) -> Any:
    """Read a JSON file.

    Raises:
        ValueError: it is no JSON, too deep, or too large; also what `read_bounded` raises.
    """
    return parse_json(read_bounded(path, most_bytes))


def parse_json(data: bytes) -> Any:
    """JSON in UTF-8 as Python values; half characters, which could not be written out again, are refused.

    Raises:
        ValueError: it is no JSON, or nested too deeply.
    """
    data.decode("utf-8")  # its own error, so that one can be told from the other
    try:
        return _JSON.validate_json(data.removeprefix(codecs.BOM_UTF8))
    except ValidationError as error:
        raise ValueError(error.errors(include_url=False, include_input=False)[0]["msg"]) from None


def append_line(path: Path, line: str) -> None:
    """Append one line with a single ``O_APPEND`` write, so that lines of several writers never mix."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        data = line.rstrip("\n").encode() + b"\n"
        if os.write(handle, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    finally:
        os.close(handle)


def fsync(path: Path) -> None:
    """Have a file, or the names in a folder, reach the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_full(error: BaseException) -> bool:
    """Whether a disk without room, or a quota that is used up, is behind ``error``.

    Libraries that write through their own code say it in words of theirs (safetensors, SQLite), or have it only as
    what happened before (``torch.save``: "unexpected pos 704 vs 598").
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError):
            if cause.errno in _FULL:
                return True
        elif any(words in str(cause) for words in _FULL_WORDS):
            return True
        cause = cause.__cause__ or cause.__context__
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


def link_or_copy(path: Path, target: Path) -> None:
    """A second name for a file that is only ever replaced as a whole; a copy on another disk, or one without links."""
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)


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


class Place:
    """A file or folder that lies at one place below whatever has a ``path``."""

    def __init__(self, *parts: str) -> None:
        self.parts = parts

    def __get__(self, owner: Any, _: type) -> Path:
        path: Path = owner.path
        return path.joinpath(*self.parts)


def subfolders(folder: Path) -> list[Path]:
    """Visible folders of a folder, links among them, by name; none of a folder that is not there."""
    try:
        with os.scandir(folder) as entries:
            visible = [entry for entry in entries if not entry.name.startswith(".")]
            names = sorted(entry.name for entry in visible if entry.is_symlink() or entry.is_dir())
    except OSError:
        return []
    return [folder / name for name in names]


def is_empty(folder: Path) -> bool:
    """Whether there is nothing but what is hidden in a folder, or no folder at all."""
    if folder.is_symlink() or not folder.is_dir():
        return not os.path.lexists(folder)
    try:
        return all(name.startswith(".") for name in os.listdir(folder))
    except FileNotFoundError:
        return True
    except OSError:
        return False


def free_name(folder: Path, base: str, reserved: Collection[str] = ()) -> str:
    """``base``, or ``base-2``, ``base-3`` … if that name is taken in ``folder``, or one of those ``reserved``."""
    name, number = base, 2
    while name in reserved or os.path.lexists(folder / name):
        name, number = f"{base}-{number}", number + 1
    return name


@contextlib.contextmanager
def filling(folder: Path) -> Iterator[Path]:
    """A hidden folder beside it, which becomes ``folder`` when the block has ended; on an error nothing is left."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=TEMP_PREFIX, dir=folder.parent))
    try:
        yield draft
        os.rename(draft, folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def rename_to_free(path: Path, name: str) -> Path:
    """Give a folder that is whole a name beside it, or the next free one; two who wish the same at once get two."""
    while True:
        target = path.parent / free_name(path.parent, name)
        try:
            return path.rename(target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise


_LONGEST_NAME = 255  # bytes, of most file systems


class Outside(ValueError):
    """A path leads out of the folder it has to stay in, or nowhere."""


def inside(folder: Path, relative: str) -> Path:
    """``folder/relative`` resolved; raises `Outside` if that leaves ``folder`` (``..``, absolute, symlink), or if no
    file can have such a name."""
    if any(len(os.fsencode(part)) > _LONGEST_NAME for part in Path(relative).parts):
        raise Outside(f"{relative[:40]!r}… is too long for a name")
    try:
        base = folder.resolve()
        target = (base / relative).resolve()
    except (OSError, RuntimeError):  # links in a circle: RuntimeError before Python 3.13
        raise Outside(f"{relative!r} leads in a circle") from None
    if not target.is_relative_to(base):
        raise Outside(f"{relative!r} is outside {folder}")
    return target
