"""What the studio's buttons, fields and forms do: each a call of the studio's core."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from core.engines.registry import speaking_options
from core.errors import UserError
from core.jobs.args.studio import SpeakDocumentArgs
from core.project.workspace import Project
from core.studio import changes, start, tidying
from core.studio.changes import set_settings
from core.studio.document import Document, Pauses
from core.studio.documents import redo, undo
from core.studio.files import FORMATS, remove_file
from core.studio.pronunciation import remove_pronunciation, set_pronunciation
from core.studio.state import states
from ui import html
from ui.page import Page
from ui.parts.queue_strip import say_place
from ui.tabs.speak.studio.place import MODE, Place

Act = Callable[[Page, Project, Document, Any], object]


def act_on_text(page: Page, project: Project, evt: Any) -> bool:
    """Answer what belongs to the open text; False if ``evt.do`` is none of it.

    Raises:
        UserError: what was asked cannot be.
    """
    if evt.do not in _ACTS:
        return False
    document = Place.of(evt.view).document(project)
    if document is None:
        raise UserError(
            "studio.no_document",
            "This text is no longer here.",
            "Choose another one, or look in the trash on the Projects page.",
        )
    _ACTS[evt.do](page, project, document, evt)
    return True


def new_text(project: Project, text: str, name: str, voice: str, language: str) -> str:
    """Make a long text; returns HTML that leads to it."""
    document = start.create(project, text, name, voice=voice, language=language)
    return html.arrive(f"{MODE}&doc={document.id}&page=&lines=&as=", document.id)


def _speak(page: Page, project: Project, document: Document, evt: Any) -> None:
    say_place(page, start.start_speaking(project, document.id, device=page.settings.device))


def _again(page: Page, project: Project, document: Document, evt: Any) -> None:
    say_place(page, start.speak_again(project, document.id, int(evt.id), device=page.settings.device))


def _choose(page: Page, project: Project, document: Document, evt: Any) -> None:
    line_id, _, take = evt.id.partition("|")
    changes.set_line(project, document.id, int(line_id), "take", take=take)


def _approve(page: Page, project: Project, document: Document, evt: Any) -> None:
    for row in states(project, document):
        if row.line.id == int(evt.id) and row.chosen:
            changes.set_line(project, document.id, row.line.id, "take", approved=row.chosen.id, take=row.chosen.id)


def _line_text(page: Page, project: Project, document: Document, evt: Any) -> None:
    changes.set_line_text(project, document.id, int(evt.id), evt.value, seen=evt.seen)


def _line_voice(page: Page, project: Project, document: Document, evt: Any) -> None:
    changes.set_line(project, document.id, int(evt.id), voice=evt.value)


def _line_speed(page: Page, project: Project, document: Document, evt: Any) -> None:
    line = document.line(int(evt.id))
    settings = {name: value for name, value in line.settings.items() if name != "speed"}
    if evt.value:
        settings["speed"] = _number(evt.value)
    changes.set_line(project, document.id, line.id, settings=settings)


def _manner(page: Page, project: Project, document: Document, evt: Any) -> None:
    fields = {name: value for name, value in json.loads(evt.value).items() if str(value).strip()}
    settings = {
        name: _number(fields[name]) for name in speaking_options(project.info.engine).model_fields if name in fields
    }
    seed = int(_number(fields["seed"])) if "seed" in fields else None
    tries, proofread = int(_number(fields["tries"])), "proofread" in fields
    set_settings(project, document.id, settings=settings, seed=seed, tries=tries, proofread=proofread)


def _pauses(page: Page, project: Project, document: Document, evt: Any) -> None:
    fields = json.loads(evt.value)
    values = {name: _number(fields[name]) for name in Pauses.model_fields if name in fields}
    set_settings(project, document.id, pauses=values)


def _whole(page: Page, project: Project, document: Document, evt: Any) -> None:
    changes.set_text(project, document.id, str(json.loads(evt.value)["text"]), seen=evt.seen)


def _add_word(page: Page, project: Project, document: Document, evt: Any) -> None:
    fields = json.loads(evt.value)
    set_pronunciation(
        project, str(fields["written"]), str(fields["spoken"]), str(fields.get("language", "")), "case" in fields
    )


def _write(page: Page, project: Project, document: Document, evt: Any) -> None:
    fields = json.loads(evt.value)
    formats = [format for format in FORMATS if format in fields]
    start.start_writing(project, document.id, formats, incomplete="incomplete" in fields)


def _resume(page: Page, project: Project, document: Document, evt: Any) -> None:
    job = project.job(evt.id)
    if job.spec().kind == SpeakDocumentArgs.kind:
        start.resume_speaking(project, job)


def _number(text: Any) -> float:
    """A number as a browser sends it.

    Raises:
        UserError: ``studio.no_number``.
    """
    try:
        value = float(str(text).replace(",", "."))
    except ValueError:
        value = float("nan")
    if not abs(value) < 1e12:
        raise UserError("studio.no_number", "“{value}” is no number.", "Type one, such as 0.5.", value=str(text)[:40])
    return value


_ACTS: dict[str, Act] = {
    "speak-text": _speak,
    "again": _again,
    "choose-take": _choose,
    "approve": _approve,
    "line-text": _line_text,
    "line-voice": _line_voice,
    "line-speed": _line_speed,
    "rename-text": lambda page, project, document, evt: changes.rename(project, document.id, evt.value),
    "undo-text": lambda page, project, document, evt: undo(project, document.id),
    "redo-text": lambda page, project, document, evt: redo(project, document.id),
    "text-voice": lambda page, project, document, evt: set_settings(project, document.id, voice=evt.value),
    "text-language": lambda page, project, document, evt: set_settings(project, document.id, language=evt.value),
    "text-manner": _manner,
    "text-pauses": _pauses,
    "whole-text": _whole,
    "add-pronunciation": _add_word,
    "drop-pronunciation": lambda page, project, document, evt: remove_pronunciation(project, evt.id),
    "write-files": _write,
    "tidy-text": lambda page, project, document, evt: tidying.remove_unused_takes(project, document.id),
    "delete-file": lambda page, project, document, evt: remove_file(project, document.id, evt.id),
    "resume": _resume,
}
