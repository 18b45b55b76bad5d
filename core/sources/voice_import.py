"""Bringing in a voice: its zip, its files or its folder looked at before anything is read, then the job that takes it.

Only names and sizes are looked at here; what is in the files, the job finds out (`core/tasks/import_voice.py`).
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.engines.registry import bases, engines, info, light
from core.errors import UserError
from core.files import TEMP_PREFIX, free_name
from core.jobs.args.speech import ImportVoiceArgs
from core.jobs.job import Job
from core.project.workspace import Project, Workspace
from core.reasons import reason_of
from core.sources.adapter_import import adapter_among
from core.sources.collections.archive import Folder, Zip
from core.sources.collections.local_folder import typed_folder

MOST_MEMBERS = 2_000
_MOST_BYTES = 16 * 10**9  # of a zip, before it is known whose voice it holds
_MOST_TIMES_BASE = 4  # a trainer's own file has three numbers a weight: beside it, the two means of AdamW


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
        UserError: ``voice.none``, ``voice.missing_file``, ``voice.too_large``, ``archive.*``; nothing was made.
    """
    if len(paths) == 1 and is_zip(paths[0]):
        return bring_in_zip(to, paths[0], paths[0].name)
    sizes = {path.name: path.stat().st_size for path in paths}
    engine = _engine_of(list(sizes), ", ".join(list(sizes)[:3]), sizes.__getitem__)
    folder = Path(tempfile.mkdtemp(prefix=TEMP_PREFIX, dir=to.workspace.path))
    for path in paths:
        shutil.move(path, folder / free_name(folder, path.name))
    return to.start(folder, "", engine, is_upload=True)


def bring_in_zip(to: Arrival, path: Path, name: str) -> Job:
    """Start the job that brings in a voice from a zip, which is moved away; ``name`` is what the person calls it.

    Raises:
        UserError: as of `bring_in_files`.
    """
    return to.start(path, name, _look(path, name), is_upload=True)


def bring_in_folder(to: Arrival, address: str) -> Job:
    """Start the job that brings in a voice from a folder or a zip of this computer, which stays as it is.

    Raises:
        UserError: ``folder.not_one``, and as `bring_in_files`.
    """
    path = Path(address.strip().strip("\"'"))
    with contextlib.suppress(ValueError, OSError):  # no path at all
        if path.is_absolute() and is_zip(path) and path.is_file():
            return to.start(path, path.name, _look(path, path.name), is_upload=False)
    path = typed_folder(address)
    return to.start(path, path.name, _look(path, path.name), is_upload=False)


@contextlib.contextmanager
def opened(path: Path, name: str) -> Iterator[Folder | Zip]:
    """The files of a voice in a zip or a folder, looked at as far as `bring_in_files` does.

    Raises:
        UserError: ``archive.*``.
    """
    content = Zip(path, name=name, max_bytes=_MOST_BYTES, most_members=MOST_MEMBERS) if path.is_file() else Folder(path)
    try:
        yield content
    finally:
        content.close()


def _look(path: Path, name: str) -> str:
    """The engine of the voice that lies there."""
    if path.is_file():
        with opened(path, name) as content:
            return _engine_of(content.names(), name, content.bytes_of)
    try:
        # Not `Folder.names`: of a whole disk, typed by mistake, it would read every name.
        names = [file.name for file in path.iterdir() if file.is_file()][:MOST_MEMBERS]
    except OSError as error:
        raise unreadable(error) from error
    return _engine_of(names, name, Folder(path).bytes_of)


def unreadable(error: OSError) -> UserError:
    """What is told of files that the account may not read, or that are damaged."""
    return UserError(
        "voice.unreadable",
        "The files of the voice could not be read ({what}).",
        "Copy it again, or make the zip again.",
        what=reason_of(error),
    )


def most_bytes(engine: str) -> int:
    """How large a voice of an engine can be: more is read into memory and written anew for nothing."""
    largest_mb = max((base.size_mb for base in bases(engine).catalog.values()), default=0)
    return min(_MOST_TIMES_BASE * largest_mb * 1_000_000, _MOST_BYTES) or _MOST_BYTES


def _engine_of(names: Sequence[str], source: str, bytes_of: Callable[[str], int]) -> str:
    adapter, engine_names = adapter_among(names), {engine.name for engine in engines()}
    if adapter and adapter.engine in engine_names:
        _check_size(adapter.engine, [bytes_of(name) for name in adapter.names.values()])
        return adapter.engine
    lacking: UserError | None = None
    for engine in engines():
        voice_files = light(engine.name).voice_files
        try:
            files = voice_files(names) if voice_files else {}
        except UserError as error:  # it may be whole for another engine
            lacking = lacking or error
            continue
        if files:
            _check_size(engine.name, [bytes_of(name) for name in files.values()])
            return engine.name
    if adapter:
        raise UserError(
            "voice.no_engine",
            "This adapter was made with {engine}, which is not installed here.",
            "Install that engine, or bring in the whole voice in the program it was made with.",
            engine=adapter.engine,
        )
    raise lacking or _none(source)


def _check_size(engine: str, sizes: Sequence[int]) -> None:
    if sum(sizes) > most_bytes(engine):
        raise UserError(
            "voice.too_large",
            "The voice takes {gb} GB, but one of {engine} has at most {most_gb} GB.",
            "Take the file with the weights alone, as an export has it, not what a training was to be resumed from.",
            gb=round(sum(sizes) / 1e9, 1),
            engine=info(engine).label,
            most_gb=round(most_bytes(engine) / 1e9, 1),
        )


def _none(source: str) -> UserError:
    return UserError(
        "voice.none",
        "“{source}” holds no voice, and no adapter of one.",
        "Choose the zip of an exported voice or of its adapter, or all files of its folder.",
        source=source[:120],
    )
