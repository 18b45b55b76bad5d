"""What a person does with long texts: new ones, changes of text, lines and settings, and having them spoken."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core.engines.registry import language_code
from core.errors import UserError
from core.jobs.args.studio import ImportTextArgs, SpeakDocumentArgs, WriteDocumentArgs
from core.jobs.job import Job, busy
from core.project.conflicts import digest
from core.project.workspace import Project
from core.studio import document as documents
from core.studio.cast import cast_of, find_voice
from core.studio.document import Document, What
from core.studio.files import FORMATS, unspoken
from core.studio.line import Line
from core.studio.marks import line_text, lines_from, lines_instead, text_of
from core.studio.reading import fits, language_of
from core.studio.state import overview, states
from core.studio.takes import ask_again, forget_take, read_takes, take_file
from core.synthesis import speaking
from core.synthesis.settings import check_settings
from core.text import as_title

MOST_CHARACTERS = 1_000_000  # of a text: some eighteen hours of speech


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
    _check_length(text)
    check_settings(project.info.engine, fields.get("settings") or {})
    language = language_code(fields.get("language") or project.info.language, project.info.engine)
    lines = lines_from(text, language, fits(project, language))
    if not any(line.has_words for line in lines):
        raise UserError("studio.empty", "There is nothing to say in this text.", "Type or paste some sentences.")
    return documents.create(project, name, lines, **fields)


def text(document: Document) -> str:
    """A document's text with its marks."""
    return text_of(document.lines)


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


def set_text(project: Project, id: str, text: str, *, seen: str = "") -> Document:
    """Change the whole text; lines of paragraphs that did not change stay as they are, with their takes.

    Args:
        project: whose.
        id: the document's.
        text: what is to be said.
        seen: `stamp` of the text that the window showed.

    Raises:
        UserError: ``studio.changed``, ``studio.too_long``, ``studio.too_many_lines``, ``studio.no_document``.
    """
    return documents.change(project, id, "text", _with_text(project, text, seen))


def set_line_text(project: Project, id: str, line_id: int, text: str, *, seen: str = "") -> Document:
    """Change one line; several sentences make several lines of it, nothing takes it out.

    Args:
        project: whose.
        id: the document's.
        line_id: the line's.
        text: what it is to say; a mark may pause after it, or give it to another voice.
        seen: `line_stamp` of the line that the window showed.

    Raises:
        UserError: ``studio.changed``, ``studio.no_line``, ``studio.too_long``.
    """
    return documents.change(project, id, "line", _with_line_text(project, line_id, text, seen))


def set_line(project: Project, id: str, line_id: int, what: What = "line", **fields: Any) -> Document:
    """Change fields of a line: its voice, settings, seed, or the take that stands for it.

    Raises:
        UserError: ``studio.no_line``, ``studio.unknown_voice``, ``studio.no_take``, ``speak.setting``,
            ``speak.setting_range``.
    """
    return documents.change(project, id, what, _with_line(project, id, line_id, fields))


def set_settings(project: Project, id: str, **fields: Any) -> Document:
    """Change what holds of all lines: voice, language, seed, settings, references, pauses, proofreading.

    Raises:
        UserError: ``studio.no_document``, ``speak.setting``, ``speak.setting_range``, ``studio.setting_range``,
            ``engine.language``.
    """
    return documents.change(project, id, "settings", _with_settings(project, fields))


def rename(project: Project, id: str, name: str) -> Document:
    """Call a document otherwise; an empty name changes nothing."""
    return documents.change(project, id, "name", _with_name(name))


def change(project: Project, id: str, *, text: str | None = None, name: str = "", **fields: Any) -> Document:
    """Change a document's text, name and settings at once; where any is refused nothing is changed.

    Raises:
        UserError: as of `set_text` and `set_settings`.
    """
    makes = [_with_settings(project, fields), _with_name(name)]
    if text is not None:
        makes.append(_with_text(project, text))
    what: What = "text" if text is not None else "settings" if fields else "name"
    return documents.change(project, id, what, _chain(makes))


def change_line(project: Project, id: str, line_id: int, *, text: str | None = None, **fields: Any) -> Document:
    """Change a line's text and fields at once; where any is refused nothing is changed.

    Raises:
        UserError: as of `set_line_text` and `set_line`.
    """
    makes = [_with_line(project, id, line_id, fields)]
    if text is not None:
        makes.append(_with_line_text(project, line_id, text))
    return documents.change(project, id, "line", _chain(makes))


def _chain(makes: Sequence[documents.Make]) -> documents.Make:
    def make(document: Document) -> Document:
        for step in makes:
            document = step(document)
        return document

    return make


def _with_text(project: Project, text: str, seen: str = "") -> documents.Make:
    _check_length(text)

    def make(document: Document) -> Document:
        if seen and seen != stamp(document):
            raise _changed()
        language = language_of(project, document)
        lines = lines_from(text, language, fits(project, language), document.lines)
        return document.model_copy(update={"lines": tuple(lines)})

    return make


def _with_line_text(project: Project, line_id: int, text: str, seen: str = "") -> documents.Make:
    _check_length(text)

    def make(document: Document) -> Document:
        language = language_of(project, document)
        line = document.line(line_id)
        if seen and seen != line_stamp(line):
            raise _changed()
        if " ".join(text.split()) == line_text(line):
            return document
        return _with(document, line, lines_instead(line, text, language, fits(project, language)))

    return make


def _with_line(project: Project, id: str, line_id: int, fields: dict[str, Any]) -> documents.Make:
    if fields.get("settings"):
        check_settings(project.info.engine, fields["settings"])

    def make(document: Document) -> Document:
        line = document.line(line_id)
        if fields.get("voice"):
            find_voice(project, document, fields["voice"])
        for name in ("take", "approved"):
            if fields.get(name) and fields[name] not in _take_ids(project, id):
                raise UserError("studio.no_take", "This take is no longer there.", "Choose another one.")
        return _with(document, line, [line.having(**fields)])

    return make


def _with_settings(project: Project, fields: dict[str, Any]) -> documents.Make:
    if fields.get("settings"):
        check_settings(project.info.engine, fields["settings"])

    def make(document: Document) -> Document:
        try:
            changed = Document(**{**dict(document), **fields})
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise UserError(
                "studio.setting_range",
                "“{value}” is not possible for {name}.",
                "Choose a value within the range of the field.",
                value=str(first["input"])[:40],
                name=".".join(map(str, first["loc"])),
            ) from None
        language_of(project, changed)
        return changed

    return make


def _with_name(name: str) -> documents.Make:
    title = as_title(name)

    def make(document: Document) -> Document:
        return document.model_copy(update={"name": title}) if title else document

    return make


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
    chosen = [line for line in document.lines if line.has_words and (not wishes or line.id in wishes)]
    if not chosen:
        raise UserError("studio.empty", "There is nothing to say in this text.", "Type or paste some sentences.")
    cast, errors = cast_of(project, document)
    if not any(line.voice in cast for line in chosen):
        raise errors[chosen[0].voice]
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
        ask_again(documents.folder(project, id), line_id)
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
    chosen = tuple(dict.fromkeys(format for format in formats if format in FORMATS))
    if not chosen or len(chosen) < len({*formats}):
        raise UserError(
            "studio.no_format", "No kind of file was chosen.", "Choose one of: {known}.", known=", ".join(FORMATS)
        )
    left = overview(states(project, document)).to_speak
    if left and not incomplete:
        raise unspoken(left)
    return project.start_job(WriteDocumentArgs(document=id, formats=chosen, incomplete=incomplete), title=document.name)


def at_work(project: Project, id: str) -> Job | None:
    """The job that speaks or writes this document now, or waits to."""
    for job in project.all_jobs():
        if getattr(job.spec().args, "document", None) == id and job.alive():
            return job
    return None


def unused_takes(project: Project, id: str) -> list[Path]:
    """Sounds that no line stands for as the text is now: of what it said before, and takes that were not chosen."""
    rows = states(project, documents.document(project, id))
    used = {row.chosen.id for row in rows if row.chosen}
    folder = take_file(documents.folder(project, id), "x").parent
    return sorted(path for path in folder.glob("[!.]*.wav") if path.stem not in used)


def remove_unused_takes(project: Project, id: str) -> int:
    """Delete the `unused_takes`; what undo brings back is then spoken again. Returns the bytes that are free now.

    Raises:
        Busy: it is being spoken, or written as a file.
    """
    if job := at_work(project, id):
        raise busy(job.holder())
    size, folder = 0, documents.folder(project, id)
    for path in unused_takes(project, id):
        size += path.stat().st_size
        forget_take(folder, path.stem)
    return size


def stamp(document: Document) -> str:
    """A document's text as a window shows it."""
    return digest([line_stamp(line) for line in document.lines])


def line_stamp(line: Line) -> str:
    """A line's text as a window shows it."""
    return digest(line_text(line), line.voice)


def _with(document: Document, line: Line, instead: Sequence[Line]) -> Document:
    place = document.lines.index(line)
    lines = [*document.lines[:place], *instead, *document.lines[place + 1 :]]
    if not instead and line.ends_paragraph and place and not document.lines[place - 1].ends_paragraph:
        lines[place - 1] = lines[place - 1].having(ends_paragraph=True)
    return document.model_copy(update={"lines": tuple(lines)})


def _take_ids(project: Project, id: str) -> set[str]:
    takes = read_takes(documents.folder(project, id))
    return {take.id for entries in takes.by_key.values() for take in entries}


def _check_length(text: str) -> None:
    if len(text) > MOST_CHARACTERS:
        raise UserError(
            "studio.too_long",
            "The text has {count} characters; at most {limit} are kept in one.",
            "Split it into several texts, such as a chapter each.",
            count=len(text),
            limit=MOST_CHARACTERS,
        )


def _changed() -> UserError:
    return UserError(
        "studio.changed",
        "This text was changed in another window; here is how it is now.",
        "Nothing was done. Look at it and change it again.",
    )
