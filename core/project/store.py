"""A project's records: recordings with their words, clips and every change of them, votes. Read and written here.

Every text that comes into a project passes here and is cleaned here (`core.text.clean_text`), wherever it came from.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from core.checkpoint_ref import CheckpointRef
from core.errors import UserError
from core.project import conflicts, filters
from core.project.records import MEASURES, Clip, ClipFilter, Edit, Revision, Source, Vote, Word
from core.project.schema import connect, insert, record
from core.text import clean_text

_EDITABLE = {"text", "status", "reason", "start_s", "end_s", "language"}
# Clips are shorter than this, so that the index on where they begin also finds those that reach into a stretch.
_LONGEST_S = 120.0
_VOTE = "pair, left_name, right_name, choice, at, sentence, listener"  # the fields of a `Vote`, in order
_REACHING_INTO = "source_id=? AND start_s > ? AND start_s < ? AND end_s > ?"


class Store:
    """Opens the database for each call, so that it may be used from any thread or process."""

    def __init__(self, path: Path) -> None:
        self.path = path

    # Recordings

    def add_source(self, source: Source, words: Iterable[Word] = (), clips: Iterable[Clip] = ()) -> None:
        """Add a recording with the words and clips that come with it, all of it or nothing."""
        word_rows = _word_rows(source.id, words)
        clip_rows = _clip_rows(clips)
        with connect(self.path) as db:
            insert(db, "sources", [asdict(replace(source, added_at=source.added_at or time.time()))])
            insert(db, "words", word_rows)
            if clip_rows:
                last = _last_number(db, source.id, [clip["id"] for clip in clip_rows])
                insert(db, "clips", clip_rows)
                _note_change(db, source.id, last, has_changed=True)

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
            raise UserError(
                "source.missing", "The recording {id} is no longer there.", "Reload the page.", id=source_id
            )
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

    # Clips that a filter leaves

    def clips(self, clip_filter: ClipFilter = ClipFilter(), offset: int = 0, limit: int = -1) -> list[Clip]:
        """A page of clips; a negative limit means all."""
        source_sql, values = filters.from_clause(clip_filter)
        order = filters.ORDER[clip_filter.sort]
        # Rows are chosen by what the indexes hold; only those of the page are read whole.
        page = f"SELECT rowid FROM {source_sql} ORDER BY {order} LIMIT ? OFFSET ?"
        sql = f"SELECT * FROM clips WHERE rowid IN ({page}) ORDER BY {order}"
        with connect(self.path) as db:
            return [record(Clip, row) for row in db.execute(sql, (*values, limit, offset))]

    def count(self, clip_filter: ClipFilter = ClipFilter()) -> int:
        """How many clips the filter leaves."""
        source_sql, values = filters.from_clause(clip_filter)
        with connect(self.path) as db:
            return int(db.execute(f"SELECT count(*) FROM {source_sql}", values).fetchone()[0])

    def holds(self, clip_filter: ClipFilter, clip_id: str) -> bool:
        """Whether the filter leaves this clip."""
        source_sql, values = filters.from_clause(clip_filter)
        with connect(self.path) as db:
            return db.execute(f"SELECT 1 FROM {source_sql} AND id=?", (*values, clip_id)).fetchone() is not None

    def walk(self, clip_filter: ClipFilter, clip: Clip, *, forward: bool = True, limit: int = 1) -> list[Clip]:
        """The clips the filter leaves after (or before) this one in the filter's order, the nearest first."""
        source_sql, values = filters.from_clause(clip_filter)
        place = filters.PLACE[clip_filter.sort]
        sign, order = (">", ", ".join(place)) if forward else ("<", ", ".join(f"{column} DESC" for column in place))
        place_sql, place_values = filters.place_of(clip_filter, clip)
        near = f"SELECT rowid FROM {source_sql} AND ({', '.join(place)}) {sign} {place_sql}"
        sql = f"SELECT * FROM clips WHERE rowid IN ({near} ORDER BY {order} LIMIT ?) ORDER BY {order}"
        with connect(self.path) as db:
            return [record(Clip, row) for row in db.execute(sql, (*values, *place_values, limit))]

    def count_before(self, clip_filter: ClipFilter, clip: Clip) -> int:
        """How many clips the filter leaves before this one in the filter's order."""
        source_sql, values = filters.from_clause(clip_filter)
        place_sql, place_values = filters.place_of(clip_filter, clip)
        sql = f"SELECT count(*) FROM {source_sql} AND ({', '.join(filters.PLACE[clip_filter.sort])}) < {place_sql}"
        with connect(self.path) as db:
            return int(db.execute(sql, (*values, *place_values)).fetchone()[0])

    # Clips by id, or by where they lie in their recording

    def clip(self, clip_id: str) -> Clip:
        """One clip.

        Raises:
            UserError: ``clip.missing``.
        """
        with connect(self.path) as db:
            return _clip_row(db, clip_id)

    def clips_between(self, source_id: str, start_s: float, end_s: float, limit: int = -1) -> list[Clip]:
        """The clips of a recording that reach into a stretch of it, in order; a negative limit means all."""
        sql = f"SELECT * FROM clips WHERE {_REACHING_INTO} ORDER BY start_s LIMIT ?"
        with connect(self.path) as db:
            return [
                record(Clip, row) for row in db.execute(sql, (source_id, start_s - _LONGEST_S, end_s, start_s, limit))
            ]

    def bounds(self, source_id: str, start_s: float = 0.0, end_s: float = 1e9) -> list[tuple[float, float]]:
        """Where the clips that reach into a stretch of a recording begin and end, in order."""
        sql = f"SELECT start_s, end_s FROM clips WHERE {_REACHING_INTO} ORDER BY start_s"
        with connect(self.path) as db:
            return [(row[0], row[1]) for row in db.execute(sql, (source_id, start_s - _LONGEST_S, end_s, start_s))]

    def neighbour_bounds(self, source_id: str, start_s: float, end_s: float) -> tuple[float, float]:
        """Where the last clip before a stretch ends (0 if there is none), and where the next after it begins."""
        before = "SELECT end_s FROM clips WHERE source_id=? AND start_s <= ? ORDER BY start_s DESC LIMIT 1"
        after = "SELECT start_s FROM clips WHERE source_id=? AND start_s >= ? ORDER BY start_s LIMIT 1"
        with connect(self.path) as db:
            last = db.execute(before, (source_id, start_s)).fetchone()
            following = db.execute(after, (source_id, end_s)).fetchone()
        return (last[0] if last else 0.0), (following[0] if following else float("inf"))

    # Clips come and go

    def replace_clips(
        self,
        source_id: str,
        clips: Iterable[Clip],
        keep: Callable[[list[Clip], list[Revision]], object] | None = None,
    ) -> list[str]:
        """Put these clips in the place of all clips of a source, in one transaction; returns the ids that went.

        A clip that is there already is left as it is: these may be copies from before a person edited it.

        Args:
            keep: handed the clips a person has reviewed or edited, and their revisions, before they go; if it raises,
                nothing is changed.
        """
        new_clips = {clip.id: clip for clip in clips}
        with connect(self.path) as db:
            db.execute("BEGIN IMMEDIATE")
            last = _last_number(db, source_id, new_clips)
            rows = db.execute("SELECT * FROM clips WHERE source_id=? ORDER BY start_s, id", (source_id,)).fetchall()
            old_ids = {row["id"] for row in rows}
            old_clips = [record(Clip, row) for row in rows if row["id"] not in new_clips]
            edited_clips = [clip for clip in old_clips if clip.status != "new" or clip.edited_at is not None]
            if edited_clips and keep:
                keep(edited_clips, [revision for clip in edited_clips for revision in _revisions(db, clip.id)])
            db.executemany("DELETE FROM clips WHERE id=?", [(clip.id,) for clip in old_clips])
            insert(db, "clips", _clip_rows(clip for clip in new_clips.values() if clip.id not in old_ids))
            _note_change(db, source_id, last, has_changed=bool(old_clips) or new_clips.keys() != old_ids)
        return [clip.id for clip in old_clips]

    def last_number(self, source_id: str) -> int:
        """The highest number a clip of this source ever had, 0 if it had none: what a clip was called stays its own."""
        with connect(self.path) as db:
            return _last_number(db, source_id)

    def swap_clips(
        self, source_id: str, action: str, old_ids: Sequence[str], fresh: Sequence[Clip], stamps: Sequence[str] = ()
    ) -> Edit:
        """Put clips in the place of others, and remember it for `undo_edit`.

        Args:
            stamps: of those that go, as they were when the others were made of them (see `core.project.conflicts`).

        Raises:
            UserError: ``clip.missing``: one of ``old_ids`` is not there (any more); ``clip.changed``.
        """
        with connect(self.path) as db:
            db.execute("BEGIN IMMEDIATE")
            before = [_clip_row(db, clip_id) for clip_id in old_ids]
            for clip, stamp in zip(before, stamps, strict=False):
                conflicts.check(clip, stamp)
            _swap(db, source_id, before, fresh)
            values = (source_id, action, _to_json(before), _to_json(fresh))
            number = db.execute(
                "INSERT INTO edits (source_id, what, before, after) VALUES (?, ?, ?, ?)", values
            ).lastrowid
        return Edit(number or 0, source_id, action, tuple(before), tuple(fresh))

    def undo_edit(
        self, source_id: str, keep: Callable[[list[Clip], list[Revision]], object] | None = None
    ) -> Edit | None:
        """Take the last edit of a recording's clips back; None if there is none whose clips are still there.

        What recognition or a person wrote into the clips meanwhile goes with them.

        Args:
            keep: handed those of them as they are now that a person decided on or changed, and their revisions,
                before they go; if it raises, nothing is changed.
        """
        with connect(self.path) as db:
            db.execute("BEGIN IMMEDIATE")
            edit = _last_edit(db, source_id)
            if edit is None:
                return None
            now = [(_clip_row(db, clip.id), _revisions(db, clip.id)) for clip in edit.after]
            edited_clips = [(clip, changes) for clip, changes in now if clip.status != "new" or changes]
            if edited_clips and keep:
                keep(
                    [clip for clip, _ in edited_clips],
                    [revision for _, changes in edited_clips for revision in changes],
                )
            _swap(db, source_id, edit.after, edit.before)
            db.execute("DELETE FROM edits WHERE number=?", (edit.number,))
        return edit

    def last_edited(self, action: str) -> dict[str, str]:
        """Recordings whose last edit's name begins like this, by id, with that name."""
        sql = (
            "SELECT source_id, what FROM edits WHERE what LIKE ? || '%' "
            "AND number IN (SELECT max(number) FROM edits GROUP BY source_id)"
        )
        with connect(self.path) as db:
            return dict(db.execute(sql, (action,)).fetchall())

    def last_edit(self, source_id: str) -> Edit | None:
        """What `undo_edit` would take back."""
        with connect(self.path) as db:
            return _last_edit(db, source_id)

    # What a person changes in a clip

    def edit_clip(
        self, clip_id: str, *, stamp: str | None = None, draft: str | None = None, new_text: str = "", **changes: Any
    ) -> Clip:
        """Change what a person may change (text, status, reason, bounds, language); each change keeps a revision.

        Args:
            clip_id: which clip.
            stamp: the clip's as the person was shown it; ``draft``, ``new_text``: see `core.project.conflicts.check`.
            changes: the new values by field.

        Raises:
            UserError: ``clip.missing``, ``clip.changed``.
        """
        if unknown := changes.keys() - _EDITABLE:
            raise ValueError(f"not editable: {', '.join(sorted(unknown))}; editable: {', '.join(sorted(_EDITABLE))}")
        with connect(self.path) as db:
            db.execute("BEGIN IMMEDIATE")
            status = str(changes.get("status", ""))
            conflicts.check(_clip_row(db, clip_id), stamp, draft=draft, status=status, new_text=new_text)
            row = db.execute("SELECT * FROM clips WHERE id=?", (clip_id,)).fetchone()
            _apply(db, row, changes, time.time())
        return self.clip(clip_id)

    def edit_clips(self, selection: ClipFilter | Sequence[str], *, stamp: str | None = None, **changes: Any) -> int:
        """The same change on every clip the filter leaves, or that has one of these ids, undone as one.

        Args:
            selection: which clips.
            stamp: theirs as the person was shown it.
            changes: the new values by field.

        Returns:
            how many.

        Raises:
            UserError: ``clips.changed``.
        """
        if unknown := changes.keys() - _EDITABLE:
            raise ValueError(f"not editable: {', '.join(sorted(unknown))}")
        if isinstance(selection, ClipFilter):
            source_sql, values = filters.from_clause(selection)
        else:
            source_sql, values = "clips WHERE id IN (SELECT value FROM json_each(?))", [json.dumps(list(selection))]
        now = time.time()
        with connect(self.path) as db:
            db.execute("BEGIN IMMEDIATE")
            if stamp is not None and isinstance(selection, ClipFilter) and stamp != _stamp(db, selection):
                raise conflicts.stale_errors()
            rows = db.execute(f"SELECT * FROM {source_sql}", values).fetchall()
            for row in rows:
                _apply(db, row, changes, now)
        return len(rows)

    def stamp(self, clip_filter: ClipFilter) -> str:
        """Changes whenever other clips are left by the filter, or one of them is changed."""
        with connect(self.path) as db:
            return _stamp(db, clip_filter)

    def revisions(self, clip_id: str) -> list[Revision]:
        """All changes of a clip, oldest first."""
        with connect(self.path) as db:
            return _revisions(db, clip_id)

    def ids_with_edited_text(self) -> set[str]:
        """Ids of the clips whose text a person changed."""
        with connect(self.path) as db:
            return {row[0] for row in db.execute("SELECT DISTINCT clip_id FROM revisions WHERE field='text'")}

    def last_change(self) -> tuple[str, str]:
        """What `undo_last` would take back: its stamp, and the clip it is of; both empty if there is nothing."""
        with connect(self.path) as db:
            row = _last_change(db)
        return (conflicts.digest(*row), row["clip_id"]) if row else ("", "")

    def undo_last(self, stamp: str | None = None) -> list[str]:
        """Take the last change in the whole project back, be it of one clip or of many at once; returns their ids.

        Changes of clips that are gone are passed over, and kept.

        Args:
            stamp: of the last change as the person was shown it.

        Raises:
            UserError: ``clip.changed``: another change came since.
        """
        clip_exists = "clip_id IN (SELECT id FROM clips)"
        with connect(self.path) as db:
            db.execute("BEGIN IMMEDIATE")
            last = _last_change(db)
            if stamp is not None and stamp != (conflicts.digest(*last) if last else ""):
                raise conflicts.stale_error()
            if last is None:
                return []
            at = last["at"]
            rows = db.execute(f"SELECT DISTINCT clip_id FROM revisions WHERE at=? AND {clip_exists}", (at,)).fetchall()
            for name in _EDITABLE:
                # Bounds are kept as text in a revision; the column's type makes them numbers again.
                db.execute(
                    f"UPDATE clips SET {name}=r.old FROM revisions r WHERE r.clip_id=clips.id AND r.at=? AND r.field=?",
                    (at, name),
                )
            # Taking back is a change too: a dataset frozen before it is out of date.
            now = time.time()
            db.executemany("UPDATE clips SET edited_at=? WHERE id=?", [(now, row[0]) for row in rows])
            db.execute(f"DELETE FROM revisions WHERE at=? AND {clip_exists}", (at,))
        return [row[0] for row in rows]

    # What models hear and measure of a clip

    def store_transcript(
        self,
        clip_id: str,
        transcript: str,
        confidence: float,
        language: str,
        *,
        avg_logprob: float | None = None,
        no_speech_prob: float | None = None,
        compression_ratio: float | None = None,
        text_flags: str = "",
    ) -> Clip | None:
        """Store what recognition heard, in one statement, so that it cannot race with a person's edit.

        ``raw_text`` is always set; ``text`` only where it is empty, or is what a model heard before and a person has
        neither changed nor approved: a given text stays, even where a model heard just that. A second opinion on what
        was heard before goes. Returns the clip as it is now, or None if it is no longer there.
        """
        sql = (
            "UPDATE clips SET raw_text=:transcript, confidence=:confidence, language=:language, "
            "avg_logprob=:avg_logprob, no_speech_prob=:no_speech_prob, compression_ratio=:compression_ratio, "
            "text_flags=:text_flags, second_text='', mismatch=NULL, checked=0, "
            "given=CASE WHEN text='' THEN 0 ELSE given END, "
            "text=CASE WHEN text='' OR (given=0 AND text=raw_text AND status!='approved' "
            "AND NOT (edited_at IS NOT NULL AND EXISTS (SELECT 1 FROM revisions WHERE clip_id=:id AND field='text'))) "
            "THEN :transcript ELSE text END "
            "WHERE id=:id RETURNING *"
        )
        values = {
            "id": clip_id,
            "transcript": clean_text(transcript),
            "confidence": confidence,
            "language": language,
            "avg_logprob": avg_logprob,
            "no_speech_prob": no_speech_prob,
            "compression_ratio": compression_ratio,
            "text_flags": text_flags,
        }
        with connect(self.path) as db:
            row = db.execute(sql, values).fetchone()
            return None if row is None else record(Clip, row)

    def second_opinion(
        self,
        clip_id: str,
        second_text: str,
        mismatch: float,
        text_flags: str,
        *,
        text: str | None = None,
        checked: bool = True,
    ) -> None:
        """Store what a second model heard in a clip, and how far it differs.

        Args:
            text: what it was compared with; if the clip's text is another by now, the difference is not stored.
            checked: whether a second model heard it; false for the difference between a given text and the first.
        """
        same = "text=coalesce(:text, text)"
        sql = (
            f"UPDATE clips SET second_text=:second_text, checked=:checked, "
            f"mismatch=CASE WHEN {same} THEN :mismatch ELSE mismatch END, "
            f"text_flags=CASE WHEN {same} THEN :text_flags ELSE text_flags END WHERE id=:id"
        )
        values = {"id": clip_id, "second_text": clean_text(second_text), "mismatch": mismatch, "text_flags": text_flags}
        with connect(self.path) as db:
            db.execute(sql, {**values, "text": text, "checked": int(checked)})

    def flag_texts(self, flags: Mapping[str, str]) -> None:
        """Set the flags of clips' texts by id, all at once."""
        with connect(self.path) as db:
            rows = [(codes, clip_id) for clip_id, codes in flags.items()]
            db.executemany("UPDATE clips SET text_flags=? WHERE id=?", rows)

    def measure_clip(self, clip_id: str, **measures: float | str | None) -> None:
        """Store what was measured of a clip's sound; names are those of `Clip`."""
        self.measure_clips({clip_id: measures})

    def measure_clips(self, measures: Mapping[str, Mapping[str, float | str | None]]) -> None:
        """Store what was measured of several clips, by id, in one transaction."""
        with connect(self.path) as db:
            for clip_id, values in measures.items():
                if unknown := values.keys() - MEASURES:
                    raise ValueError(f"no measures: {', '.join(sorted(unknown))}; there are {sorted(MEASURES)}")
                sets = ", ".join(f"{name}=:{name}" for name in values)
                db.execute(f"UPDATE clips SET {sets} WHERE id=:id", {**values, "id": clip_id})

    # Votes

    def add_vote(self, vote: Vote) -> None:
        """Keep a vote; a second one on the same pair (a double click) is ignored."""
        with connect(self.path) as db:
            row = (vote.pair, vote.left.name, vote.right.name, vote.choice, vote.at, vote.sentence, vote.listener)
            db.execute(f"INSERT OR IGNORE INTO votes ({_VOTE}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def undo_vote(self) -> None:
        """Take the last vote back."""
        with connect(self.path) as db:
            db.execute("DELETE FROM votes WHERE number = (SELECT max(number) FROM votes)")

    def votes(self) -> list[Vote]:
        """All votes, oldest first."""
        with connect(self.path) as db:
            return [
                Vote(pair, CheckpointRef.parse(left), CheckpointRef.parse(right), *rest)
                for pair, left, right, *rest in db.execute(f"SELECT {_VOTE} FROM votes ORDER BY number")
            ]


def _clip_rows(clips: Iterable[Clip]) -> list[dict[str, Any]]:
    texts = ("text", "raw_text", "second_text")
    return [{**asdict(clip), **{name: clean_text(getattr(clip, name)) for name in texts}} for clip in clips]


def _word_rows(source_id: str, words: Iterable[Word]) -> list[dict[str, Any]]:
    word_rows = ({"source_id": source_id, **asdict(word), "text": clean_text(word.text)} for word in words)
    return [word for word in word_rows if word["text"]]


def _clip_row(db: sqlite3.Connection, clip_id: str) -> Clip:
    row = db.execute("SELECT * FROM clips WHERE id=?", (clip_id,)).fetchone()
    if row is None:
        raise UserError(
            "clip.missing",
            "The clip {id} is no longer there: it was cut anew or removed, perhaps in another window.",
            "Nothing was done. Look at the clips there are now.",
            id=clip_id,
        )
    return record(Clip, row)


def _apply(db: sqlite3.Connection, row: sqlite3.Row, changes: dict[str, Any], now: float) -> None:
    for name, new_value in changes.items():
        value = clean_text(new_value) if name == "text" else new_value
        if row[name] != value:
            db.execute(
                "INSERT INTO revisions (clip_id, at, field, old, new) VALUES (?, ?, ?, ?, ?)",
                (row["id"], now, name, str(row[name]), str(value)),
            )
            db.execute(f"UPDATE clips SET {name}=?, edited_at=? WHERE id=?", (value, now, row["id"]))


def _last_change(db: sqlite3.Connection) -> sqlite3.Row | None:
    sql = (
        "SELECT number, at, clip_id FROM revisions WHERE clip_id IN (SELECT id FROM clips) ORDER BY number DESC LIMIT 1"
    )
    row: sqlite3.Row | None = db.execute(sql).fetchone()
    return row


def _stamp(db: sqlite3.Connection, clip_filter: ClipFilter) -> str:
    source_sql, values = filters.from_clause(clip_filter)
    facts = "count(*), total(rowid), max(edited_at), total(length(text)), count(nullif(status, 'new'))"
    return conflicts.digest(*db.execute(f"SELECT {facts} FROM {source_sql}", values).fetchone())


def _revisions(db: sqlite3.Connection, clip_id: str) -> list[Revision]:
    rows = db.execute("SELECT * FROM revisions WHERE clip_id=? ORDER BY number", (clip_id,))
    return [record(Revision, row) for row in rows]


def _swap(db: sqlite3.Connection, source_id: str, old_clips: Iterable[Clip], fresh: Sequence[Clip]) -> None:
    last = _last_number(db, source_id, [clip.id for clip in fresh])
    db.executemany("DELETE FROM clips WHERE id=?", [(clip.id,) for clip in old_clips])
    insert(db, "clips", _clip_rows(fresh))
    _note_change(db, source_id, last, has_changed=True)


def _last_edit(db: sqlite3.Connection, source_id: str) -> Edit | None:
    row = db.execute("SELECT * FROM edits WHERE source_id=? ORDER BY number DESC LIMIT 1", (source_id,)).fetchone()
    if row is None:
        return None
    before, after = (tuple(Clip(**fields) for fields in json.loads(row[name])) for name in ("before", "after"))
    clip_ids = {id_ for (id_,) in db.execute("SELECT id FROM clips WHERE source_id=?", (source_id,))}
    if not {clip.id for clip in after} <= clip_ids or {clip.id for clip in before} & clip_ids:
        return None  # cut anew since
    return Edit(row["number"], source_id, row["what"], before, after)


def _to_json(clips: Sequence[Clip]) -> str:
    return json.dumps([asdict(clip) for clip in clips], ensure_ascii=False)


def _last_number(db: sqlite3.Connection, source_id: str, new_ids: Iterable[str] = ()) -> int:
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


def _note_change(db: sqlite3.Connection, source_id: str, last: int, has_changed: bool) -> None:
    """Note the highest number a clip of this source ever had and, if clips came or went, when."""
    sql = (
        "INSERT INTO clip_numbers (source_id, last, changed_at) VALUES (:id, :last, :at) "
        "ON CONFLICT (source_id) DO UPDATE SET last=:last, changed_at=coalesce(:at, changed_at)"
    )
    db.execute(sql, {"id": source_id, "last": last, "at": time.time() if has_changed else None})
