"""Undo and redo: changes of clips' fields and edits of their bounds as one history, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.clips.undo_edit import redo_edit, undo_edit, undo_stamp, undoable_edit
from core.errors import UserError
from core.measures.voices import has_several_voices, update_similarity
from core.project.records import Clip, Edit, Revision
from core.project.workspace import Project


@dataclass(frozen=True)
class Change:
    """A change that is to be or was undone or redone.

    ``kind`` is what it did: approval, rejection, reopening, correction or adjustment of clips, or an edit's ``what``
    (split, join, move, remove, bring_back, restore). ``clip_id`` is where to look afterwards, "" where nothing is left
    to look at; ``count`` how many clips it was of.
    """

    kind: str
    clip_id: str
    count: int = 1


def last_stamp(project: Project) -> str:
    """The stamp of what `undo` would take back; "" if there is nothing."""
    last_edit = _last_edit(project)
    if last_edit is not None:
        return undo_stamp(project, last_edit)
    group = project.store.last_change()
    return group.stamp if group else ""


def last_clip_id(project: Project) -> str:
    """A clip that `undo` would change, "" if there is none."""
    last_edit = _last_edit(project)
    if last_edit is not None:
        return last_edit.after[0].id if last_edit.after else ""
    group = project.store.last_change()
    return group.clip_id if group else ""


def redo_stamp(project: Project) -> str:
    """The stamp of what `redo` would make again; "" if there is nothing."""
    return project.store.undone_stamp()


def undo(project: Project, *, stamp: str | None = None) -> Change:
    """Take the last change back, of one clip or of many at once, or of where clips begin and end.

    Args:
        project: whose.
        stamp: of the last change as the person was shown it (`last_stamp`).

    Raises:
        UserError: ``clip.changed``, ``review.nothing_to_undo``, ``segment.unreadable``.
        Busy: the project's recordings are being cut.
    """
    last_edit = _last_edit(project)
    if last_edit is not None:
        undo_edit(project, last_edit.source_id, stamp=stamp)
        return _edit_change(last_edit, last_edit.before)
    clip_ids = project.store.undo_last(stamp)
    if not clip_ids:
        raise UserError("review.nothing_to_undo", "There is no change to take back.")
    undone = project.store.last_undone()
    _after_many(project, len(clip_ids))
    changes = undone[1] if undone and isinstance(undone[1], list) else []
    return Change(_kind(changes), clip_ids[0], len(clip_ids))


def redo(project: Project, *, stamp: str | None = None) -> Change:
    """Make the change again that was taken back last.

    Args:
        project: whose.
        stamp: of that change as the person was shown it (`redo_stamp`).

    Raises:
        UserError: ``clip.changed``, ``clip.missing``, ``review.nothing_to_redo``, ``segment.unreadable``.
        Busy: the project's recordings are being cut.
    """
    undone = project.store.last_undone()
    if undone is None:
        raise UserError("review.nothing_to_redo", "There is no change to make again.")
    stamp = undone[0] if stamp is None else stamp
    if isinstance(undone[1], Edit):
        redone_edit = redo_edit(project, undone[1], stamp=stamp)
        return _edit_change(redone_edit, redone_edit.after)
    project.store.redo_last(stamp)
    ids = list(dict.fromkeys(change.clip_id for change in undone[1]))
    _after_many(project, len(ids))
    return Change(_kind(undone[1]), ids[0], len(ids))


def _last_edit(project: Project) -> Edit | None:
    """The last edit of clips' bounds, if nothing else was changed since and it can be taken back."""
    last_edit, group = project.store.last_edit(), project.store.last_change()
    if last_edit is None or (group is not None and group.at > last_edit.at):
        return None
    return undoable_edit(project, last_edit.source_id)


def _edit_change(last_edit: Edit, clips: Sequence[Clip]) -> Change:
    return Change(last_edit.what, clips[0].id if clips else "", len(clips))


def _kind(changes: Sequence[Revision]) -> str:
    statuses = {change.new for change in changes if change.field == "status"}
    if statuses:
        return {"approved": "approval", "rejected": "rejection"}.get(statuses.pop(), "reopening")
    return "correction" if any(change.field == "text" for change in changes) else "adjustment"


def _after_many(project: Project, count: int) -> None:
    if count > 1 and has_several_voices(project):
        update_similarity(project)  # which voice has most clips may be another now
