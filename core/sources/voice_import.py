"""Bringing in a voice: its zip, its files or its folder looked at before anything is read, then the job that takes it.

Only names and sizes are looked at here; what is in the files, the job finds out (`core/tasks/import_voice.py`).
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.engines.registry import engines, light
from core.errors import UserError
from core.files import TEMP_PREFIX, free_name
from core.jobs.args.speech import ImportVoiceArgs
from core.jobs.job import Job
from core.project.workspace import Project, Workspace
from core.sources.adapter_import import adapter_among
from core.sources.collections.archive import Folder, Zip
from core.sources.collections.local_folder import typed_folder

MOST_MEMBERS = 2_000
_MOST_BYTES = 16 * 10**9


def is_zip(path: Path) -> bool:
    """Whether a file's name says that it is a zip."""
    return path.suffix.lower() == ".zip"


@dataclass(frozen=True)
class Arrival:
    """Where a voice is brought in: a project, or one that is made for it with this title and language."""

    workspace: Workspace
    project: Project | None
    title: str = "Voice"
    language: str = "en"
    device: str = "auto"

    def start(self, path: Path, source: str, engine: str, *, is_upload: bool) -> Job:
        """Start the job; an upload is moved to the project's."""
        project = self.project or self.workspace.create(Path(source).stem or self.title, self.language, engine)
        if is_upload:
            place = project.uploads / f"voice-{secrets.token_hex(6)}"
            place.parent.mkdir(parents=True, exist_ok=True)
            path = Path(shutil.move(path, place.with_suffix(path.suffix)))
        args = ImportVoiceArgs(path=path, source=source, device=self.device)
        return project.start_job(args, title=source, gpu=True, wait=True)


def bring_in_files(to: Arrival, paths: Sequence[Path]) -> Job:
    """Start the job that brings in a voice from a zip, or from its files dropped together.

    They are moved away from where they lie. Without a project one is made for what the voice will say, called like it.

    Raises:
        UserError: ``voice.none``, ``voice.missing_file``, ``archive.*``; nothing was made.
    """
    if len(paths) == 1 and is_zip(paths[0]):
        return to.start(paths[0], paths[0].name, _look(paths[0], paths[0].name), is_upload=True)
    engine = _engine_of([path.name for path in paths], ", ".join(path.name for path in paths[:3]))
    folder = Path(tempfile.mkdtemp(prefix=TEMP_PREFIX, dir=to.workspace.path))
    for path in paths:
        shutil.move(path, folder / free_name(folder, path.name))
    return to.start(folder, "", engine, is_upload=True)


def bring_in_folder(to: Arrival, typed: str) -> Job:
    """Start the job that brings in a voice from a folder or a zip of this computer, which stays as it is.

    Raises:
        UserError: ``folder.not_one``, and as `bring_in_files`.
    """
    path = Path(typed.strip().strip("\"'"))
    with contextlib.suppress(ValueError, OSError):  # no path at all
        if path.is_absolute() and is_zip(path) and path.is_file():
            return to.start(path, path.name, _look(path, path.name), is_upload=False)
    path = typed_folder(typed)
    return to.start(path, path.name, _look(path, path.name), is_upload=False)


@contextlib.contextmanager
def opened(path: Path, name: str) -> Iterator[Folder | Zip]:
    """The files of a voice, looked at as far as `bring_in_files` does.

    Raises:
        UserError: ``archive.*``.
    """
    content = Zip(path, name=name, max_bytes=_MOST_BYTES, most_members=MOST_MEMBERS) if is_zip(path) else Folder(path)
    try:
        yield content
    finally:
        content.close()


def _look(path: Path, name: str) -> str:
    """The engine of the voice that lies there."""
    if is_zip(path):
        with opened(path, name) as content:
            return _engine_of(content.names(), name)
    try:
        # Not `Folder.names`: of a whole disk, typed by mistake, it would read every name.
        names = [file.name for file in path.iterdir() if file.is_file()][:MOST_MEMBERS]
    except OSError as error:
        raise unreadable(error) from error
    return _engine_of(names, name)


def unreadable(error: OSError) -> UserError:
    """What is told of files that the account may not read, or that are damaged."""
    return UserError(
        "voice.unreadable",
        "The files of the voice could not be read ({what}).",
        "Copy it again, or make the zip again.",
        what=(error.strerror or str(error))[:200],
    )


def _engine_of(names: Sequence[str], source: str) -> str:
    adapter, known = adapter_among(names), {engine.name for engine in engines()}
    if adapter and adapter.engine in known:
        return adapter.engine
    for engine in engines():
        voice_files = light(engine.name).voice_files
        if voice_files and voice_files(names):
            return engine.name
    raise _none(source)


def _none(source: str) -> UserError:
    return UserError(
        "voice.none",
        "“{source}” holds no voice: there is no config.json in it, and no adapter.",
        "Choose the zip of an exported voice or of its adapter, or all files of its folder.",
        source=source[:120],
    )
