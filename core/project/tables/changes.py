"""What a person changes in clips: texts and decisions, each with a revision, and undo and redo of them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from core.project import change_log, conflicts, filters
from core.project.records import Clip, ClipFilter, Edit, Revision, RevisionGroup
from core.project.schema import connect, record
from core.project.tables.database import Database


class ChangeTables(Database):
    """Fields of clips that a person changes, their revisions, and what was taken back."""

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
            return change_log.clip_row(db, clip_id)

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

        The sound of an edit's clips is the caller's (`core.clips.undo_edit.redo_edit`).

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
