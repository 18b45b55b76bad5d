"""A project's records: recordings with their words, clips and every change of them, votes. Read and written here.

Every text that comes into a project passes here and is cleaned here (`core.text.clean_text`), wherever it came from.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from core.checkpoint_ref import CheckpointRef
from core.errors import UserError
from core.project import change_log, conflicts, filters
from core.project.records import MEASURES, Clip, ClipFilter, Edit, Revision, RevisionGroup, Source, Vote, Word
from core.project.schema import connect, insert, record
from core.text import clean_text

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
        with connect(self.path) as db:
            return filters.count_of(db, clip_filter)

    def holds(self, clip_filter: ClipFilter, clip_id: str) -> bool:
        """Whether the filter leaves this clip."""
        source_sql, values = filters.from_clause(clip_filter)
        with connect(self.path) as db:
            return db.execute(f"SELECT 1 FROM {source_sql} AND id=?", (*values, clip_id)).fetchone() is not None

    def ids_among(self, clip_filter: ClipFilter, ids: Collection[str]) -> set[str]:
        """Which of these ids are of clips that the filter leaves."""
        source_sql, values = filters.from_clause(clip_filter)
        sql = f"SELECT id FROM {source_sql} AND id IN (SELECT value FROM json_each(?))"
        with connect(self.path) as db:
            return {row[0] for row in db.execute(sql, (*values, json.dumps(list(ids))))}

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
            return change_log.clip_row(db, clip_id)

    def clips_by_id(self, ids: Collection[str]) -> dict[str, Clip]:
        """The clips of these ids; those that are gone are left out."""
        sql = "SELECT * FROM clips WHERE id IN (SELECT value FROM json_each(?))"
        with connect(self.path) as db:
            return {row["id"]: record(Clip, row) for row in db.execute(sql, (json.dumps(list(ids)),))}

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
            last = change_log.last_number(db, source_id, new_clips)
            rows = db.execute("SELECT * FROM clips WHERE source_id=? ORDER BY start_s, id", (source_id,)).fetchall()
            old_ids = {row["id"] for row in rows}
            old_clips = [record(Clip, row) for row in rows if row["id"] not in new_clips]
            edited_clips = [clip for clip in old_clips if clip.status != "new" or clip.edited_at is not None]
            if edited_clips and keep:
                keep(
                    edited_clips, [revision for clip in edited_clips for revision in change_log.revisions(db, clip.id)]
                )
            db.executemany("DELETE FROM clips WHERE id=?", [(clip.id,) for clip in old_clips])
            insert(db, "clips", change_log.clip_rows(clip for clip in new_clips.values() if clip.id not in old_ids))
            has_changed = bool(old_clips) or new_clips.keys() != old_ids
            if has_changed:
                db.execute("DELETE FROM undone")  # it was a change of what was cut before
                change_log.forget_edits(db, source_id, {clip.id for clip in old_clips})
            change_log.note_change(db, source_id, last, has_changed=has_changed)
        return [clip.id for clip in old_clips]

    def last_number(self, source_id: str) -> int:
        """The highest number a clip of this source ever had, 0 if it had none: what a clip was called stays its own."""
        with connect(self.path) as db:
            return change_log.last_number(db, source_id)

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
            before = [change_log.clip_row(db, clip_id) for clip_id in old_ids]
            for clip, stamp in zip(before, stamps, strict=False):
                conflicts.check(clip, stamp)
            change_log.swap(db, source_id, before, fresh)
            db.execute("DELETE FROM undone")
            return change_log.add_edit(db, source_id, action, before, fresh)

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
            edit = change_log.last_edit(db, source_id)
            if edit is None:
                return None
            now = [(change_log.clip_row(db, clip.id), change_log.revisions(db, clip.id)) for clip in edit.after]
            edited_clips = [(clip, changes) for clip, changes in now if clip.status != "new" or changes]
            if edited_clips and keep:
                keep(
                    [clip for clip, _ in edited_clips],
                    [revision for _, changes in edited_clips for revision in changes],
                )
            change_log.swap(db, source_id, edit.after, edit.before)
            db.execute("DELETE FROM edits WHERE number=?", (edit.number,))
            change_log.push_undone(db, edit=edit)
        return edit

    def last_edited(self, action: str) -> dict[str, str]:
        """Recordings whose last edit's name begins like this, by id, with that name."""
        sql = (
            "SELECT source_id, what FROM edits WHERE what LIKE ? || '%' "
            "AND number IN (SELECT max(number) FROM edits GROUP BY source_id)"
        )
        with connect(self.path) as db:
            return dict(db.execute(sql, (action,)).fetchall())

    def last_edit(self, source_id: str = "") -> Edit | None:
        """What `undo_edit` would take back; without a recording, the last edit of any."""
        with connect(self.path) as db:
            return change_log.last_edit(db, source_id)

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
        if unknown := changes.keys() - change_log.EDITABLE:
            raise ValueError(
                f"not editable: {', '.join(sorted(unknown))}; editable: {', '.join(sorted(change_log.EDITABLE))}"
            )
        with connect(self.path) as db:
            db.execute("BEGIN IMMEDIATE")
            status = str(changes.get("status", ""))
            conflicts.check(change_log.clip_row(db, clip_id), stamp, draft=draft, status=status, new_text=new_text)
            row = db.execute("SELECT * FROM clips WHERE id=?", (clip_id,)).fetchone()
            change_log.apply(db, [(row, changes)])
        return self.clip(clip_id)

    def edit_clips(
        self,
        selection: ClipFilter | Sequence[str],
        *,
        without: Collection[str] = (),
        stamp: str | None = None,
        **changes: Any,
    ) -> int:
        """The same change on every clip the filter leaves, or that has one of these ids, undone as one.

        Args:
            selection: which clips.
            without: ids of those among them that stay as they are.
            stamp: theirs as the person was shown it.
            changes: the new values by field.

        Returns:
            how many.

        Raises:
            UserError: ``clips.changed``.
        """
        if unknown := changes.keys() - change_log.EDITABLE:
            raise ValueError(f"not editable: {', '.join(sorted(unknown))}")
        if isinstance(selection, ClipFilter):
            source_sql, values = filters.from_clause(selection)
        else:
            source_sql, values = "clips WHERE id IN (SELECT value FROM json_each(?))", [json.dumps(list(selection))]
        with connect(self.path) as db:
            db.execute("BEGIN IMMEDIATE")
            if stamp is not None and isinstance(selection, ClipFilter) and stamp != filters.stamp_of(db, selection):
                raise conflicts.stale_errors()
            rows = [row for row in db.execute(f"SELECT * FROM {source_sql}", values) if row["id"] not in without]
            change_log.apply(db, [(row, changes) for row in rows])
        return len(rows)

    def replace_texts(self, texts: Mapping[str, tuple[str, str]]) -> int:
        """Give clips other texts, each its own, undone as one; returns how many.

        Args:
            texts: by id, the text as the person was shown it, and the new one.

        Raises:
            UserError: ``clips.changed``: one of them has another text by now, or is gone; then none is changed.
        """
        with connect(self.path) as db:
            db.execute("BEGIN IMMEDIATE")
            ids = json.dumps(list(texts))
            rows = db.execute("SELECT * FROM clips WHERE id IN (SELECT value FROM json_each(?))", (ids,)).fetchall()
            if len(rows) < len(texts) or any(row["text"] != texts[row["id"]][0] for row in rows):
                raise conflicts.stale_errors()
            change_log.apply(db, [(row, {"text": texts[row["id"]][1]}) for row in rows])
        return len(rows)

    def revisions(self, clip_id: str) -> list[Revision]:
        """All changes of a clip, oldest first."""
        with connect(self.path) as db:
            return change_log.revisions(db, clip_id)

    def ids_with_edited_text(self) -> set[str]:
        """Ids of the clips whose text a person changed."""
        with connect(self.path) as db:
            return {row[0] for row in db.execute("SELECT DISTINCT clip_id FROM revisions WHERE field='text'")}

    def last_change(self) -> RevisionGroup | None:
        """What `undo_last` would take back; None if there is nothing."""
        with connect(self.path) as db:
            return change_log.last_change(db)

    def undo_last(self, stamp: str | None = None) -> list[str]:
        """Take the last change of clips' fields back, be it of one clip or of many at once; returns their ids.

        Changes of clips that are gone are passed over, and kept. `redo_last` makes it again.

        Args:
            stamp: of the last change as the person was shown it.

        Raises:
            UserError: ``clip.changed``: another change came since.
        """
        with connect(self.path) as db:
            db.execute("BEGIN IMMEDIATE")
            last = change_log.last_change(db)
            if stamp is not None and stamp != (last.stamp if last else ""):
                raise conflicts.stale_error()
            if last is None:
                return []
            rows = db.execute(
                f"SELECT * FROM revisions WHERE at=? AND {change_log.CLIP_EXISTS} ORDER BY number", (last.at,)
            ).fetchall()
            changes = [record(Revision, row) for row in rows]
            change_log.set_fields(db, [(change.clip_id, change.field, change.old) for change in changes])
            db.execute(f"DELETE FROM revisions WHERE at=? AND {change_log.CLIP_EXISTS}", (last.at,))
            change_log.push_undone(db, changes)
        return list(dict.fromkeys(change.clip_id for change in changes))

    def last_undone(self) -> tuple[str, list[Revision] | Edit] | None:
        """What `redo_last` would make again, and its stamp: changes of fields, or an edit of a recording's clips."""
        with connect(self.path) as db:
            return change_log.last_undone(db)

    def undone_stamp(self) -> str:
        """The stamp of what `redo_last` would make again; "" if there is nothing."""
        with connect(self.path) as db:
            row = db.execute("SELECT number, at FROM undone ORDER BY number DESC LIMIT 1").fetchone()
        return change_log.undone_stamp(row) if row else ""

    def redo_last(self, stamp: str | None = None) -> list[Revision] | Edit | None:
        """Make the change again that was taken back last; None if there is none.

        The sound of an edit's clips is the caller's (`core.clips.edit.redo`).

        Raises:
            UserError: ``clip.changed``: other things were changed or taken back since.
        """
        with connect(self.path) as db:
            db.execute("BEGIN IMMEDIATE")
            undone = change_log.last_undone(db)
            if stamp is not None and stamp != (undone[0] if undone else ""):
                raise conflicts.stale_error()
            if undone is None:
                return None
            content = undone[1]
            if isinstance(content, Edit):
                if any(change_log.clip_row(db, clip.id).text != clip.text for clip in content.before):
                    raise conflicts.stale_error()
                change_log.swap(db, content.source_id, content.before, content.after)
                change_log.add_edit(db, content.source_id, content.what, content.before, content.after)
            else:
                for change in content:
                    if str(getattr(change_log.clip_row(db, change.clip_id), change.field)) != change.old:
                        raise conflicts.stale_error()
                change_log.set_fields(db, [(change.clip_id, change.field, change.new) for change in content])
                change_log.add_revisions(
                    db, [(r.clip_id, r.field, r.old, r.new) for r in content], change_log.next_time(db)
                )
            db.execute("DELETE FROM undone WHERE number = (SELECT max(number) FROM undone)")
        return content

    def decision_times(self, limit: int = 60) -> list[float]:
        """When the last decisions were made (Unix time), the newest first; many at once count as one."""
        sql = "SELECT at FROM revisions WHERE field='status' ORDER BY number DESC LIMIT ?"
        with connect(self.path) as db:
            return list(dict.fromkeys(row[0] for row in db.execute(sql, (limit,))))

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

    def undo_vote(self, pair: str) -> None:
        """Take the vote on a pair back."""
        with connect(self.path) as db:
            db.execute("DELETE FROM votes WHERE pair = ?", (pair,))

    def voted_pairs(self) -> set[str]:
        """Ids of the pairs that have a vote."""
        with connect(self.path) as db:
            return {row[0] for row in db.execute("SELECT pair FROM votes")}

    def votes(self) -> list[Vote]:
        """All votes, oldest first."""
        ref = functools.cache(CheckpointRef.parse)  # many votes are on few checkpoints
        with connect(self.path) as db:
            return [
                Vote(pair, ref(left), ref(right), *rest)
                for pair, left, right, *rest in db.execute(f"SELECT {_VOTE} FROM votes ORDER BY number")
            ]


def _word_rows(source_id: str, words: Iterable[Word]) -> list[dict[str, Any]]:
    word_rows = ({"source_id": source_id, **asdict(word), "text": clean_text(word.text)} for word in words)
    return [word for word in word_rows if word["text"]]
