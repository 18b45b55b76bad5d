"""What the model will read of a text, how long that is for it, and why it cannot read it."""

from __future__ import annotations

from core.engines.light import Reading
from core.project.engine import read_text
from core.project.workspace import Project
from ui import html
from ui.i18n import Translator


def model_reads(t: Translator, project: Project, text: str, language: str = "") -> str:
    """HTML of one line, empty where the model reads the text as it stands.

    Args:
        t: of the page.
        project: whose engine and base are asked.
        text: as it is written.
        language: the engine's code; the project's if empty.
    """
    if not text:
        return ""
    reading = read_text(project, text, language)
    if reading.unknown:
        return html.notice(t("speak.cannot_read", characters=reading.unknown), "warn")
    if not reading.differs:
        return ""
    label = html.e(t("speak.reads"))
    return f'<p class="vw-reads"><span class="vw-dim">{label}</span> {html.e(reading.text)}</p>'


def model_reads_all(t: Translator, project: Project, text: str) -> str:
    """HTML of what the model will read of a clip's text, always, with its length in tokens and the limit."""
    reading = read_text(project, text)
    length = ""
    if reading.limit:
        values = {"count": t.number(reading.tokens), "limit": t.number(reading.limit)}
        is_long = reading.tokens > reading.limit
        line = t("review.too_many_tokens" if is_long else "review.tokens", **values)
        length = f'<span class="vw-tokens{" bad" if is_long else ""}">{html.e(line)}</span>'
    unknown = ""
    if reading.unknown:
        unknown = html.notice(t("speak.cannot_read", characters=reading.unknown), "warn")
    label = html.e(t("speak.reads"))
    return (
        f'<p class="vw-reads"><span class="vw-dim">{label}</span> <bdi>{_marked(reading)}</bdi> {length}</p>{unknown}'
    )


def _marked(reading: Reading) -> str:
    """The reading with the characters marked that have no sound."""
    if not reading.unknown_characters:
        return html.e(reading.text)
    strange = set(reading.unknown_characters)
    return "".join(f"<mark>{html.e(letter)}</mark>" if letter in strange else html.e(letter) for letter in reading.text)
