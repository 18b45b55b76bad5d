"""What has to be known before Start: a list of all a run needs, and questions that no file of a folder answers."""

from __future__ import annotations

from pathlib import Path

from core.engines.light import MissingLetter
from core.engines.registry import bases
from core.errors import UserError
from core.project.workspace import Project
from core.training.draft import changed_settings
from core.training.letters import missing_letters
from core.training.prerequisites import Prerequisite, prerequisites
from core.training.presets import Preset
from ui import html
from ui.i18n import Translator
from ui.tabs.train.tries import answer_name, tries_view
from ui.tabs.train.unread import unread_view


def ready_view(t: Translator, project: Project, dataset_id: str, base_id: str, path: str | None, preset: Preset) -> str:
    """The list of what a run needs, the questions about a folder, and what becomes of each letter its base lacks.

    ``base_id`` is ``folder`` where the path of one is typed.
    """
    base, questions = base_id, ""
    if base_id == "folder":
        folder = folder_of(path)
        base = str(folder or "")
        questions = _questions(t, project, folder) if folder else ""
    config = preset.config(changed_settings(project, preset.id))
    return (
        _list(t, prerequisites(project, dataset_id, base, preset, config))
        + questions
        + _letters(t, project, dataset_id, base)
    )


def folder_of(path: str | None) -> Path | None:
    """The folder that the field names; None where it names none. A field that nobody has touched holds None."""
    address = (path or "").strip()
    return Path(address).expanduser().absolute() if address else None


def _list(t: Translator, items: list[Prerequisite]) -> str:
    rows = "".join(f"<li>{html.light(item.level, _sentence(t, item))}</li>" for item in items)
    return f'<h3>{html.e(t("prerequisites.title"))}</h3><ul class="vw-lights" id="prerequisites">{rows}</ul>'


def _sentence(t: Translator, item: Prerequisite) -> str:
    values = {
        name: value if isinstance(value, str) else t.number(value, 1 if isinstance(value, float) and value < 10 else 0)
        for name, value in item.values.items()
    }
    if "seconds" in item.values:
        values["minutes"] = t.minutes(float(item.values["seconds"]))
    return t(f"prerequisites.{item.key}_{item.verdict}", **values)


def _letters(t: Translator, project: Project, dataset_id: str, base_id: str) -> str:
    """Each letter that the base lacks, with what becomes of it; empty where it has all, or is not there yet."""
    missing = missing_letters(project, dataset_id, base_id) if base_id else None
    if not missing:
        return ""
    rows = "".join(f"<p>{html.e(_letter(t, letter))}</p>" for letter in missing)
    return html.details(t("ready.each_letter"), rows)


def _letter(t: Translator, letter: MissingLetter) -> str:
    values = {"letter": letter.character, "texts": t.number(letter.texts)}
    if letter.read_as:
        return t("ready.letter_read_as", other=letter.read_as, **values)
    return t("ready.letter_learnt" if letter.is_learnt else "ready.letter_lost", **values)


def _questions(t: Translator, project: Project, folder: Path) -> str:
    engine = project.info.engine
    if names := bases(engine).unread_weights(folder):
        return unread_view(t, project, folder, names)
    try:
        questions = bases(engine).questions(folder)
    except UserError as error:
        return html.notice(t.error(error.code, error.text, error.hint, error.values), "warn")
    fields, empty = [], f'<option value="">{html.e(t("ready.choose"))}</option>'
    for question in questions:
        key = f"questions.{engine}_{question.key}"
        choices = "".join(
            f'<option value="{html.e(choice.value)}">{html.e(answer_name(t, engine, question, choice.value))}</option>'
            for choice in question.choices
        )
        fields.append(
            f'<label class="vw-field"><span>{html.e(t.get(key, question.text))}</span>'
            f'<select required name="{html.e(question.key)}">{empty}{choices}</select></label>'
        )
    if not fields:
        return ""
    note = f'<p class="vw-dim">{html.e(t("ready.questions_about", name=folder.name))}</p>'
    button = f'<button type="submit" class="vw-btn" id="answer-base">{html.e(t("ready.answer"))}</button>'
    return (
        f'<form class="vw-card" data-do="answer-base" data-id="{html.e(str(folder))}">'
        f"{note}{''.join(fields)}{button}</form>{tries_view(t, project, folder, list(questions))}"
    )
