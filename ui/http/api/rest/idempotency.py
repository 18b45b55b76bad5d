"""Idempotency keys: what a POST was answered, so that one sent twice is done once, also across a restart."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import Busy, UserError

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
        with self._open() as db:
            db.execute("DELETE FROM answers WHERE at < ?", [now - KEPT_S])
            db.execute("DELETE FROM answers WHERE status = 0 AND at < ?", [now - _UNFINISHED_S])
            row = db.execute("SELECT wish, status, body FROM answers WHERE key = ?", [key]).fetchone()
            if row is None:
                db.execute("INSERT INTO answers VALUES (?, ?, 0, x'', ?)", [key, wish, now])
                return None
        if row[0] != wish:
            raise UserError(
                "api.key_reused",
                "This idempotency key belongs to another request.",
                "Send a new one with every new request.",
            )
        if row[1] == 0:
            raise Busy("api.key_busy", "The same request is at work already.", "Wait for its answer.")
        return int(row[1]), bytes(row[2])

    def end(self, key: str, status: int, body: bytes) -> None:
        """Keep an answer; with status 0 none came, and the request may be sent again."""
        with self._open() as db:
            if status == 0 or len(body) > _MOST_BODY:
                db.execute("DELETE FROM answers WHERE key = ?", [key])
            else:
                db.execute("UPDATE answers SET status = ?, body = ? WHERE key = ?", [status, body, key])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        db = sqlite3.connect(self._path, timeout=10, isolation_level=None)
        try:
            db.execute(_TABLE)
            db.execute("BEGIN IMMEDIATE")
            with db:
                yield db
        finally:
            db.close()
