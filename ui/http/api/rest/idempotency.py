"""Idempotency keys: what a POST was answered, so that one sent twice is done once, also across a restart."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from core.errors import Busy, UserError

log = logging.getLogger("voicewright.api")
T = TypeVar("T")
KEPT_S = 24 * 3600
_UNFINISHED_S = 600  # after which whoever was at it is gone
_MOST_BODY = 1 << 20
_TABLE = (
    "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, wish TEXT NOT NULL, status INTEGER NOT NULL, "
    "body BLOB NOT NULL, at REAL NOT NULL)"
)


class Answers:
    """Answers by key, for a day."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self, key: str, wish: str) -> tuple[int, bytes] | None:
        """What the same request was answered; None if it is to be done now, and `end` called then.

        Raises:
            UserError: ``api.key_reused``: the key belongs to another request.
            Busy: ``api.key_busy``: the same request is at work.
        """
        now = time.time()

        def look(db: sqlite3.Connection) -> tuple[str, int, bytes] | None:
            db.execute("DELETE FROM answers WHERE at < ?", [now - KEPT_S])
            db.execute("DELETE FROM answers WHERE status = 0 AND at < ?", [now - _UNFINISHED_S])
            row = db.execute("SELECT wish, status, body FROM answers WHERE key = ?", [key]).fetchone()
            if row is None:
                db.execute("INSERT INTO answers VALUES (?, ?, 0, x'', ?)", [key, wish, now])
                return None
            return str(row[0]), int(row[1]), bytes(row[2])

        row = self._do(look)
        if row is None:
            return None
        if row[0] != wish:
            raise UserError(
                "api.key_reused",
                "This idempotency key belongs to another request.",
                "Send a new one with every new request.",
            )
        if row[1] == 0:
            raise Busy("api.key_busy", "The same request is at work already.", "Wait for its answer.")
        return row[1:]

    def end(self, key: str, status: int, body: bytes) -> None:
        """Keep an answer; with status 0 none came, and the request may be sent again."""
        if status == 0 or len(body) > _MOST_BODY:
            self._do(lambda db: db.execute("DELETE FROM answers WHERE key = ?", [key]))
        else:
            change = "UPDATE answers SET status = ?, body = ? WHERE key = ?"
            self._do(lambda db: db.execute(change, [status, body, key]))

    def _do(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """Act on the table; one that is damaged gives way to an empty one, for it holds the answers of a day alone."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with _transaction(self._path) as db:
                return action(db)
        except sqlite3.DatabaseError as error:
            # Of those, an OperationalError is a full disk or a lock, unless the table is another one.
            if isinstance(error, sqlite3.OperationalError) and "column" not in str(error):
                raise
            log.warning("%s is damaged (%s); what was answered today is forgotten.", self._path.name, error)
            for path in self._path.parent.glob(f"{self._path.name}*"):  # with its journal, which belongs to it
                path.unlink(missing_ok=True)
            with _transaction(self._path) as db:
                return action(db)


@contextmanager
def _transaction(path: Path) -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(path, timeout=10, isolation_level=None)
    try:
        db.execute(_TABLE)
        db.execute("BEGIN IMMEDIATE")
        with db:
            yield db
    finally:
        db.close()
