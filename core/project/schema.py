"""Database schema of a project, the migrations of older versions, and connections. SQLite in WAL mode."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from core.damage import RECORDS, damage_from, reading
from core.errors import UserError
from core.files import disk_full, inside, is_full, read_json, replacing, takes_nothing_more
from core.folding import fold_accents
from core.project import backups

_T = TypeVar("_T")

IS_FLAGGED = "status = 'new' AND (text_flags != '' OR sound_flags != '')"  # as in the index made for it
_BEYOND_ASCII = "'*[^ -~]*'"
VERSION = 9  # of the tables; a database of an older version is migrated when it is opened
_SCHEMA = """
CREATE TABLE sources (
  id TEXT PRIMARY KEY, title TEXT, origin TEXT, rights TEXT, seconds REAL, sample_rate INTEGER, sha256 TEXT,
  added_at REAL, audio_md5 TEXT DEFAULT '', note TEXT DEFAULT '', use TEXT DEFAULT 'original');
CREATE TABLE clips (
  id TEXT PRIMARY KEY, source_id TEXT NOT NULL REFERENCES sources(id) ON DELETE CASCADE,
  start_s REAL, end_s REAL, text TEXT, raw_text TEXT, language TEXT, status TEXT, reason TEXT, confidence REAL,
  mismatch REAL, snr_db REAL, loudness_lufs REAL, clipped_fraction REAL, speaker_similarity REAL, edited_at REAL,
  avg_logprob REAL, no_speech_prob REAL, compression_ratio REAL, naturalness REAL, peak_dbfs REAL, gain_db REAL,
  bandwidth_hz REAL, lead_s REAL, tail_s REAL, second_text TEXT DEFAULT '', text_flags TEXT DEFAULT '',
  sound_flags TEXT DEFAULT '', forced TEXT DEFAULT '', given INTEGER DEFAULT 0, checked INTEGER DEFAULT 0,
  folded TEXT, voice INTEGER);
CREATE TABLE revisions (number INTEGER PRIMARY KEY, clip_id TEXT, at REAL, field TEXT, old TEXT, new TEXT);
CREATE TABLE clip_numbers (source_id TEXT PRIMARY KEY, last INTEGER NOT NULL, changed_at REAL);
CREATE TABLE words (
  source_id TEXT NOT NULL REFERENCES sources(id) ON DELETE CASCADE, start_s REAL, end_s REAL, text TEXT,
  probability REAL);
CREATE TABLE edits (
  number INTEGER PRIMARY KEY, source_id TEXT NOT NULL REFERENCES sources(id) ON DELETE CASCADE, what TEXT, before TEXT,
  after TEXT, at REAL DEFAULT 0);
CREATE TABLE undone (number INTEGER PRIMARY KEY, at REAL, revisions TEXT, edit TEXT);
CREATE TABLE votes (
  number INTEGER PRIMARY KEY, pair TEXT UNIQUE, left_name TEXT, right_name TEXT, choice TEXT, at REAL,
  sentence TEXT DEFAULT '', listener TEXT DEFAULT '');
"""
_INDEXES = f"""
CREATE INDEX clips_by_time ON clips (source_id, start_s);
CREATE INDEX clips_by_status ON clips (status, source_id, start_s);
CREATE INDEX clips_by_confidence ON clips (confidence IS NULL, confidence, source_id, start_s);
CREATE INDEX clips_by_length ON clips (end_s - start_s, source_id, start_s);
CREATE INDEX clips_by_status_confidence ON clips (
  status, confidence IS NULL, confidence, source_id, start_s);
CREATE INDEX clips_by_status_length ON clips (status, end_s - start_s, source_id, start_s);
CREATE INDEX clips_by_mismatch ON clips (mismatch IS NULL, mismatch DESC, source_id, start_s);
CREATE INDEX clips_flagged ON clips (
  source_id, start_s, id, text_flags, sound_flags, mismatch, confidence) WHERE {IS_FLAGGED};
CREATE INDEX revisions_by_clip ON revisions (clip_id, number);
CREATE INDEX revisions_by_time ON revisions (at);
CREATE INDEX words_by_time ON words (source_id, start_s);
CREATE TRIGGER fold_new_text AFTER INSERT ON clips WHEN NEW.text GLOB {_BEYOND_ASCII} BEGIN
  UPDATE clips SET folded = fold_accents(NEW.text) WHERE id = NEW.id;
END;
CREATE TRIGGER fold_changed_text AFTER UPDATE OF text ON clips WHEN NEW.text IS NOT OLD.text BEGIN
  UPDATE clips SET folded = CASE WHEN NEW.text GLOB {_BEYOND_ASCII} THEN fold_accents(NEW.text) END WHERE id = NEW.id;
END;
"""


def _columns(table: str, *columns: str) -> str:
    return "".join(f"ALTER TABLE {table} ADD COLUMN {column};\n" for column in columns)


# What makes of the tables of the version before those of each version. Before 2 they had no number, and may lack some;
# 3 had other indexes only.
_MIGRATIONS = {
    2: """
CREATE TABLE IF NOT EXISTS sources (
  id TEXT PRIMARY KEY, title TEXT, origin TEXT, rights TEXT, seconds REAL, sample_rate INTEGER, sha256 TEXT,
  added_at REAL);
CREATE TABLE IF NOT EXISTS clips (
  id TEXT PRIMARY KEY, source_id TEXT NOT NULL REFERENCES sources(id) ON DELETE CASCADE,
  start_s REAL, end_s REAL, text TEXT, raw_text TEXT, language TEXT, status TEXT, reason TEXT, confidence REAL,
  mismatch REAL, snr_db REAL, loudness_lufs REAL, clipped_fraction REAL, speaker_similarity REAL, edited_at REAL);
CREATE TABLE IF NOT EXISTS revisions (
  number INTEGER PRIMARY KEY, clip_id TEXT, at REAL, field TEXT, old TEXT, new TEXT);
CREATE TABLE IF NOT EXISTS votes (
  number INTEGER PRIMARY KEY, pair TEXT, left_name TEXT, right_name TEXT, choice TEXT, at REAL);
CREATE TABLE IF NOT EXISTS clip_numbers (source_id TEXT PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS words (
  source_id TEXT NOT NULL REFERENCES sources(id) ON DELETE CASCADE, start_s REAL, end_s REAL, text TEXT,
  probability REAL);
CREATE TABLE IF NOT EXISTS edits (
  number INTEGER PRIMARY KEY, source_id TEXT NOT NULL REFERENCES sources(id) ON DELETE CASCADE, what TEXT, before TEXT,
  after TEXT);
"""
    + _columns("sources", "audio_md5 TEXT DEFAULT ''", "note TEXT DEFAULT ''", "use TEXT DEFAULT 'original'")
    + _columns("clips", "avg_logprob REAL", "no_speech_prob REAL", "compression_ratio REAL", "naturalness REAL")
    + _columns("clips", "peak_dbfs REAL", "gain_db REAL", "bandwidth_hz REAL", "lead_s REAL", "tail_s REAL")
    + _columns(
        "clips", *(f"{name} TEXT DEFAULT ''" for name in ("second_text", "text_flags", "sound_flags", "forced"))
    ),
    4: _columns("clip_numbers", "changed_at REAL"),
    5: """
ALTER TABLE clips ADD COLUMN given INTEGER DEFAULT 0;
UPDATE clips SET given = 1 WHERE text != ''
  AND (text != raw_text OR source_id IN (SELECT id FROM sources WHERE origin IN ('reading', 'dataset')))
  AND NOT EXISTS (SELECT 1 FROM revisions WHERE clip_id = clips.id AND field = 'text');
ALTER TABLE clips ADD COLUMN checked INTEGER DEFAULT 0;
UPDATE clips SET checked = 1 WHERE second_text != '' OR (given = 0 AND mismatch IS NOT NULL);
""",
    6: f"""
ALTER TABLE clips ADD COLUMN folded TEXT;
UPDATE clips SET folded = fold_accents(text) WHERE text GLOB {_BEYOND_ASCII};
""",
    # The first tables took a second vote on a pair; the first one counts.
    7: """
ALTER TABLE votes RENAME TO older;
CREATE TABLE votes (
  number INTEGER PRIMARY KEY, pair TEXT UNIQUE, left_name TEXT, right_name TEXT, choice TEXT, at REAL,
  sentence TEXT DEFAULT '', listener TEXT DEFAULT '');
INSERT OR IGNORE INTO votes (number, pair, left_name, right_name, choice, at, sentence)
  SELECT number, pair, left_name, right_name, choice, at, sentence_of(pair) FROM older ORDER BY number;
DROP TABLE older;
""",
    # What was taken back, to be made again; when clips were cut by hand, to be taken back in order with other changes.
    8: _columns("edits", "at REAL DEFAULT 0")
    + "CREATE TABLE IF NOT EXISTS undone (number INTEGER PRIMARY KEY, at REAL, revisions TEXT, edit TEXT);\n",
    9: _columns("clips", "voice INTEGER"),
}
# What is searched: `LIKE` itself folds the case of ASCII, so that only other texts are kept folded as well.
SEARCH_TEXT = "coalesce(folded, text)"
_TABLES = ("sources", "clips", "revisions", "votes", "clip_numbers", "words", "edits", "undone")
_PASSING = ("locked", "full", "readonly", "interrupted", "too many")  # in words of errors that are no damage


@contextlib.contextmanager
def connect(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection with the tables as they are now; what is done in it is kept, unless it raises.

    The first that changes something on a day leaves a copy of that day (`core.project.backups`).

    Raises:
        DiskFull: ``disk.full``.
        DamagedFile: the file cannot be read as what it should be.
        UserError: ``records.newer``: a newer version has written it; it is left as it is.
    """
    fresh = _look(path)
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=30)) as connection:
            if fresh:
                connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA foreign_keys=ON")
            connection.row_factory = sqlite3.Row
            _add_functions(connection)
            migrate(connection, path)
            with connection:
                yield connection
            if connection.total_changes:
                backups.copy_of_the_day(connection, path)
    except sqlite3.DatabaseError as error:
        # Without room for the files beside the database SQLite speaks of an I/O error, even where it only reads.
        if isinstance(error, sqlite3.OperationalError) and (is_full(error) or takes_nothing_more(path.parent)):
            raise disk_full() from error
        if not _is_damage(path, error):
            raise
        raise damage_from(path, ValueError(str(error)), RECORDS) from error


def check(path: Path) -> None:
    """Make sure that the records can be read.

    Raises:
        DamagedFile: they cannot.
        UserError: ``records.newer``.
    """
    with connect(path) as db:
        for table in _TABLES:
            db.execute(f"SELECT * FROM {table} LIMIT 1").fetchone()


def begin_anew(path: Path) -> None:
    """Make an empty database, for a new project or in the place of one that was put aside."""
    with replacing(path) as temporary, contextlib.closing(sqlite3.connect(temporary)) as db:
        _add_functions(db)
        db.execute("PRAGMA synchronous=OFF")  # it is written out as a whole before it gets its name
        migrate(db)
        db.execute("PRAGMA journal_mode=WAL")


def _add_functions(db: sqlite3.Connection) -> None:
    db.create_function("fold_accents", 1, fold_accents, deterministic=True)


def _look(path: Path) -> bool:
    """Whether the database has to be made; refuses what SQLite would take for a new one.

    The file itself must not be opened here: closing it would take the locks away from every connection of this process
    (https://www.sqlite.org/howtocorrupt.html).
    """
    with reading(path, RECORDS):
        for place in (path, *(path.with_name(path.name + end) for end in backups.BESIDE)):
            if not _is_file_or_absent(place):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(place))
        size = path.stat().st_size if path.exists() else 0
        # Made anew only where nothing was: else all that was ever recorded would seem never to have been.
        if size or not _had_records(path):
            return not size
        if path.exists():
            raise ValueError("empty")
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))


def _is_file_or_absent(path: Path) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        if path.is_symlink():
            raise
        return True


def _had_records(path: Path) -> bool:
    """Whether something tells that there was a database once: recordings, or copies of it."""
    return bool(backups.copies(path)) or any((path.parent / "sources").glob("*.flac"))


def _newer(path: Path, version: int) -> UserError:
    return UserError(
        "records.newer",
        "The records of this project were written by a newer version of Voicewright ({theirs}; this one reads {ours}).",
        "Update Voicewright to open it. Nothing was changed.",
        theirs=version,
        ours=VERSION,
    )


def _is_damage(path: Path, error: sqlite3.DatabaseError) -> bool:
    """Whether an error of SQLite comes from what is in the file, not from the disk, another process, or a bug."""
    if type(error) is sqlite3.DatabaseError:  # "malformed", "not a database"
        return True
    words = str(error)
    if not isinstance(error, sqlite3.OperationalError) or any(part in words for part in _PASSING):
        return False
    return "malformed" in words or "decode" in words or not backups.is_whole(path, _TABLES)


def record(kind: type[_T], row: sqlite3.Row) -> _T:
    """A row as one of the dataclasses of `core.project.records`, whose fields are named as the columns are."""
    return kind(**{field.name: row[field.name] for field in fields(kind)})  # type: ignore[arg-type]


def insert(db: sqlite3.Connection, table: str, rows: list[dict[str, Any]]) -> None:
    """Add rows, all with the columns of the first."""
    if rows:
        names = list(rows[0])
        marks = ", ".join(f":{name}" for name in names)
        db.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", rows)


def migrate(db: sqlite3.Connection, path: Path | None = None) -> None:
    """Make the tables, or those of an older version into this one's; all of it or nothing.

    Args:
        db: the database.
        path: where it lies: a copy of it as it was is kept beside it; None where there is nothing to keep.

    Raises:
        UserError: ``records.newer``.
    """
    version = _version(db)
    if version == VERSION:
        return
    if version > VERSION:
        raise _newer(path or Path(), version)
    tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables and not tables & set(_TABLES):
        raise sqlite3.DatabaseError("the tables of something else")
    if tables and path is not None:
        backups.copy_before_migration(db, path, version)
    db.create_function("sentence_of", 1, functools.partial(_sentence_of, (path or Path()).parent))
    db.execute("BEGIN IMMEDIATE")
    with db:
        if _version(db) != version:
            return  # another process was first
        scripts = [script for number, script in _MIGRATIONS.items() if number > version] if tables else [_SCHEMA]
        for statement in _statements("".join(scripts)):
            _execute(db, statement)
        statements = [statement.rstrip(";\n") for statement in _statements(_INDEXES)]
        entries = db.execute(
            "SELECT sql, type, name FROM sqlite_master WHERE type != 'table' AND sql IS NOT NULL"
        ).fetchall()
        for sql, kind, name in entries:
            if sql not in statements:  # an older one of the same name would stay
                db.execute(f'DROP {kind} "{name}"')
        for sql in statements:
            if sql not in {row[0] for row in entries}:
                db.execute(sql)
        db.execute(f"PRAGMA user_version={VERSION}")


def _execute(db: sqlite3.Connection, statement: str) -> None:
    try:
        db.execute(statement)
    except sqlite3.OperationalError as error:
        # Earlier versions noted their number last: one that was killed right before it had added the column.
        if "duplicate column" not in str(error):
            raise


def _statements(script: str) -> Iterator[str]:
    """One by one: ``executescript`` would end the transaction."""
    statement = ""
    for line in script.splitlines():
        statement += f"{line}\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _sentence_of(project: Path, pair: str) -> str:
    """What was said in a pair, from its note; empty where there is none that can be read."""
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        return str(read_json(inside(project / "listening" / "pairs", f"{pair}.json"))["text"])
    return ""
