"""How clips come and go: a recording cut anew, or clips put in the place of others, and that taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from core.project import change_log, conflicts
from core.project.records import Clip, Edit, Revision
from core.project.schema import connect, insert, record
from core.project.tables.database import Database


class CutTables(Database):
    """The clips of a recording, and the edits that put some in the place of others."""

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
