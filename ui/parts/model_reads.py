"""One line under a text: what the model will read, where that is more than its letters, or why it cannot."""

from __future__ import annotations

from core.project.engine import read_text
from core.project.workspace import Project
from ui import html
from ui.i18n import Translator


def model_reads(t: Translator, project: Project, text: str, language: str = "") -> str:
    """HTML of the line, empty where the model reads the text as it stands.

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
