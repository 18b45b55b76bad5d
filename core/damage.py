"""Damaged files of the workspace: one bounded reader for all files, and errors that name a broken one."""

from __future__ import annotations

import errno
import functools
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from core.errors import UserError
from core.files import MOST_BYTES, Outside, TooLarge, free_name, is_empty, parse_json, read_bounded
from core.reasons import reason_of

T = TypeVar("T")
Item = TypeVar("Item")

_HINT = "Everything else works. Put it aside where the page names it as damaged, or bring back a copy of your own."
# What a page can write as a date, and as a length.
UnixTime = Annotated[float, Field(ge=0, le=250_000_000_000, allow_inf_nan=False)]
Finite = Annotated[float, Field(ge=-1e15, le=1e15, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=2**53)]

RECORDS = "records"  # the kind whose file may be missing although all that it belongs to is there
FOLDER = "damaged"  # in the workspace: what was put aside
_SHOWN_PARTS = 3  # of a path, where it is not known what it is inside of
# What an operation failed for that has nothing to do with the file.
_OF_THE_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR)
# What parsing and checking a file of any content may raise.
UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RecursionError,
    OverflowError,
    yaml.YAMLError,
)


class DamagedFile(UserError):
    """A file of ours that cannot be read.

    ``path`` is the file, ``thing`` what is put aside with it (the folder of a job, the file itself), ``kind`` what it
    is to a person: project, records, job, run, dataset, take, export, saved_voice, document, pronunciation, upload,
    pair, reading, removed, list, cookies, model, preset. Of some things only a part is unreadable: these may be listed.
    """

    path: Path
    thing: Path
    kind: str = "file"

    def within(self, root: Path) -> DamagedFile:
        """The same, with its path named as seen from ``root``."""
        if self.path.is_relative_to(root):
            short, self.values["path"] = self.values["path"], str(self.path.relative_to(root))
            self.text = self.text.replace(short, self.values["path"])
        return self


def damage_from(path: Path, error: BaseException, kind: str = "file", thing: Path | None = None) -> DamagedFile:
    """What a person is told of a file that could not be read because of ``error``."""
    message = error if isinstance(error, DamagedFile) else _unreadable(path, error)
    message.path, message.thing, message.kind = path, thing or path, kind
    return message


def read_record(
    path: Path,
    shape: type[T],
    kind: str = "file",
    thing: Path | None = None,
    *,
    most_bytes: int = MOST_BYTES,
    complete: Callable[[Path, dict[str, Any]], dict[str, Any]] = lambda _, raw: raw,
) -> T:
    """Read a JSON file as a dataclass or model; what it does not know of is passed over.

    The value is kept as long as the file is the same, so it must not be changed.

    Args:
        path: the file.
        shape: what its content has to be.
        kind, thing: see `DamagedFile`.
        most_bytes: a larger file is not read.
        complete: completes the object before it is checked; a function of a module, as the value is kept with it.

    Raises:
        DamagedFile: it is missing, or cannot be read as that.
    """
    record: T = read_once(_record, path, shape, complete, most_bytes, kind=kind, thing=thing)
    return record


def _record(path: Path, shape: Any, complete: Any, most_bytes: int, _version: tuple[int, int, int]) -> Any:
    raw = parse_json(read_bounded(path, most_bytes))
    if not isinstance(raw, dict):
        raise TypeError(f"{type(raw).__name__} instead of an object")
    return _adapter(shape).validate_python(complete(path, raw))


def read_once(read: Callable[..., T], path: Path, *arguments: Any, kind: str = "file", thing: Path | None = None) -> T:
    """``read(path, *arguments, version)``, called once as long as the file is the same, be it that it cannot be read.

    The value must not be changed.

    Raises:
        DamagedFile: the file is missing, or ``read`` has raised something.
    """
    with reading(path, kind, thing):
        about = os.stat(path)
        outcome = _outcome(read, path, arguments, (about.st_ino, about.st_mtime_ns, about.st_size))
    if isinstance(outcome, _Failure):
        raise damage_from(path, outcome.error, kind, thing)
    value: T = outcome
    return value


@functools.lru_cache(maxsize=4096)
def _outcome(read: Any, path: Path, arguments: tuple[Any, ...], version: tuple[int, int, int]) -> Any:
    # A page reads every second: what takes long to be found broken is found so once.
    try:
        return read(path, *arguments, version)
    except OSError:
        raise  # may be otherwise the next moment
    except UNREADABLE as error:
        return _Failure(error.with_traceback(None))


@dataclass(frozen=True)
class _Failure:
    error: BaseException


@functools.cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)


@contextmanager
def reading(path: Path, kind: str = "file", thing: Path | None = None) -> Iterator[None]:
    """Within, whatever goes wrong with the content of ``path`` is raised as `DamagedFile`."""
    try:
        yield
    except UNREADABLE as error:
        if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
            raise
        raise damage_from(path, error, kind, thing) from error


def check_file(path: Path, kind: str = "file", thing: Path | None = None, *, most_bytes: int = MOST_BYTES) -> None:
    """Make sure that a file which may be absent can be opened and read where it is there.

    Raises:
        DamagedFile: something else lies in its place, or it is too large.
    """
    with reading(path, kind, thing):
        try:
            about = os.stat(path)
        except FileNotFoundError:
            if not path.is_symlink():
                return
            raise
        if not stat.S_ISREG(about.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if about.st_size > most_bytes:
            raise TooLarge(most_bytes)
        if not os.access(path, os.R_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def read_all(items: Iterable[Item], read: Callable[[Item], T], damage: list[DamagedFile] | None = None) -> list[T]:
    """What can be read of ``items``; what cannot is passed over, and added to ``damage`` if that is given.

    What went away meanwhile, or is only being made or removed (an empty folder), is in neither.
    """
    results = []
    for item in items:
        try:
            results.append(read(item))
        except DamagedFile as error:
            if damage is not None and (error.kind == RECORDS or not is_empty(error.thing)):
                damage.append(error)
    return results


def put_aside(root: Path, thing: Path) -> Path:
    """Move something into ``damaged`` of the workspace ``root``, where it lies as it lay before; nothing is deleted.

    Returns:
        Where it lies now. Moved back to where it was, all is as before.
    """
    inner = Path(os.path.relpath(thing.parent.resolve(), root.resolve()))
    folder = root / FOLDER / (inner if ".." not in inner.parts else "")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / free_name(folder, thing.name)
    shutil.move(thing, target)
    return target


def _unreadable(path: Path, error: BaseException) -> DamagedFile:
    name = "/".join(path.parts[-_SHOWN_PARTS:])
    if isinstance(error, FileNotFoundError):
        if path.is_symlink():
            return DamagedFile("damaged.link", "{path} is a link that leads nowhere.", _HINT, path=name)
        return DamagedFile("damaged.missing", "{path} is missing.", _HINT, path=name)
    if isinstance(error, Outside):
        return DamagedFile("damaged.outside", "{path} is a link that leads out of the workspace.", _HINT, path=name)
    if isinstance(error, IsADirectoryError | NotADirectoryError):
        return DamagedFile("damaged.no_file", "In the place of {path} lies what is no file.", _HINT, path=name)
    if isinstance(error, TooLarge):
        limit = max(1, error.most_bytes >> 20)
        return DamagedFile("damaged.too_large", "{path} is larger than {limit} MB.", _HINT, path=name, limit=limit)
    if isinstance(error, OSError) and error.errno == errno.ELOOP:
        return DamagedFile("damaged.link", "{path} is a link that leads nowhere.", _HINT, path=name)
    if isinstance(error, OSError):
        return DamagedFile(
            "damaged.unreadable", "{path} could not be opened ({why}).", _HINT, path=name, why=reason_of(error)
        )
    return _content(path, name, error)


def _content(path: Path, name: str, error: BaseException) -> DamagedFile:
    """Why what stands in a file makes no sense."""
    try:
        empty = path.is_file() and not path.stat().st_size
    except OSError:
        empty = False
    if empty:
        return DamagedFile("damaged.empty", "{path} is empty.", _HINT, path=name)
    if isinstance(error, UnicodeDecodeError):
        return DamagedFile("damaged.no_text", "{path} holds something that is no text.", _HINT, path=name)
    if isinstance(error, ValidationError):
        return DamagedFile(
            "damaged.shape", "{path} does not say what it should ({what}).", _HINT, path=name, what=_first(error)
        )
    if isinstance(error, ValueError | RecursionError | yaml.YAMLError):
        return DamagedFile("damaged.broken", "{path} breaks off, or holds something else.", _HINT, path=name)
    return _wrong(name, str(error).strip("'\"")[:80] or type(error).__name__)


def _wrong(name: str, reason: str) -> DamagedFile:
    return DamagedFile("damaged.shape", "{path} does not say what it should ({what}).", _HINT, path=name, what=reason)


def _first(error: ValidationError) -> str:
    """Where the first wrong value stands, such as ``source.title``."""
    return ".".join(map(str, error.errors(include_url=False, include_input=False)[0]["loc"]))[:80] or "?"
