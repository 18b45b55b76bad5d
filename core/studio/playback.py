"""Playback: which line of a text is heard next, as its takes are at that moment, and whether it is still to come."""

from __future__ import annotations

from dataclasses import dataclass

from core.jobs.args.studio import SpeakDocumentArgs
from core.jobs.job import Job
from core.project.workspace import Project
from core.studio import documents
from core.studio.start import at_work
from core.studio.state import LineState, states


@dataclass(frozen=True)
class NextLine:
    """What is played next.

    Args:
        row: the line; None where none follows, or the next one has no sound yet.
        is_coming: whether that one is about to be spoken, so that waiting is worth it.
        skipped: lines with words before it (or up to the end) that have no sound, and get none.
    """

    row: LineState | None
    is_coming: bool = False
    skipped: int = 0


def next_line(project: Project, id: str, *, after: int = 0, number: int = 1) -> NextLine:
    """The line that follows another one, or stands at a place.

    Args:
        project: whose.
        id: the document's.
        after: id of the line that was heard last; 0 if there is none.
        number: of the line to begin with, counted from 1; also the place of the line ``after``, if that is gone by now.

    Raises:
        UserError: ``studio.no_document``.
    """
    rows = states(project, documents.document(project, id))
    first = next((place for place, row in enumerate(rows, 1) if row.line.id == after), max(0, number - 1))
    job, skips = at_work(project, id), 0
    for row in rows[first:]:
        if row.chosen is not None:
            return NextLine(row, skipped=skips)
        if row.line.has_words:
            if job and _is_to_speak(job, row):
                return NextLine(None, True, skips)
            skips += 1
    return NextLine(None, False, skips)


def _is_to_speak(job: Job, row: LineState) -> bool:
    """Whether the job is still to have a go at a line: one it was given or asked for, not of a voice that is unknown.

    What failed before the job was started, be it by a resume, it tries anew.
    """
    args, view = job.spec().args, job.read()
    since = max(view.created_at, view.launched_at)
    if not isinstance(args, SpeakDocumentArgs) or row.state not in ("unspoken", "failed"):
        return False
    if row.request_at >= since:
        return True
    is_given = not args.lines or row.line.id in args.lines
    return is_given and (row.failure is None or row.failure.at < since)
