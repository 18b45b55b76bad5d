"""The project's trash: what a person deleted, with a note of what it was and where it lay; brought back as it was."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.damage import DamagedFile, UnixTime, read_all, read_record
from core.errors import UserError
from core.files import free_name, inside, subfolders, write_json
from core.project.workspace import Project

Kind = Literal["run", "checkpoint", "dataset", "export", "take", "document", "saved_voice"]
_NOTE = "trashed.json"


@dataclass(frozen=True)
class Discarded:
    """One thing in the trash. ``places`` are where its files and folders lay, from the project's folder on."""

    id: str
    kind: Kind
    name: str
    places: tuple[str, ...]
    at: UnixTime
    path: Path


def discard(project: Project, kind: Kind, name: str, paths: Sequence[Path]) -> Discarded:
    """Move the files or folders of one thing to the trash.

    Args:
        project: whose it is.
        kind: what it is.
        name: what a person calls it.
        paths: where it lies; what is not there is passed over.
    """
    present = [path for path in paths if os.path.lexists(path)]
    folder = _bin(project) / f"{time.strftime('%Y%m%d-%H%M%S')}-{kind}-{secrets.token_hex(2)}"
    places = [str(path.relative_to(project.path)) for path in present]
    folder.mkdir(parents=True)
    # Noted first: whatever happens meanwhile, what lies here can be brought back.
    write_json(folder / _NOTE, {"kind": kind, "name": name, "places": places, "at": time.time()})
    for number, path in enumerate(present):
        path.rename(folder / str(number))
    return discarded(project, folder.name)


def discarded(project: Project, id_: str) -> Discarded:
    """One thing in the trash.

    Raises:
        UserError: ``trash.gone``.
    """
    folder = inside(_bin(project), id_)
    if not (folder / _NOTE).exists():
        raise UserError("trash.gone", "“{name}” is no longer in the trash.", "Reload the page.", name=id_)
    return _read(folder)


def contents(project: Project, damage: list[DamagedFile] | None = None) -> list[Discarded]:
    """What was deleted, newest first; damaged notes are passed over, and added to ``damage`` if that is given."""
    folders = [folder for folder in subfolders(_bin(project)) if os.path.lexists(folder / _NOTE)]
    return sorted(read_all(folders, _read, damage), key=lambda entry: entry.at, reverse=True)


def bring_back(project: Project, entry: Discarded) -> list[Path]:
    """Move everything back to where it lay; beside it where something else lies there now. Returns the places.

    Raises:
        UserError: ``trash.no_place``: what it belonged to is itself in the trash.
    """
    targets = [inside(project.path, place) for place in entry.places]
    for target in targets:
        if len(target.relative_to(project.path.resolve()).parts) > 2 and not target.parent.is_dir():
            raise UserError(
                "trash.no_place",
                "“{name}” belongs to something that is not there.",
                "Bring that back first.",
                name=entry.name,
            )
    back = []
    for number, target in enumerate(targets):
        target.parent.mkdir(parents=True, exist_ok=True)
        place = target.parent / free_name(target.parent, target.name)
        if (entry.path / str(number)).exists():
            back.append((entry.path / str(number)).rename(place))
    shutil.rmtree(entry.path)
    return back


def _bin(project: Project) -> Path:
    return project.path / "trash" / "bin"


def _read(folder: Path) -> Discarded:
    return read_record(folder / _NOTE, Discarded, "removed", folder, complete=_beside)


def _beside(path: Path, raw: dict[str, object]) -> dict[str, object]:
    return {**raw, "id": path.parent.name, "path": path.parent}
