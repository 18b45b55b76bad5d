"""Tidying: takes that no line stands for any more, and how to be rid of them."""

from __future__ import annotations

from pathlib import Path

from core.jobs.job import busy
from core.project.workspace import Project
from core.studio import documents
from core.studio.start import at_work
from core.studio.state import states
from core.studio.takes import forget_take, take_file


def unused_takes(project: Project, id: str) -> list[Path]:
    """Sounds that no line stands for as the text is now: of what it said before, and takes that were not chosen."""
    rows = states(project, documents.document(project, id))
    takes_in_use = {row.chosen.id for row in rows if row.chosen}
    folder = take_file(documents.folder(project, id), "x").parent
    return sorted(path for path in folder.glob("[!.]*.wav") if path.stem not in takes_in_use)


def remove_unused_takes(project: Project, id: str) -> int:
    """Delete the `unused_takes`; what undo brings back is then spoken again. Returns the bytes that are free now.

    Raises:
        Busy: it is being spoken, or written as a file.
    """
    if job := at_work(project, id):
        raise busy(job.holder())
    size, folder = 0, documents.folder(project, id)
    for path in unused_takes(project, id):
        size += path.stat().st_size
        forget_take(folder, path.stem)
    return size
