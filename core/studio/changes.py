"""Changes of a text by a person: the whole, a line, how it is spoken; each can be taken back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from core.errors import UserError
from core.project.conflicts import digest
from core.project.workspace import Project
from core.studio import documents
from core.studio.cast import find_voice
from core.studio.document import MOST_CHARACTERS, Document, What
from core.studio.line import Line
from core.studio.marks import line_text, lines_from, lines_instead, text_of
from core.studio.reading import fits, language_of
from core.studio.takes import read_takes
from core.synthesis.settings import check_settings
from core.text import as_title


def text(document: Document) -> str:
    """A document's text with its marks."""
    return text_of(document.lines)


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


def stamp(document: Document) -> str:
    """A document's text as a window shows it."""
    return digest([line_stamp(line) for line in document.lines])


def line_stamp(line: Line) -> str:
    """A line's text as a window shows it."""
    return digest(line_text(line), line.voice)


def _chain(makes: Sequence[documents.Make]) -> documents.Make:
    def make(document: Document) -> Document:
        for step in makes:
            document = step(document)
        return document

    return make


def _with_text(project: Project, text: str, seen: str = "") -> documents.Make:
    check_length(text)

    def make(document: Document) -> Document:
        if seen and seen != stamp(document):
            raise _changed()
        language = language_of(project, document)
        lines = lines_from(text, language, fits(project, language), document.lines)
        return document.model_copy(update={"lines": tuple(lines)})

    return make


def _with_line_text(project: Project, line_id: int, text: str, seen: str = "") -> documents.Make:
    check_length(text)

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
            result = Document(**{**dict(document), **fields})
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise UserError(
                "studio.setting_range",
                "“{value}” is not possible for {name}.",
                "Choose a value within the range of the field.",
                value=str(first["input"])[:40],
                name=".".join(map(str, first["loc"])),
            ) from None
        language_of(project, result)
        return result

    return make


def _with_name(name: str) -> documents.Make:
    title = as_title(name)

    def make(document: Document) -> Document:
        return document.model_copy(update={"name": title}) if title else document

    return make


def _with(document: Document, line: Line, instead: Sequence[Line]) -> Document:
    place = document.lines.index(line)
    lines = [*document.lines[:place], *instead, *document.lines[place + 1 :]]
    if not instead and line.ends_paragraph and place and not document.lines[place - 1].ends_paragraph:
        lines[place - 1] = lines[place - 1].having(ends_paragraph=True)
    return document.model_copy(update={"lines": tuple(lines)})


def _take_ids(project: Project, id: str) -> set[str]:
    takes = read_takes(documents.folder(project, id))
    return {take.id for entries in takes.by_key.values() for take in entries}


def check_length(text: str) -> None:
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
