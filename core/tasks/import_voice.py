"""Job ``import_voice``: take a voice in that came from anywhere, checked like any hostile archive."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.engines.registry import get_engine, language_code, light
from core.errors import DiskFull, UserError
from core.files import TEMP_PREFIX, free_name, is_full, slug
from core.jobs.args.speech import ImportVoiceArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.sources.collections.archive import Folder, Zip
from core.sources.voice_import import opened, unreadable
from core.synthesis.exports import manner_of, picture_of
from core.training.sentences import held_out

_STAGES = ("check_voice", "verify")
_SPARE_BYTES = 100_000_000


def run(job: Job, project: Project, args: ImportVoiceArgs, reporter: Reporter) -> dict[str, Any]:
    """Write ``voices/<name>`` of the workspace; it appears when it is complete and has spoken once."""
    voices, engine = project.workspace.voices, project.info.engine
    voices.mkdir(parents=True, exist_ok=True)
    unpacked = Path(tempfile.mkdtemp(prefix=TEMP_PREFIX, dir=voices))
    title = Path(args.source).stem or project.info.name
    language = language_code(project.info.language, engine)
    reporter.progress("unpack", 0, 1)
    try:
        with contextlib.ExitStack() as stack:
            content = stack.enter_context(opened(args.path, args.source))
            files = _files(stack, content, engine, unpacked, reporter)
            reporter.progress("load_engine", 0, 1)
            folder = voices / free_name(voices, slug(title, "voice"))
            manifest = get_engine(engine).import_voice(
                files,
                folder,
                name=title,
                text=next(iter(held_out(language, [], 1, engine)), "1, 2, 3."),
                language=language,
                device=args.device,
                facts={
                    "source": args.source,
                    "speaking": manner_of(files.get("manifest.json"), engine),
                    "picture": picture_of(files.get("manifest.json"), title),
                },
                on_stage=lambda stage: reporter.progress(stage, _STAGES.index(stage), len(_STAGES)),
                should_stop=reporter.stop_requested,
            )
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
        _forget_upload(project, args.path)
    return {"voice": folder.name, "name": manifest["name"]}


def _files(
    stack: contextlib.ExitStack, content: Folder | Zip, engine: str, unpacked: Path, reporter: Reporter
) -> Mapping[str, Path]:
    """The files of the voice where they can be read, unpacked if they are in a zip.

    Raises:
        UserError: ``voice.engine``, ``voice.unreadable``. DiskFull: ``voice.no_room``.
    """
    voice_files = light(engine).voice_files
    named = voice_files(content.names()) if voice_files else {}
    if not named:
        raise UserError(
            "voice.engine",
            "This is no voice of {engine}, which the project is made with.",
            "Bring it in under Speak in a project of its own kind, or without a project.",
            engine=engine,
        )
    # Its weights are written once more, and before that unpacked from a zip.
    needed = sum(map(content.bytes_of, named.values())) * (2 if isinstance(content, Zip) else 1) + _SPARE_BYTES
    if (free := shutil.disk_usage(unpacked).free) < needed:
        raise DiskFull(
            "voice.no_room",
            "The voice needs {needed_mb} MB, but only {free_mb} MB are free.",
            "Free some space, then bring it in again.",
            needed_mb=needed // 1_000_000,
            free_mb=free // 1_000_000,
        )
    try:
        return {
            ours: stack.enter_context(content.local(theirs, unpacked, reporter.check_stop))
            for ours, theirs in named.items()
        }
    except OSError as error:
        if is_full(error):
            raise
        raise unreadable(error) from error


def _forget_upload(project: Project, path: Path) -> None:
    if path.is_relative_to(project.uploads):
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
