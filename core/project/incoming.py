"""Incoming files: uploads in pieces, of which a connection that breaks loses no more than the piece at work."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError
from core.files import read_json, write_json
from core.jobs import locks

_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class IncomingFile:
    """A file that comes in: ``data`` and ``about.json`` in a folder of its own until all of it is here."""

    folder: Path
    name: str
    size: int

    @classmethod
    def begin(cls, parent: Path, name: str, size: int, mark: str) -> IncomingFile:
        """Begin a file, or find it again: the same name, size and mark are the same file.

        Args:
            parent: folder of all that come in.
            name: what a person calls it.
            size: in bytes.
            mark: what else tells it from others, such as when it was changed and in which browser it was chosen.
        """
        id_ = hashlib.sha256("\0".join((name, str(size), mark)).encode()).hexdigest()[:32]
        file = cls(parent / id_, name, size)
        if not (file.folder / "about.json").exists():
            file.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_json(file.folder / "about.json", {"name": name, "bytes": size})
        file.data.touch(mode=0o600)  # its age counts from now on, see `core.leftovers`
        return file

    @classmethod
    def open(cls, parent: Path, id_: str) -> IncomingFile:
        """One that was begun.

        Raises:
            UserError: ``incoming.gone``.
        """
        folder = parent / id_
        try:
            if not _ID.fullmatch(id_):
                raise ValueError
            about = read_json(folder / "about.json", 1 << 16)
            return cls(folder, str(about["name"]), int(about["bytes"]))
        except (OSError, ValueError, LookupError, TypeError):
            raise UserError(
                "incoming.gone", "This upload is no longer known here.", "Choose the file once more."
            ) from None

    @property
    def id(self) -> str:
        """By which it is asked for."""
        return self.folder.name

    @property
    def data(self) -> Path:
        """What is here of it."""
        return self.folder / "data"

    @property
    def offset(self) -> int:
        """How many bytes of it are here."""
        try:
            return self.data.stat().st_size
        except FileNotFoundError:
            return 0

    @property
    def is_complete(self) -> bool:
        """Whether all of it is here."""
        return self.offset == self.size

    def lock(self) -> int | None:
        """The right to write to it, as a descriptor to be closed; None where another request has it."""
        return locks.try_lock(self.folder / "lock", {})

    def append(self, block: bytes) -> None:
        """Add to its end.

        Raises:
            UserError: ``incoming.too_long``: it would be longer than was said.
        """
        if self.offset + len(block) > self.size:
            raise UserError("incoming.too_long", "“{name}” is longer than it was.", "Choose it again.", name=self.name)
        with open(self.data, "ab") as file:
            file.write(block)

    def take(self, target: Path) -> Path:
        """Move it to its place, when all of it is here."""
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.replace(self.data, target)
        self.forget()
        return target

    def forget(self) -> None:
        """Delete what is here of it and know of it no more."""
        for path in (self.folder / "about.json", self.data, self.folder / "lock"):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # begun anew by another
            self.folder.rmdir()
