"""A folder of this computer, by the path a person typed: what it would bring in is shown; the folder stays as it is."""

from __future__ import annotations

from pathlib import Path

from core.errors import UserError
from core.project.workspace import Project
from core.sources.collections.pending import PendingDataset, hold_folder


def add_folder(project: Project, path_text: str) -> PendingDataset:
    """Look through a folder by job (see `core.sources.collections.scan`); a person then brings it in or puts it away.

    Args:
        project: where to.
        path_text: a whole path, or one that begins with ``~``.

    Raises:
        UserError: ``folder.not_one``, ``folder.own``.
    """
    path = typed_folder(path_text)
    folder, workspace = path.resolve(), project.workspace.path.resolve()
    if folder.is_relative_to(workspace) or workspace.is_relative_to(folder):
        raise UserError(
            "folder.own",
            "“{path}” holds Voicewright's own files, or lies among them.",
            "Choose the folder your recordings are in.",
            path=path_text.strip()[:200],
        )
    return hold_folder(project, folder)


def typed_folder(path_text: str) -> Path:
    """A folder by the path a person typed.

    Raises:
        UserError: ``folder.not_one``.
    """
    text = path_text.strip().strip("\"'")
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
    return path
