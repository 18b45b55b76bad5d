"""How much of the disk a project takes, by what lies there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from core.errors import UserError
from core.jobs import locks
from core.project.workspace import Project, Workspace

# Where what a person knows by a name lies; all else of a project is its records and notes.
_FOLDERS = {
    "recordings": ("sources", "uploads"),
    "clips": ("clips",),
    "datasets": ("datasets",),
    "features": ("features",),
    "runs": ("runs",),
    "exports": ("exports",),
    "takes": ("takes",),
    "documents": ("documents",),
    "trash": ("trash",),
}


def disk_bytes(paths: Iterable[Path], inodes: set[tuple[int, int]] | None = None) -> int:
    """Bytes on the disk below these files and folders; a file with several names counts once.

    Args:
        paths: what is not there counts nothing.
        inodes: device and number of files that were counted already; those that are counted now are added.
    """
    inodes = set() if inodes is None else inodes
    total = 0
    waiting = [str(path) for path in paths]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                        continue
                    about = entry.stat(follow_symlinks=False)
                    if (about.st_dev, about.st_ino) not in inodes:
                        inodes.add((about.st_dev, about.st_ino))
                        total += about.st_blocks * 512
        except OSError:  # gone meanwhile, or none of ours
            continue
    return total


def project_usage(project: Project) -> dict[str, int]:
    """Bytes by kind: recordings, clips, datasets, features, runs, exports, takes, documents, trash, records.

    Clips that a dataset shares with the project count as clips.
    """
    inodes: set[tuple[int, int]] = set()
    usage = {kind: disk_bytes([project.path / name for name in names], inodes) for kind, names in _FOLDERS.items()}
    return {**usage, "records": disk_bytes([project.path], inodes)}


def models_usage(workspace: Workspace) -> int:
    """Bytes of the models that were downloaded or made."""
    return disk_bytes([workspace.models])


def discard_features(project: Project) -> int:
    """Delete what trainings computed from clips; the next one computes it anew.

    Returns:
        Bytes that are free now.

    Raises:
        UserError: ``usage.training``, while a training may read it.
    """
    lock = locks.try_lock(project.path / "locks" / "train", {"kind": "usage", "title": project.info.name})
    if lock is None:
        raise UserError(
            "usage.training",
            "“{project}” trains at the moment, from just these files.",
            "Wait until the run has ended, or stop it, then delete them.",
            project=project.info.name,
        )
    try:
        size = disk_bytes([project.features])
        shutil.rmtree(project.features, ignore_errors=True)
        return size - disk_bytes([project.features])
    finally:
        os.close(lock)
