"""Fetching a mirrored project from a drive, to go on with it here."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from core.errors import DiskFull
from core.files import TEMP_PREFIX
from core.project.contents import FOLDERS, plain_files
from core.project.workspace import Project, Workspace
from core.sync.items import ABOUT, RECORDS, RESERVE_BYTES
from core.sync.ledger import Ledger, stamp_of, write_owner


def fetch(
    workspace: Workspace, drive: Path, slug: str, on_progress: Callable[[int, int], object] = lambda done, total: None
) -> Project | None:
    """Bring a mirrored project here and go on with it: from now on its mirror is this computer's.

    Args:
        workspace: where to.
        drive: the folder that holds its mirror.
        slug: the project's folder.
        on_progress: told bytes that are here, of how many.

    Returns:
        None where no such project lies on the drive, or it is here already.

    Raises:
        DiskFull: ``sync.no_room``.
    """
    source = drive / "projects" / slug
    if (workspace.projects_folder / slug).exists() or not (source / ABOUT).exists():
        return None
    files = [source / RECORDS, *(path for folder in sorted(FOLDERS) for path in plain_files(source / folder))]
    files.append(source / ABOUT)
    total = sum(path.stat().st_size for path in files)
    workspace.projects_folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(workspace.projects_folder).free - RESERVE_BYTES
    if total > free:
        raise DiskFull(
            "sync.no_room",
            "“{name}” needs {needed_mb} MB here, and {free_mb} MB are free.",
            "Free some space, or choose a machine with a larger disk.",
            name=slug,
            needed_mb=total >> 20,
            free_mb=max(0, free) >> 20,
        )
    draft = workspace.projects_folder / f"{TEMP_PREFIX}{slug}"
    shutil.rmtree(draft, ignore_errors=True)
    ledger, done = Ledger.of(workspace, slug), 0
    ledger.owner, ledger.files = secrets.token_hex(8), {}
    for path in files:
        name = path.relative_to(source).as_posix()
        target = draft / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        ledger.files[name] = stamp_of(target)
        done += ledger.files[name][0]
        on_progress(done, total)
    draft.rename(workspace.projects_folder / slug)
    write_owner(source, ledger.owner)
    ledger.save()
    return workspace.project(slug)
