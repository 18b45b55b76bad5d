"""A project's database: opening it, its tables, bringing those of an older version up to them. SQLite in WAL mode."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from core.files import disk_full, is_full, takes_nothing_more
from core.folding import fold_accents

_T = TypeVar("_T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS sources (
  id TEXT PRIMARY KEY, title TEXT, origin TEXT, rights TEXT, seconds REAL, sample_rate INTEGER, sha256 TEXT,
  added_at REAL);
CREATE TABLE IF NOT EXISTS clips (
  id TEXT PRIMARY KEY, source_id TEXT NOT NULL REFERENCES sources(id) ON DELETE CASCADE,
  start_s REAL, end_s REAL, text TEXT, raw_text TEXT, language TEXT, status TEXT, reason TEXT, confidence REAL,
  mismatch REAL, snr_db REAL, loudness_lufs REAL, clipped_fraction REAL, speaker_similarity REAL, edited_at REAL);
CREATE INDEX IF NOT EXISTS clips_by_time ON clips (source_id, start_s);
CREATE INDEX IF NOT EXISTS clips_by_status ON clips (status, source_id, start_s);
CREATE INDEX IF NOT EXISTS clips_by_confidence ON clips (confidence IS NULL, confidence, source_id, start_s);
CREATE INDEX IF NOT EXISTS clips_by_length ON clips (end_s - start_s, source_id, start_s);
CREATE INDEX IF NOT EXISTS clips_by_status_confidence ON clips (
  status, confidence IS NULL, confidence, source_id, start_s);
CREATE INDEX IF NOT EXISTS clips_by_status_length ON clips (status, end_s - start_s, source_id, start_s);
CREATE TABLE IF NOT EXISTS revisions (
  number INTEGER PRIMARY KEY, clip_id TEXT, at REAL, field TEXT, old TEXT, new TEXT);
CREATE INDEX IF NOT EXISTS revisions_by_clip ON revisions (clip_id, number);
CREATE TABLE IF NOT EXISTS votes (
  number INTEGER PRIMARY KEY, pair TEXT UNIQUE, left_name TEXT, right_name TEXT, choice TEXT, at REAL);
CREATE TABLE IF NOT EXISTS clip_numbers (source_id TEXT PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS words (
  source_id TEXT NOT NULL REFERENCES sources(id) ON DELETE CASCADE, start_s REAL, end_s REAL, text TEXT,
  probability REAL);
CREATE INDEX IF NOT EXISTS words_by_time ON words (source_id, start_s);
CREATE TABLE IF NOT EXISTS edits (
  number INTEGER PRIMARY KEY, source_id TEXT NOT NULL REFERENCES sources(id) ON DELETE CASCADE, what TEXT, before TEXT,
  after TEXT);
"""
FLAGGED = "status = 'new' AND (text_flags != '' OR sound_flags != '')"  # as in the index made for it
_VERSION = 6  # of the tables; a database made by an older one is brought up to it
# Columns that came after the first tables, with what older rows get.
_LATER_COLUMNS = {
    "clip_numbers": ("changed_at REAL",),
    "sources": ("audio_md5 TEXT DEFAULT ''", "note TEXT DEFAULT ''", "use TEXT DEFAULT 'original'"),
    "clips": (
        *(f"{name} REAL" for name in ("avg_logprob", "no_speech_prob", "compression_ratio", "naturalness")),
        *(f"{name} REAL" for name in ("peak_dbfs", "gain_db", "bandwidth_hz", "lead_s", "tail_s")),
        *(f"{name} TEXT DEFAULT ''" for name in ("second_text", "text_flags", "sound_flags", "forced")),
        "given INTEGER DEFAULT 0",
        "checked INTEGER DEFAULT 0",
        "folded TEXT",
    ),
}
_BEYOND_ASCII = "'*[^ -~]*'"
# What rows of an older version tell of a new column.
_FILLED = {
    "given": """UPDATE clips SET given = 1 WHERE text != ''
      AND (text != raw_text OR source_id IN (SELECT id FROM sources WHERE origin IN ('reading', 'dataset')))
      AND NOT EXISTS (SELECT 1 FROM revisions WHERE clip_id = clips.id AND field = 'text')""",
    "checked": "UPDATE clips SET checked = 1 WHERE second_text != '' OR (given = 0 AND mismatch IS NOT NULL)",
    "folded": f"UPDATE clips SET folded = fold_accents(text) WHERE text GLOB {_BEYOND_ASCII}",
}
_LATER_INDEXES = f"""
CREATE INDEX IF NOT EXISTS clips_by_mismatch ON clips (mismatch IS NULL, mismatch DESC, source_id, start_s);
CREATE INDEX IF NOT EXISTS clips_flagged ON clips (
  source_id, start_s, id, text_flags, sound_flags, mismatch, confidence) WHERE {FLAGGED};
DROP INDEX IF EXISTS clips_by_flags;
CREATE TRIGGER IF NOT EXISTS fold_new_text AFTER INSERT ON clips WHEN NEW.text GLOB {_BEYOND_ASCII} BEGIN
  UPDATE clips SET folded = fold_accents(NEW.text) WHERE id = NEW.id;
END;
CREATE TRIGGER IF NOT EXISTS fold_changed_text AFTER UPDATE OF text ON clips WHEN NEW.text IS NOT OLD.text BEGIN
  UPDATE clips SET folded = CASE WHEN NEW.text GLOB {_BEYOND_ASCII} THEN fold_accents(NEW.text) END WHERE id = NEW.id;
END;
"""
# What is searched: `LIKE` itself folds the case of ASCII, so that only other texts are kept folded as well.
SEARCHED = "coalesce(folded, text)"


@contextlib.contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection with the tables as they are now; what is done in it is kept, unless it raises.

    Raises:
        DiskFull: ``disk.full``.
    """
    try:
        with _connected(path) as connection:
            yield connection
    except sqlite3.OperationalError as error:
        # Without room for the files beside the database SQLite speaks of an I/O error, even where it only reads.
        if is_full(error) or takes_nothing_more(path.parent):
            raise disk_full() from error
        raise


@contextlib.contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    # An empty file is what a disk without room made of the first try.
    fresh = not path.exists() or path.stat().st_size == 0
    connection = sqlite3.connect(path, timeout=30)
    try:
        if fresh:
            connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.row_factory = sqlite3.Row
        connection.create_function("fold_accents", 1, fold_accents, deterministic=True)
        bring_up(connection)
        with connection:
            yield connection
    finally:
        connection.close()


def record(kind: type[_T], row: sqlite3.Row) -> _T:
    """A row as one of the dataclasses of `core.records`, whose fields are named as the columns are."""
    return kind(**{field.name: row[field.name] for field in fields(kind)})  # type: ignore[arg-type]


def insert(db: sqlite3.Connection, table: str, rows: list[dict[str, Any]]) -> None:
    """Add rows, all with the columns of the first."""
    if rows:
        names = list(rows[0])
        marks = ", ".join(f":{name}" for name in names)
        db.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", rows)


def bring_up(db: sqlite3.Connection) -> None:
    """Make the tables, or bring those of an older version up to this one; at once where there is nothing to do."""
    if db.execute("PRAGMA user_version").fetchone()[0] >= _VERSION:
        return
    db.executescript(_SCHEMA)
    db.execute("BEGIN IMMEDIATE")  # two that open it at once: the second finds all done
    for table, columns in _LATER_COLUMNS.items():
        there = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
        for column in columns:
            name = column.split()[0]
            if name not in there:
                db.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
                if name in _FILLED:
                    db.execute(_FILLED[name])
    db.commit()
    db.executescript(_LATER_INDEXES)
    db.execute(f"PRAGMA user_version={_VERSION}")
