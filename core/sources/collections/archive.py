"""Folders and zip archives seen the same way, and the checks of a zip before anything of it is read."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from core.errors import UserError
from core.files import inside
from core.sources.alphabets import writing_of
from core.sources.collections.zip_names import count_members, names_of

MOST_MEMBERS = 200_000
_MOST_RATIO = 1_000  # of a whole archive; sound hardly shrinks, and zeros shrink more
_BLOCK_BYTES = 1 << 20
_IN_MEMORY_BYTES = 30_000_000  # a clip; larger files go over the disk
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others unpack a whole block at once, however large it gets
_IGNORED_FOLDERS = ("__MACOSX/", ".git/")
_IGNORED_NAMES = ("thumbs.db", "desktop.ini")


class Folder:
    """The files below a folder."""

    def __init__(self, path: Path, *, language: str = "en") -> None:
        self.path = path.resolve()
        self._encodings = writing_of(language).encodings
        self._paths: dict[str, str] = {}  # of names whose bytes are no UTF-8: as the system gives them

    def names(self) -> list[str]:
        """Paths relative to it, with ``/``, in order; hidden files and links that lead out of it are left out.

        Names that are no UTF-8 (of an old disk) are read in the code page of the project's language.
        """
        names = []
        for folder, below, files in os.walk(self.path):
            below[:] = [subfolder for subfolder in below if not subfolder.startswith(".")]
            relative = Path(folder).relative_to(self.path)
            paths = ((relative / file).as_posix() for file in files)
            names += [self._readable(name) for name in paths if _is_wanted(name) and self._is_inside(name)]
        return sorted(names)

    def _readable(self, name: str) -> str:
        raw = os.fsencode(name)
        try:
            return raw.decode()
        except UnicodeDecodeError:
            readable = raw.decode(next(iter(self._encodings), "cp1252"), errors="replace")
            self._paths[readable] = name
            return readable

    def aliases(self, _name: str) -> list[str]:
        """Further names of a file, as a list may write it: none."""
        return []

    def _path(self, name: str) -> Path:
        path = self.path / name
        if not self._paths and not path.exists():
            self.names()  # which finds those that are called otherwise on the disk
        return self.path / self._paths.get(name, name)

    def _is_inside(self, name: str) -> bool:
        try:
            return inside(self.path, name).is_file()
        except (ValueError, OSError):
            return False

    def bytes_of(self, name: str) -> int:
        """Size of a file."""
        return self._path(name).stat().st_size

    def head(self, name: str, count: int) -> bytes:
        """The first bytes of a file."""
        with open(self._path(name), "rb") as file:
            return file.read(count)

    @contextlib.contextmanager
    def open_file(self, name: str) -> Iterator[IO[bytes]]:
        """A file to read and seek in."""
        with open(self._path(name), "rb") as file:
            yield file

    stream = open_file

    @contextlib.contextmanager
    def local(self, name: str, _folder: Path, _on_block: Callable[[], object] | None = None) -> Iterator[Path]:
        """A file as it lies on the disk; OSError if it cannot be read."""
        with open(self._path(name), "rb"):
            pass
        yield self._path(name)

    def close(self) -> None:
        """Nothing to do."""


class Zip:
    """The files in a zip. They are never written under names of the archive."""

    def __init__(
        self,
        path: Path,
        *,
        name: str = "",
        language: str = "en",
        max_bytes: int = 64 * 10**9,
        most_members: int = MOST_MEMBERS,
    ) -> None:
        """Look through the list of contents.

        Args:
            path: the zip file.
            name: what the person calls it.
            language: of the project; says in which letters names are that do not say it.
            max_bytes: refused if all of it would be larger once unpacked.
            most_members: refused if it holds more files.

        Raises:
            UserError: ``archive.*``: it is none, is locked, too large, or has names that do not belong in one.
        """
        self.name = name or path.name
        try:
            if (count := count_members(path, most_members)) > most_members:
                raise _too_many(self.name, count, most_members)
            self._zip = zipfile.ZipFile(path)
            members = self._zip.infolist()
            names = names_of(members, language)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, struct.error):
            raise self._broken_zip() from None
        try:
            self._check(members, [name for name, *_ in names], path.stat().st_size, max_bytes)
        except BaseException:
            self._zip.close()
            raise
        pairs = [(member, name) for member, name in zip(members, names, strict=True) if not name[0].endswith("/")]
        self._members = {name[0]: member for member, name in pairs if _is_wanted(name[0])}
        self._aliases = {name[0]: name[1:] for _, name in pairs}

    def _broken_zip(self) -> UserError:
        return UserError(
            "archive.broken", "“{name}” is not a zip file, or is damaged.", "Make it again, or copy it again.",
            name=self.name,
        )  # fmt: skip

    def _check(self, members: list[zipfile.ZipInfo], names: list[str], packed_bytes: int, max_bytes: int) -> None:
        total = sum(member.file_size for member in members)
        if total > max_bytes or total > max(packed_bytes, 100_000) * _MOST_RATIO:
            raise UserError(
                "archive.too_large",
                "“{name}” would be too large once unpacked ({count} files, {gigabytes} GB).",
                "Split it into smaller zip files.",
                name=self.name,
                count=len(members),
                gigabytes=f"{total / 1e9:.1f}",
            )
        first_names: dict[str, str] = {}
        for member, name in zip(members, names, strict=True):
            if member.flag_bits & 0x1:
                raise UserError(
                    "archive.locked", "“{name}” is locked with a password.", "Make it again without one.",
                    name=self.name,
                )  # fmt: skip
            if member.compress_type not in _METHODS:
                raise UserError(
                    "archive.method",
                    "“{name}” is packed in a way that is not read here (method {method}).",
                    "Make it again as a plain zip (“Deflate”), as systems do by themselves.",
                    name=self.name,
                    method=member.compress_type,
                )
            if not _is_safe(member, name):
                raise UserError(
                    "archive.unsafe",
                    "“{name}” holds “{member}”, which a zip of recordings has no reason to hold.",
                    "Nothing of it was unpacked. Make the zip again from a plain folder.",
                    name=self.name,
                    member=name[:120],
                )
            first_name = first_names.setdefault(name.casefold(), name)
            if first_name is not name:
                raise UserError(
                    "archive.clash",
                    "“{name}” holds “{member}” and “{other}”, whose names differ in nothing but capitals, if at all.",
                    "Rename one of them and make the zip again.",
                    name=self.name,
                    member=name[:120],
                    other=first_name[:120],
                )

    def names(self) -> list[str]:
        """Its files, in order; what systems put in of their own is left out."""
        return sorted(self._members)

    def aliases(self, name: str) -> list[str]:
        """What else a file's name may be, where the zip does not say in which letters it is written."""
        return self._aliases[name]

    def bytes_of(self, name: str) -> int:
        """Size of a file once unpacked."""
        return self._members[name].file_size

    def head(self, name: str, count: int) -> bytes:
        """The first bytes of a file.

        Raises:
            UserError: ``archive.broken``.
        """
        try:
            with self._zip.open(self._members[name]) as file:
                return file.read(count)
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError, OSError):
            raise self._broken_zip() from None

    @contextlib.contextmanager
    def stream(self, name: str) -> Iterator[IO[bytes]]:
        """A file to read from its beginning, unpacked as it is read.

        Raises:
            UserError: ``archive.broken``, also while it is read.
        """
        try:
            with self._zip.open(self._members[name]) as file:
                yield file
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError, OSError):
            raise self._broken_zip() from None

    @contextlib.contextmanager
    def open_file(self, name: str) -> Iterator[IO[bytes]]:
        """A file to read and seek in: in memory if it is small, else in a file that has no name."""
        small = self.bytes_of(name) <= _IN_MEMORY_BYTES
        with io.BytesIO() if small else tempfile.TemporaryFile() as file:
            self._unpack(name, file)
            file.seek(0)
            yield file

    def _unpack(self, name: str, target: IO[bytes], on_block: Callable[[], object] | None = None) -> None:
        """Write a file's content to ``target`` block by block; OSError if it is damaged."""
        try:
            with self._zip.open(self._members[name]) as file:
                while block := file.read(_BLOCK_BYTES):
                    target.write(block)
                    if on_block:
                        on_block()
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError) as error:
            raise OSError(str(error)) from None

    @contextlib.contextmanager
    def local(self, name: str, folder: Path, on_block: Callable[[], object] | None = None) -> Iterator[Path]:
        """A file unpacked into ``folder`` under a name of ours, gone afterwards.

        ``on_block`` is called after each block, and may raise to break off.
        """
        folder.mkdir(parents=True, exist_ok=True)
        handle, path = tempfile.mkstemp(prefix=".tmp-", suffix=_plain_suffix(name), dir=folder)
        try:
            with os.fdopen(handle, "wb") as target:
                self._unpack(name, target, on_block)
            yield Path(path)
        finally:
            Path(path).unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file."""
        self._zip.close()


def _is_safe(member: zipfile.ZipInfo, name: str) -> bool:
    """A plain file or folder below the archive: no way out, no link, no device, no control characters."""
    kind = stat.S_IFMT(member.external_attr >> 16)
    parts = PurePosixPath(name).parts
    return (
        kind in (0, stat.S_IFREG, stat.S_IFDIR)
        and bool(parts)
        and not name.startswith("/")
        and ".." not in parts
        and ":" not in parts[0]
        and all(ord(letter) >= 32 for letter in name)
        and len(name) <= 1000
    )


def _too_many(name: str, count: int, limit: int) -> UserError:
    return UserError(
        "archive.too_many",
        "“{name}” holds more than {most} files.",
        "Split it into parts of fewer files.",
        name=name,
        most=limit,
        count=count,
    )


def _is_wanted(name: str) -> bool:
    last = PurePosixPath(name).name
    junk = any(name.startswith(folder) or f"/{folder}" in name for folder in _IGNORED_FOLDERS)
    return not junk and not last.startswith(".") and last.lower() not in _IGNORED_NAMES


def _plain_suffix(name: str) -> str:
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if len(suffix) <= 6 and suffix[1:].isalnum() else ""
