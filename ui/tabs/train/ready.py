"""What has to be known before Start: letters that the base lacks, and questions that no file of a folder answers."""

from __future__ import annotations

from pathlib import Path

from core.engines.base import MissingLetter
from core.engines.registry import bases
from core.errors import UserError
from core.project.workspace import Project
from core.training.letters import missing_letters
from ui import html
from ui.i18n import Translator

_MOST_NAMED = 30


def ready_view(t: Translator, project: Project, dataset_id: str, base_id: str, path: str | None) -> str:
    """The questions about a folder whose path was typed, and every letter of the dataset that its base lacks."""
    if base_id != "folder":
        return _letters(t, missing_letters(project, dataset_id, base_id))
    typed = (path or "").strip()  # a field that nobody has touched holds nothing
    if not typed:
        return ""
    folder = Path(typed).expanduser().absolute()
    return _questions(t, project, folder) + _letters(t, missing_letters(project, dataset_id, str(folder)))


def _letters(t: Translator, missing: tuple[MissingLetter, ...] | None) -> str:
    if missing is None:
        return ""
    if not missing:
        return html.light("good", t("ready.letters_good"))
    is_lost = any(not letter.read_as and not letter.is_learnt for letter in missing)
    names = " ".join(letter.character for letter in missing[:_MOST_NAMED])
    text = t("ready.letters_poor" if is_lost else "ready.letters_fair", letters=names)
    rows = "".join(f"<p>{html.e(_letter(t, letter))}</p>" for letter in missing)
    return html.light("bad" if is_lost else "fair", text) + html.details(t("ready.each_letter"), rows)


def _letter(t: Translator, letter: MissingLetter) -> str:
    values = {"letter": letter.character, "texts": t.number(letter.texts)}
    if letter.read_as:
        return t("ready.letter_read_as", other=letter.read_as, **values)
    return t("ready.letter_learnt" if letter.is_learnt else "ready.letter_lost", **values)


def _questions(t: Translator, project: Project, folder: Path) -> str:
    engine = project.info.engine
    try:
        questions = bases(engine).questions(folder)
    except UserError as error:
        return html.notice(t.error(error.code, error.text, error.hint, error.values), "warn")
    fields, empty = [], f'<option value="">{html.e(t("ready.choose"))}</option>'
    for question in questions:
        key = f"questions.{engine}_{question.key}"
        choices = "".join(
            f'<option value="{html.e(choice.value)}">{html.e(t.get(f"{key}_{choice.value}", choice.label))}</option>'
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
        f"{note}{''.join(fields)}{button}</form>"
    )
