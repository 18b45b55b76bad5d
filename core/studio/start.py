"""What a person does with long texts: new ones, by hand or of a file, and having them spoken and written as files."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.engines.registry import language_code
from core.errors import UserError
from core.jobs.args.studio import ImportTextArgs, SpeakDocumentArgs, WriteDocumentArgs
from core.jobs.job import Job, busy
from core.project.workspace import Project
from core.studio import documents
from core.studio.cast import cast_of
from core.studio.changes import check_length, set_line
from core.studio.document import Document
from core.studio.files import FORMATS, unspoken
from core.studio.keys import Keys
from core.studio.marks import lines_from
from core.studio.reading import fits
from core.studio.state import overview, states
from core.studio.takes import add_request, ask_again
from core.synthesis import speaking
from core.synthesis.settings import check_settings
from core.text import as_title


def create(project: Project, text: str, name: str = "", **fields: Any) -> Document:
    """Make a document of a text with marks.

    Args:
        project: whose.
        text: what is to be said.
        name: what a person calls it; the beginning of the text if empty.
        fields: of `Document`, such as its voice and language.

    Raises:
        UserError: ``studio.empty``, ``studio.too_long``, ``studio.too_many_lines``, ``engine.language``; as of
            `check_settings`.
    """
    check_length(text)
    check_settings(project.info.engine, fields.get("settings") or {})
    language = language_code(fields.get("language") or project.info.language, project.info.engine)
    lines = lines_from(text, language, fits(project, language))
    if not any(line.has_words for line in lines):
        raise UserError("studio.empty", "There is nothing to say in this text.", "Type or paste some sentences.")
    return documents.create(project, name, lines, **fields)


def start_import(project: Project, path: Path, name: str, voice: str = "", language: str = "") -> Job:
    """Make a document of a file of text, in a job: a stranger's file is read in a process of its own.

    Args:
        project: whose.
        path: an upload, which is moved away from there.
        name: what the person calls it; its ending says what it is.
        voice, language: of the document.

    Raises:
        Busy: another file is being read.
    """
    project.uploads.mkdir(parents=True, exist_ok=True)
    file = f"text-{secrets.token_hex(8)}"
    shutil.move(path, project.uploads / file)
    try:
        return project.start_job(
            ImportTextArgs(file=file, name=name, voice=voice, language=language), title=as_title(name)
        )
    except BaseException:
        (project.uploads / file).unlink(missing_ok=True)
        raise


def remove(project: Project, id: str) -> None:
    """Move a document to the trash; nothing if it is there already.

    Raises:
        Busy: it is being spoken, or written as a file.
    """
    if job := at_work(project, id):
        raise busy(job.holder())
    documents.remove(project, id)


def start_speaking(
    project: Project, id: str, *, lines: Sequence[int] = (), again: bool = False, device: str = "auto"
) -> Job:
    """Have what was not said yet spoken, in a job that may wait.

    Args:
        project: whose.
        id: the document's.
        lines: ids of the lines; without any all.
        again: say them with another seed, also where there is a take already.
        device: ``auto``, ``cuda`` or ``cpu``.

    Raises:
        Busy: this text is being spoken, or written.
        UserError: ``studio.empty``, ``studio.no_document``; where no voice of it can speak, why.
    """
    document = documents.document(project, id)
    wishes = set(lines)
    picks = [line for line in document.lines if line.has_words and (not wishes or line.id in wishes)]
    if not picks:
        raise UserError("studio.empty", "There is nothing to say in this text.", "Type or paste some sentences.")
    cast, errors = cast_of(project, document)
    if not any(line.voice in cast for line in picks):
        raise errors[picks[0].voice]
    if job := at_work(project, id):
        raise busy(job.holder())
    documents.recast(project, document, cast)
    args = SpeakDocumentArgs(document=id, lines=tuple(lines), again=again, device=device)
    job = project.start_job(args, title=document.name, gpu=True, wait=True)
    speaking.wake(project.workspace)
    return job


def speak_again(project: Project, id: str, line_id: int, *, device: str = "auto") -> Job:
    """Say a line once more with another seed, or for the first time; a job that speaks the text already does it next.

    Raises:
        Busy, UserError: as of `start_speaking`.
    """
    document = documents.document(project, id)
    line = document.line(line_id)
    if line.take:
        set_line(project, id, line_id, "take", take="")  # else the new one would not stand for it
    job = at_work(project, id)
    if job and job.spec().kind == SpeakDocumentArgs.kind:
        folder, document = documents.folder(project, id), documents.document(project, id)
        add_request(folder, Keys(project, document).key(document.line(line_id)))
        ask_again(folder, line_id)
        return job
    has_take = any(row.line.id == line_id and row.takes for row in states(project, document))
    return start_speaking(project, id, lines=[line_id], again=has_take, device=device)


def resume_speaking(project: Project, job: Job) -> None:
    """Go on with a text whose speaking has ended before it was done.

    Raises:
        Busy: another text of the project is being spoken.
    """
    project.launch(job, gpu=True, wait=True)
    speaking.wake(project.workspace)


def start_writing(project: Project, id: str, formats: Sequence[str], *, incomplete: bool = False) -> Job:
    """Write a spoken text as files, in a job.

    Args:
        project: whose.
        id: the document's.
        formats: of `core.studio.files.FORMATS`.
        incomplete: also where lines have no sound, which are then left out.

    Raises:
        Busy: files of another text are being written.
        UserError: ``studio.no_document``, ``studio.no_format``, ``studio.unspoken``.
    """
    document = documents.document(project, id)
    picks = tuple(dict.fromkeys(format for format in formats if format in FORMATS))
    if not picks or len(picks) < len({*formats}):
        raise UserError(
            "studio.no_format", "No kind of file was chosen.", "Choose one of: {known}.", known=", ".join(FORMATS)
        )
    remaining = overview(states(project, document)).to_speak
    if remaining and not incomplete:
        raise unspoken(remaining)
    return project.start_job(WriteDocumentArgs(document=id, formats=picks, incomplete=incomplete), title=document.name)


def at_work(project: Project, id: str) -> Job | None:
    """The job that speaks or writes this document now, or waits to."""
    for job in project.all_jobs():
        if getattr(job.spec().args, "document", None) == id and job.alive():
            return job
    return None
