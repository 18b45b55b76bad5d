"""The tables of recordings and of the words that are said in them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

from core.errors import UserError
from core.project import change_log
from core.project.records import Clip, Source, Word
from core.project.schema import connect, insert, record
from core.project.tables.database import Database
from core.text import clean_text


class RecordingTables(Database):
    """Recordings, and what is said in them word by word."""

    def add_source(self, source: Source, words: Iterable[Word] = (), clips: Iterable[Clip] = ()) -> None:
        """Add a recording with the words and clips that come with it, all of it or nothing."""
        word_rows = _word_rows(source.id, words)
        clip_rows = change_log.clip_rows(clips)
        with connect(self.path) as db:
            insert(db, "sources", [asdict(replace(source, added_at=source.added_at or time.time()))])
            insert(db, "words", word_rows)
            if clip_rows:
                last = change_log.last_number(db, source.id, [clip["id"] for clip in clip_rows])
                insert(db, "clips", clip_rows)
                change_log.note_change(db, source.id, last, has_changed=True)

    def sources(self) -> list[Source]:
        """All recordings in the order they came."""
        with connect(self.path) as db:
            return [record(Source, row) for row in db.execute("SELECT * FROM sources ORDER BY added_at, id")]

    def source(self, source_id: str) -> Source:
        """One recording.

        Raises:
            UserError: ``source.missing``.
        """
        with connect(self.path) as db:
            row = db.execute("SELECT * FROM sources WHERE id=?", (source_id,)).fetchone()
        if row is None:
            raise UserError("source.missing", "This recording is no longer there.", "Reload the page.", id=source_id)
        return record(Source, row)

    def change_source(
        self, source_id: str, *, title: str | None = None, rights: str | None = None, use: str | None = None
    ) -> None:
        """Set the title, the rights note, or which sound of a recording is used."""
        with connect(self.path) as db:
            for name, value in (("title", title), ("rights", rights), ("use", use)):
                if value is not None:
                    db.execute(f"UPDATE sources SET {name}=? WHERE id=?", (value, source_id))

    def remove_source(self, source_id: str) -> None:
        """Remove a recording and its clips from the database (files are the caller's)."""
        with connect(self.path) as db:
            db.execute("DELETE FROM sources WHERE id=?", (source_id,))
            db.execute("DELETE FROM undone")

    # Their words

    def words(self, source_id: str, start_s: float = 0.0, end_s: float = 1e9) -> list[Word]:
        """The words known of a recording that begin from ``start_s`` on and before ``end_s``, in order."""
        sql = "SELECT * FROM words WHERE source_id=? AND start_s >= ? AND start_s < ? ORDER BY start_s, rowid"
        with connect(self.path) as db:
            return [record(Word, row) for row in db.execute(sql, (source_id, start_s, end_s))]

    def replace_words(self, source_id: str, start_s: float, end_s: float, words: Iterable[Word]) -> None:
        """Put these words in the place of those known of a stretch of a recording."""
        rows = _word_rows(source_id, words)
        with connect(self.path) as db:
            db.execute("BEGIN IMMEDIATE")
            sql = "DELETE FROM words WHERE source_id=? AND start_s >= ? AND start_s < ?"
            db.execute(sql, (source_id, start_s, end_s))
            insert(db, "words", rows)

    def words_stamp(self, source_id: str) -> tuple[float, ...]:
        """Changes whenever the words of a recording do; quick for hundreds of thousands of them."""
        sql = "SELECT count(*), coalesce(max(rowid), 0), total(start_s) FROM words WHERE source_id=?"
        with connect(self.path) as db:
            return tuple(db.execute(sql, (source_id,)).fetchone())


def _word_rows(source_id: str, words: Iterable[Word]) -> list[dict[str, Any]]:
    word_rows = ({"source_id": source_id, **asdict(word), "text": clean_text(word.text)} for word in words)
    return [word for word in word_rows if word["text"]]
