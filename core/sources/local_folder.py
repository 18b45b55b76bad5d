"""A folder of this computer, by the path a person typed: its sounds and texts come in, the folder stays as it is."""

from __future__ import annotations

from pathlib import Path

from core.errors import UserError
from core.jobs.job import Job
from core.sources import recordings
from core.workspace import Project


def add_folder(project: Project, typed: str, rights: str = "", *, max_hours: float = 24.0) -> Job:
    """Start the job that takes a folder in (see `core.sources.datasets`).

    Args:
        project: where to.
        typed: a whole path, or one that begins with ``~``.
        rights: the person's note on why they may use it.
        max_hours: longer recordings are refused.

    Raises:
        UserError: ``folder.not_one``, ``folder.own``.
        Busy: recordings are being added already.
    """
    text = typed.strip().strip("\"'")
    try:
        path = Path(text).expanduser()
        is_one = path.is_absolute() and path.is_dir()
    except (ValueError, OSError, RuntimeError):  # no path at all, or of a home that nobody has
        is_one = False
    if not is_one:
        raise UserError(
            "folder.not_one",
            "There is no folder “{path}” on the computer where Voicewright runs.",
            "Type its whole path, such as /mnt/recordings.",
            path=text[:200],
        )
    folder, own = path.resolve(), project.workspace.path.resolve()
    if folder.is_relative_to(own) or own.is_relative_to(folder):
        raise UserError(
            "folder.own",
            "“{path}” holds Voicewright's own files, or lies among them.",
            "Choose the folder your recordings are in.",
            path=text[:200],
        )
    return recordings.add(project, [], [], rights, max_hours=max_hours, folders=[folder])
