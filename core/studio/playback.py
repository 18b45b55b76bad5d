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
    job, skipped = at_work(project, id), 0
    for row in rows[first:]:
        if row.chosen is not None:
            return NextLine(row, skipped=skipped)
        if row.line.has_words:
            if job and _is_to_speak(job, row):
                return NextLine(None, True, skipped)
            skipped += 1
    return NextLine(None, False, skipped)


def _is_to_speak(job: Job, row: LineState) -> bool:
    """Whether the job is still to have a go at a line: of those it was given, not of a voice that is unknown."""
    args = job.spec().args
    if not isinstance(args, SpeakDocumentArgs) or (args.lines and row.line.id not in args.lines):
        return False
    if row.state == "failed":
        return row.failure is None or row.failure.at < job.read().created_at
    return row.state == "unspoken"
