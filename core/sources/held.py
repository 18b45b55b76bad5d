"""Zip files that were uploaded and wait: what they would bring in is shown first, then brought in or put away."""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError
from core.files import read_json, write_json
from core.jobs.job import Job
from core.sources import recordings
from core.sources.collection import some
from core.sources.companions import is_subtitles
from core.sources.datasets import Reading, look
from core.workspace import Project

_EXAMPLES = 3


@dataclass(frozen=True)
class Held:
    """A zip that waits, with the facts of its `Reading`; ``examples`` are (name of a sound, its text)."""

    id: str
    name: str
    kind: str
    count: int
    seconds: float
    without_text: int
    without_sound: int
    some_without_text: str
    some_without_sound: str
    examples: list[list[str]]


def is_archive(name: str) -> bool:
    """Whether a file's name says that it is a zip."""
    return name.lower().endswith(".zip")


def hold(project: Project, path: Path, name: str) -> Held:
    """Look through an uploaded zip and keep it until somebody decides; the file is moved away from where it lies.

    Raises:
        UserError: ``archive.*``, ``collection.nothing``; the file stays where it is.
    """
    reading = look(path, name)
    project.uploads.mkdir(parents=True, exist_ok=True)
    id_ = f"held-{secrets.token_hex(6)}"
    shutil.move(path, project.uploads / f"{id_}.zip")
    held = _facts(id_, reading)
    write_json(project.uploads / f"{id_}.json", held.__dict__)
    return held


def receive(
    project: Project, files: list[Path], rights: str = "", *, max_hours: float = 24.0, max_mb: int = 4096
) -> list[UserError]:
    """Take what was dropped: each zip is held on its own, the other files are added together.

    Returns:
        what was refused; the rest came in all the same.
    """
    refused: list[UserError] = []
    plain = [(path, path.name) for path in files if not is_archive(path.name)]
    for path in files:
        if is_archive(path.name):
            try:
                hold(project, path, path.name)
            except UserError as error:
                refused.append(error)
    if plain:
        try:
            recordings.add(project, plain, [], rights, max_hours=max_hours, max_mb=max_mb)
        except UserError as error:
            refused.append(error)
    return refused


def _facts(id_: str, reading: Reading) -> Held:
    return Held(
        id=id_,
        name=reading.name,
        kind=reading.kind,
        count=len(reading.items) or sum(not is_subtitles(one) for one in reading.files),
        seconds=reading.seconds,
        without_text=len(reading.without_text),
        without_sound=len(reading.without_sound),
        some_without_text=some(reading.without_text),
        some_without_sound=some(reading.without_sound),
        examples=[[one.sound, one.text] for one in reading.items[:_EXAMPLES]],
    )


def held(project: Project) -> list[Held]:
    """What waits, oldest first."""
    files = sorted(project.uploads.glob("held-*.json"), key=lambda file: file.stat().st_mtime)
    return [Held(**read_json(file)) for file in files if file.with_suffix(".zip").exists()]


def bring_in(project: Project, id_: str, rights: str = "", *, max_hours: float = 24.0) -> Job:
    """Start the job that takes a zip in.

    Raises:
        UserError: ``collection.gone``.
        Busy: recordings are being added already; the zip goes on waiting.
    """
    one = _one(project, id_)
    job = recordings.add(project, [(project.uploads / f"{one.id}.zip", one.name)], [], rights, max_hours=max_hours)
    (project.uploads / f"{one.id}.json").unlink(missing_ok=True)
    return job


def put_away(project: Project, id_: str) -> None:
    """Delete an uploaded zip that is not wanted; where it came from it still is."""
    one = _one(project, id_)
    for suffix in (".zip", ".json"):
        (project.uploads / f"{one.id}{suffix}").unlink(missing_ok=True)


def _one(project: Project, id_: str) -> Held:
    for one in held(project):
        if one.id == id_:
            return one
    raise UserError("collection.gone", "That zip file is no longer there.", "Reload the page and add it again.")
