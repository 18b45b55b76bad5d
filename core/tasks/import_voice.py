"""Job ``import_voice``: take a voice in that came from anywhere, checked like any hostile archive."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.engines.importing import too_large
from core.engines.registry import get_engine, info, language_code, light
from core.engines.session import ADAPTER
from core.engines.voice import ReferenceClip
from core.errors import DiskFull, UserError
from core.files import TEMP_PREFIX, free_name, is_full, slug
from core.jobs.args.speech import ImportVoiceArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.sources.adapter_import import (
    MOST_BYTES,
    VOICE,
    AdapterFiles,
    adapter_among,
    base_here,
    broken,
    check_sizes,
    read_base,
)
from core.sources.collections.archive import Folder, Zip
from core.sources.voice_import import opened, unreadable
from core.synthesis.exports import Brought, brought, imported_voice
from core.training.sentences import held_out

_STAGES, _MERGE_STAGES = ("check_voice", "verify"), ("load_base", "merge", "verify")
BASE = "base.json"  # of an adapter, as it lies here
_SPARE_BYTES = 100_000_000


def run(job: Job, project: Project, args: ImportVoiceArgs, reporter: Reporter) -> dict[str, Any]:
    """Write ``voices/<name>`` of the workspace; it appears when it is complete and has spoken once."""
    voices, engine = project.workspace.voices, project.info.engine
    voices.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=TEMP_PREFIX, dir=voices))
    title = Path(args.source).stem or project.info.name
    reporter.progress("unpack", 0, 1)
    try:
        with contextlib.ExitStack() as stack:
            content = stack.enter_context(opened(args.path, args.source))
            if adapter := adapter_among(content.names()):
                files = _merged(project, args, adapter, content, draft, title, reporter)
            else:
                files = _files(stack, content, engine, draft, reporter)
            folder = _take(project, args, files, title, reporter)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        _forget_upload(project, args.path)
    return {"voice": folder.name, "name": imported_voice(project.workspace, folder.name).name}


def _take(project: Project, args: ImportVoiceArgs, files: Mapping[str, Path], title: str, reporter: Reporter) -> Path:
    """Write a whole voice."""
    engine, voices = project.info.engine, project.workspace.voices
    language = language_code(project.info.language, engine)
    reporter.progress("load_engine", 0, 1)
    own, folder = brought(files.get("manifest.json"), engine), voices / free_name(voices, slug(title, "voice"))
    _tell_of_picture(own, title, reporter)
    get_engine(engine).import_voice(
        files,
        folder,
        name=title,
        text=_sample_text(language, engine),
        language=language,
        device=args.device,
        facts={"source": args.source, "speaking": own.manner, "picture": own.picture, "rights": own.rights},
        on_stage=lambda stage: reporter.progress(stage, _STAGES.index(stage), len(_STAGES)),
        should_stop=reporter.stop_requested,
    )
    return folder


def _merged(
    project: Project,
    args: ImportVoiceArgs,
    adapter: AdapterFiles,
    content: Folder | Zip,
    unpacked: Path,
    title: str,
    reporter: Reporter,
) -> Mapping[str, Path]:
    """An adapter with the base that it was made on: the files of a whole voice, proved as an export is.

    Raises:
        UserError: ``voice.engine``, ``voice.broken_adapter``; as of `base_here` and `Engine.export`.
        DiskFull: ``voice.no_room``.
    """
    engine, workspace = project.info.engine, project.workspace
    voice_files = light(engine).voice_files
    if adapter.engine != engine or voice_files is None:
        raise _other_engine(engine)
    draft = unpacked / "adapter"
    draft.mkdir()

    def bring(names: Mapping[str, str]) -> None:
        try:
            for name, origin in names.items():
                with content.local(origin, unpacked, reporter.check_stop) as file:
                    shutil.copyfile(file, draft / name)
        except OSError as error:
            if is_full(error):
                raise
            raise unreadable(error) from error

    descriptions = {ADAPTER: adapter.names[ADAPTER], BASE: adapter.base}
    if any(content.bytes_of(name) > MOST_BYTES for name in descriptions.values()):
        raise broken(too_large())
    bring(descriptions)
    wish = read_base(draft / BASE)
    check_sizes(draft / ADAPTER)
    _, base = base_here(workspace, wish.model_copy(update={"engine": engine}))
    # It is unpacked and copied; merged the voice is as large as its base, and is written once more to be looked at.
    weights = max(path.stat().st_size for path in base.iterdir() if path.is_file())
    _need_room(unpacked, 2 * sum(map(content.bytes_of, adapter.names.values())) + 2 * weights)
    bring({ours: theirs for ours, theirs in adapter.names.items() if ours != ADAPTER})
    own, language = brought(draft / VOICE, engine), language_code(wish.language or project.info.language, engine)
    _tell_of_picture(own, title, reporter)
    references = [ReferenceClip(draft / entry.file, entry.text, language) for entry in wish.references]
    references = [clip for clip in references if clip.path.is_file()]
    if not references:
        raise broken(UserError("reason.no_recording", "there is no recording of the speaker"))
    (draft / BASE).unlink()
    reporter.progress("load_engine", 0, 1)
    target = unpacked / "whole"
    get_engine(engine).export(
        base,
        draft,
        target,
        name=own.name or title,
        references=references,
        text=_sample_text(language, engine),
        language=language,
        seed=int(own.manner.get("seed", 0)),
        device=args.device,
        facts={"speaking": dict(own.manner), "picture": own.picture, "rights": own.rights},
        on_stage=lambda stage: reporter.progress(stage, _MERGE_STAGES.index(stage), len(_MERGE_STAGES)),
        should_stop=reporter.stop_requested,
    )
    return {name: target / origin for name, origin in voice_files([path.name for path in target.iterdir()]).items()}


def _tell_of_picture(own: Brought, title: str, reporter: Reporter) -> None:
    if own.is_picture_broken:
        reporter.warning(
            "voice.picture_broken",
            "The picture that came with “{name}” is damaged, so it was left out.",
            "Keep the voice under a name on the Voices page, and give it another one there.",
            name=own.name or title,
        )


def _sample_text(language: str, engine: str) -> str:
    return next(iter(held_out(language, [], 1, engine)), "1, 2, 3.")


def _other_engine(engine: str) -> UserError:
    return UserError(
        "voice.engine",
        "This is no voice of {engine}, which the project is made with.",
        "Bring it in under Speak in a project of its own kind, or without a project.",
        engine=info(engine).label,
    )


def _files(
    stack: contextlib.ExitStack, content: Folder | Zip, engine: str, draft: Path, reporter: Reporter
) -> Mapping[str, Path]:
    """The files of the voice where they can be read, unpacked if they are in a zip.

    Raises:
        UserError: ``voice.engine``, ``voice.unreadable``. DiskFull: ``voice.no_room``.
    """
    voice_files = light(engine).voice_files
    names = voice_files(content.names()) if voice_files else {}
    if not names:
        raise _other_engine(engine)
    # Its weights are written once more, and before that unpacked from a zip.
    _need_room(draft, sum(map(content.bytes_of, names.values())) * (2 if isinstance(content, Zip) else 1))
    try:
        return {
            name: stack.enter_context(content.local(origin, draft, reporter.check_stop))
            for name, origin in names.items()
        }
    except OSError as error:
        if is_full(error):
            raise
        raise unreadable(error) from error


def _need_room(folder: Path, size: int) -> None:
    """Refuse what will not fit, before anything of it is written.

    Raises:
        DiskFull: ``voice.no_room``.
    """
    demand, free = size + _SPARE_BYTES, shutil.disk_usage(folder).free
    if free < demand:
        raise DiskFull(
            "voice.no_room",
            "The voice needs {needed_mb} MB, but only {free_mb} MB are free.",
            "Free some space, then bring it in again.",
            needed_mb=demand // 1_000_000,
            free_mb=free // 1_000_000,
        )


def _forget_upload(project: Project, path: Path) -> None:
    if path.is_relative_to(project.uploads):
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
