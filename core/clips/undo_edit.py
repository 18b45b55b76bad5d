"""Undo and redo of a change of a recording's clips by hand."""

from __future__ import annotations

import bisect

from core.clips.cut import options_of_last_cut
from core.clips.edit import SAME_S, write_sound
from core.clips.lock import clip_lock
from core.clips.trash_folder import Trash, bring_sound_back, put_sound_away
from core.errors import UserError
from core.project import conflicts
from core.project.records import Edit
from core.project.workspace import Project


def undo_edit(project: Project, source_id: str, *, stamp: str | None = None) -> str:
    """Take the last change of a recording's clips back and return what it was.

    Clips it made that a person wrote in or decided on since go to the project's trash, from where they come back.
    ``stamp`` is the change's `undo_stamp` as the person was shown it.

    Raises:
        UserError: ``clip.changed``, ``edit.nothing_to_undo``: there is none, or its clips were cut anew since.
        Busy: the project's recordings are being cut.
    """
    source = project.store.source(source_id)
    with clip_lock(project):
        edit = undoable_edit(project, source_id)
        if stamp is not None and stamp != undo_stamp(project, edit):
            raise conflicts.stale_error()
        if edit is None:
            raise UserError("edit.nothing_to_undo", "There is nothing left to undo here.")
        for clip in edit.before:
            if not bring_sound_back(project, clip):
                write_sound(project, source, clip, options_of_last_cut(project, source_id))
        trash = Trash(project, source)
        try:
            project.store.undo_edit(source_id, trash.keep)
        except BaseException:
            trash.undo()
            raise
        trash.move()
        put_sound_away(project, edit.after)
    return edit.what


def redo_edit(project: Project, undone: Edit, *, stamp: str | None = None) -> Edit:
    """Make the edit again that `undo_edit` took back last.

    Args:
        project: whose.
        undone: the edit (`Store.last_undone`), with the ``stamp`` it had there.

    Raises:
        UserError: ``clip.changed``, ``clip.missing``: its clips are no longer as they were; ``segment.unreadable``.
        Busy: the project's recordings are being cut.
    """
    source = project.store.source(undone.source_id)
    with clip_lock(project):
        now = project.store.last_undone()
        if now is None or now[1] != undone:  # another window was sooner: the sounds are those of its clips
            raise conflicts.stale_error()
        for clip in undone.after:
            if not bring_sound_back(project, clip):
                write_sound(project, source, clip, options_of_last_cut(project, source.id))
        try:
            project.store.redo_last(stamp)
        except BaseException:
            put_sound_away(project, undone.after)
            raise
        put_sound_away(project, undone.before)
    return undone


def undoable_edit(project: Project, source_id: str) -> Edit | None:
    """What `undo_edit` would take back; None if nothing was changed, or the recording was cut anew since."""
    edit = project.store.last_edit(source_id)
    if edit is None or not edit.before:
        return edit
    before, after = sorted(edit.before, key=lambda clip: clip.start_s), {clip.id for clip in edit.after}
    starts = [clip.start_s for clip in before]
    for present in project.store.clips_between(source_id, starts[0], max(clip.end_s for clip in before)):
        index = bisect.bisect_left(starts, present.end_s - SAME_S) - 1  # the last to begin before it ends
        if present.id not in after and index >= 0 and before[index].end_s - SAME_S > present.start_s:
            return None
    return edit


def undo_stamp(project: Project, edit: Edit | None) -> str:
    """Changes whenever another change would be taken back, or a person has changed the clips it made."""
    if edit is None:
        return ""
    stamps = [conflicts.stamp(project.store.clip(clip.id)) for clip in edit.after]
    return conflicts.digest(edit.number, edit.what, [clip.id for clip in (*edit.before, *edit.after)], stamps)
