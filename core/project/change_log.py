"""Changes of clips within an open database: their rows, revisions of fields, edits of bounds, and what was taken back.

Functions of a connection; whoever calls them (`core.project.tables`) begins and ends the transaction.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from core.errors import UserError
from core.project import conflicts
from core.project.records import Clip, Edit, Revision, RevisionGroup
from core.project.schema import insert, record
from core.text import clean_text

EDITABLE = {"text", "status", "reason", "start_s", "end_s", "language"}  # what a person may change
# Of a revision; asked row by row, where a list of all ids would be made first.
CLIP_EXISTS = "EXISTS (SELECT 1 FROM clips WHERE id = revisions.clip_id)"


def clip_rows(clips: Iterable[Clip]) -> list[dict[str, Any]]:
    """Rows of clips with their texts cleaned."""
    texts = ("text", "raw_text", "second_text")
    return [{**asdict(clip), **{name: clean_text(getattr(clip, name)) for name in texts}} for clip in clips]


def clip_row(db: sqlite3.Connection, clip_id: str) -> Clip:
    """A clip by its id.

    Raises:
        UserError: ``clip.missing``.
    """
    row = db.execute("SELECT * FROM clips WHERE id=?", (clip_id,)).fetchone()
    if row is None:
        raise UserError(
            "clip.missing",
            "This clip is no longer there: it was cut anew or removed, perhaps in another window.",
            "Nothing was done. Look at the clips there are now.",
            id=clip_id,
        )
    return record(Clip, row)


def apply(db: sqlite3.Connection, changes_of_rows: Sequence[tuple[sqlite3.Row, Mapping[str, Any]]]) -> None:
    """Change clips' fields, as one change; where all have these values already, nothing is noted."""
    now = next_time(db)
    revisions: list[tuple[str, str, str, str]] = []
    for row, changes in changes_of_rows:
        for name, new_value in changes.items():
            value = clean_text(new_value) if name == "text" else new_value
            if row[name] != value:
                revisions.append((row["id"], name, str(row[name]), str(value)))
                db.execute(f"UPDATE clips SET {name}=?, edited_at=? WHERE id=?", (value, now, row["id"]))
    if revisions:
        add_revisions(db, revisions, now)
        db.execute("DELETE FROM undone")


def add_revisions(db: sqlite3.Connection, revisions: Iterable[tuple[str, str, str, str]], at: float) -> None:
    """Note changes of fields, ``(id, field, old, new)``, as one."""
    sql = "INSERT INTO revisions (clip_id, field, old, new, at) VALUES (?, ?, ?, ?, ?)"
    db.executemany(sql, [(*revision, at) for revision in revisions])


def set_fields(db: sqlite3.Connection, values: Sequence[tuple[str, str, str]]) -> None:
    """Set fields of clips, ``(id, field, value)``. A dataset frozen before is out of date then."""
    now = time.time()
    for name in EDITABLE:
        # Bounds are kept as text in a revision; the column's type makes them numbers again.
        rows = [(value, now, clip_id) for clip_id, field, value in values if field == name]
        db.executemany(f"UPDATE clips SET {name}=?, edited_at=? WHERE id=?", rows)


def next_time(db: sqlite3.Connection) -> float:
    """Now, but later than every change before: changes are told apart, and put in order, by their time."""
    sql = (
        "SELECT max(coalesce((SELECT at FROM revisions ORDER BY number DESC LIMIT 1), 0), "
        "coalesce((SELECT at FROM edits ORDER BY number DESC LIMIT 1), 0))"
    )
    return max(time.time(), float(db.execute(sql).fetchone()[0]) + 1e-6)


def last_change(db: sqlite3.Connection) -> RevisionGroup | None:
    """The last change of fields of clips that are still there; None if there is none."""
    row = db.execute(f"SELECT * FROM revisions WHERE {CLIP_EXISTS} ORDER BY number DESC LIMIT 1").fetchone()
    if row is None:
        return None
    return RevisionGroup(conflicts.digest(row["number"], row["at"], row["clip_id"]), row["at"], row["clip_id"])


def push_undone(db: sqlite3.Connection, revisions: Sequence[Revision] = (), edit: Edit | None = None) -> None:
    """Note what was taken back, so that it can be made again."""
    changes = json.dumps([asdict(revision) for revision in revisions], ensure_ascii=False) if revisions else ""
    content = json.dumps(asdict(edit), ensure_ascii=False) if edit else ""
    db.execute("INSERT INTO undone (at, revisions, edit) VALUES (?, ?, ?)", (time.time(), changes, content))


def undone_stamp(row: sqlite3.Row) -> str:
    """The stamp of a row of ``undone``."""
    return conflicts.digest(row["number"], row["at"])


def last_undone(db: sqlite3.Connection) -> tuple[str, list[Revision] | Edit] | None:
    """What was taken back last, and its stamp; None if there is nothing."""
    row = db.execute("SELECT * FROM undone ORDER BY number DESC LIMIT 1").fetchone()
    if row is None:
        return None
    stamp = undone_stamp(row)
    if row["edit"]:
        values = json.loads(row["edit"])
        clips = {name: tuple(Clip(**fields) for fields in values[name]) for name in ("before", "after")}
        return stamp, Edit(**{**values, **clips})
    return stamp, [Revision(**values) for values in json.loads(row["revisions"])]


def revisions(db: sqlite3.Connection, clip_id: str) -> list[Revision]:
    """All changes of a clip, oldest first."""
    rows = db.execute("SELECT * FROM revisions WHERE clip_id=? ORDER BY number", (clip_id,))
    return [record(Revision, row) for row in rows]


def swap(db: sqlite3.Connection, source_id: str, old_clips: Iterable[Clip], fresh: Sequence[Clip]) -> None:
    """Put clips in the place of others of their recording."""
    last = last_number(db, source_id, [clip.id for clip in fresh])
    db.executemany("DELETE FROM clips WHERE id=?", [(clip.id,) for clip in old_clips])
    insert(db, "clips", clip_rows(fresh))
    note_change(db, source_id, last, has_changed=True)


def last_edit(db: sqlite3.Connection, source_id: str) -> Edit | None:
    """The last edit of a recording, or of any; None if its clips are no longer there."""
    condition, values = ("WHERE source_id=?", [source_id]) if source_id else ("", [])
    row = db.execute(f"SELECT * FROM edits {condition} ORDER BY number DESC LIMIT 1", values).fetchone()
    if row is None:
        return None
    before, after = (tuple(Clip(**fields) for fields in json.loads(row[name])) for name in ("before", "after"))
    ids = json.dumps([clip.id for clip in (*before, *after)])
    sql = "SELECT id FROM clips WHERE id IN (SELECT value FROM json_each(?))"
    if {clip_id for (clip_id,) in db.execute(sql, (ids,))} != {clip.id for clip in after}:
        return None  # cut anew since
    return Edit(row["number"], row["source_id"], row["what"], before, after, row["at"] or 0.0)


def forget_edits(db: sqlite3.Connection, source_id: str, clip_ids: set[str]) -> None:
    """Edits that made clips that are gone can't be undone any more, nor can what came before them."""
    rows = db.execute("SELECT number, after FROM edits WHERE source_id=? ORDER BY number DESC", (source_id,))
    last = next((number for number, after in rows if any(clip["id"] in clip_ids for clip in json.loads(after))), None)
    db.execute("DELETE FROM edits WHERE source_id=? AND number <= ?", (source_id, last))


def add_edit(
    db: sqlite3.Connection, source_id: str, action: str, before: Sequence[Clip], after: Sequence[Clip]
) -> Edit:
    """Note an edit of a recording's clips."""
    at = next_time(db)
    values = (source_id, action, _to_json(before), _to_json(after), at)
    sql = "INSERT INTO edits (source_id, what, before, after, at) VALUES (?, ?, ?, ?, ?)"
    return Edit(db.execute(sql, values).lastrowid or 0, source_id, action, tuple(before), tuple(after), at)


def _to_json(clips: Sequence[Clip]) -> str:
    return json.dumps([asdict(clip) for clip in clips], ensure_ascii=False)


def last_number(db: sqlite3.Connection, source_id: str, new_ids: Iterable[str] = ()) -> int:
    """The highest of ``new_ids`` and what is noted or, before there was a note, what clips and revisions show."""
    note = db.execute("SELECT last FROM clip_numbers WHERE source_id=?", (source_id,)).fetchone()
    begin = f"{source_id}-"
    if note:
        return max([int(note[0]), *(int(end) for id_ in new_ids if (end := id_.removeprefix(begin)).isdecimal())])
    # Compared as a range, so that the indexes are used: "." comes after "-".
    between = (begin, f"{source_id}.")
    rows = db.execute("SELECT id FROM clips WHERE source_id=?", (source_id,)).fetchall()
    rows += db.execute("SELECT DISTINCT clip_id FROM revisions WHERE clip_id > ? AND clip_id < ?", between).fetchall()
    ends = [clip_id.removeprefix(begin) for clip_id in (*new_ids, *(row[0] for row in rows))]
    return max([0, *(int(end) for end in ends if end.isdecimal())])


def note_change(db: sqlite3.Connection, source_id: str, last: int, has_changed: bool) -> None:
    """Note the highest number a clip of this source ever had and, if clips came or went, when."""
    sql = (
        "INSERT INTO clip_numbers (source_id, last, changed_at) VALUES (:id, :last, :at) "
        "ON CONFLICT (source_id) DO UPDATE SET last=:last, changed_at=coalesce(:at, changed_at)"
    )
    db.execute(sql, {"id": source_id, "last": last, "at": time.time() if has_changed else None})
