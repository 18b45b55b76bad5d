"""Backups of a project's database: one a day, one before each migration, and restoring one."""

from __future__ import annotations

import contextlib
import datetime
import logging
import os
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from core.files import replacing

FOLDER = "backups"  # in the project's folder
_DAYS, _MIGRATIONS = 7, 3  # how many copies of each sort are kept
_PAGES_AT_ONCE = 4096
BESIDE = ("-wal", "-shm", "-journal")  # endings of what SQLite keeps beside a database
log = logging.getLogger("voicewright")


@dataclass(frozen=True)
class Copy:
    """A copy of the database; ``at`` is when it was made (Unix time): what came later is not in it."""

    path: Path
    at: float

    @property
    def name(self) -> str:
        """What it is called in its folder."""
        return self.path.name


def copies(database: Path) -> list[Copy]:
    """The copies of a database, the newest first."""
    entries = []
    for path in (database.parent / FOLDER).glob(f"{database.stem}-*.db"):
        with contextlib.suppress(OSError):
            if path.is_file():
                entries.append(Copy(path, path.stat().st_mtime))
    return sorted(entries, key=lambda copy: copy.at, reverse=True)


def copy_of_the_day(db: sqlite3.Connection, database: Path) -> None:
    """Keep the database as it is, unless that was done today. What goes wrong is logged: it must cost no edit."""
    target = database.parent / FOLDER / f"{database.stem}-{datetime.date.today().isoformat()}.db"
    if target.exists():
        return
    try:
        copy_database(db, target)
        _prune(database, "-before-", False, _DAYS)
    except (OSError, sqlite3.Error) as error:
        log.warning("no copy of %s could be made: %s", database, error)


def copy_before_migration(db: sqlite3.Connection, database: Path, version: int) -> None:
    """Keep the database as an older version left it.

    Raises:
        OSError, sqlite3.Error: it could not be copied: then it must not be changed.
    """
    today = datetime.date.today().isoformat()
    copy_database(db, database.parent / FOLDER / f"{database.stem}-{today}-before-{version}.db")
    _prune(database, "-before-", True, _MIGRATIONS)


def is_whole(database: Path, tables: Iterable[str] = ()) -> bool:
    """Whether SQLite finds nothing wrong with a database file, and these tables are in it. Changes nothing."""
    try:
        with contextlib.closing(_read_only(database)) as db:
            if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                return False
            names = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            return set(tables) <= names
    except (sqlite3.Error, OSError):
        return False


def newest_whole(database: Path) -> Copy | None:
    """The newest copy that can be gone back to."""
    return next((copy for copy in copies(database) if is_whole(copy.path, ("sources", "clips"))), None)


def restore(copy: Copy, database: Path) -> None:
    """Put a copy in the place of the database, which was moved away with all that belongs to it."""
    with (
        replacing(database) as temporary,
        contextlib.closing(_read_only(copy.path)) as source,
        contextlib.closing(sqlite3.connect(temporary)) as target,
    ):
        source.backup(target, pages=_PAGES_AT_ONCE)
        target.execute("PRAGMA journal_mode=DELETE")  # its own log would lie under another name


def parts(database: Path) -> list[Path]:
    """The files of a database that are there: itself, its log and what SQLite keeps beside it."""
    names = [database.name, *(database.name + end for end in BESIDE)]
    return [path for name in names if os.path.lexists(path := database.with_name(name))]


def _read_only(database: Path) -> sqlite3.Connection:
    """A connection that only reads the file itself: no log, no lock, nothing made beside it."""
    return sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro&immutable=1", uri=True)


def copy_database(db: sqlite3.Connection, target: Path) -> None:
    """Write a database as it is now into one file of its own.

    Raises:
        OSError, sqlite3.Error: it could not be copied, or is damaged.
    """
    with replacing(target) as temporary, contextlib.closing(sqlite3.connect(temporary)) as copy:
        db.backup(copy, pages=_PAGES_AT_ONCE)
        copy.execute("PRAGMA journal_mode=DELETE")
        if copy.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("the copy is not whole")


def _prune(database: Path, mark: str, has_mark: bool, limit: int) -> None:
    """Of the copies with (or without) a mark in their names the newest stay."""
    for copy in [copy for copy in copies(database) if (mark in copy.name) is has_mark][limit:]:
        copy.path.unlink(missing_ok=True)
