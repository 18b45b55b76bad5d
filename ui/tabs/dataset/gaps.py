"""What the texts lack: letters and letter pairs of the language, and sentences that bring them, to be read aloud."""

from __future__ import annotations

from collections.abc import Callable

from core.dataset.coverage import sentences_to_read
from core.dataset.grades import ending
from core.dataset.report import Report
from core.project.workspace import Project
from core.sources import reading
from ui import html
from ui.i18n import Translator
from ui.tabs.dataset.card import letters

_PAIRS_SHOWN = 40
_SENTENCES = 12
_OF_A_KIND = 3
_KINDS: dict[str, Callable[[str], bool]] = {
    "questions": lambda text: ending(text) == "question",
    "numbers": lambda text: any(letter.isdecimal() for letter in text),
}


def gaps(t: Translator, project: Project, now: Report) -> str:
    """HTML for a `Panel`; its button sends ``read``."""
    if now.coverage is None or not now.clips:
        return ""
    rare = now.coverage.rare_pairs
    about = t("dataset.pairs_about", percent=t.number(100 * now.coverage.share), count=t.number(len(rare)))
    pairs = " · ".join(rare[:_PAIRS_SHOWN]) + (" …" if len(rare) > _PAIRS_SHOWN else "")
    missing = f'<p class="vw-dim">{html.e(t("dataset.pairs_rare"))} <span>{html.e(pairs)}</span></p>' if rare else ""
    body = f"<p>{html.e(about)}</p>{letters(t, now.coverage)}{missing}"
    return f'<section data-key="gaps"><h3>{html.e(t("dataset.gaps"))}</h3>{body}{_sentences(t, project, now)}</section>'


def sentences(project: Project, now: Report) -> list[str]:
    """What would be read: the bundled sentences that bring most of what is missing; questions and numbers first."""
    if now.coverage is None:
        return []
    candidates = reading.all_sentences(project.info.language)
    clip_texts = [clip.text for clip in now.clips]
    lacking = {grade.key for grade in now.grades if grade.level != "good"}
    picks: list[str] = []
    for key, is_one in _KINDS.items():
        if key in lacking:
            picks += sentences_to_read(
                now.coverage, list(filter(is_one, candidates)), [*clip_texts, *picks], _OF_A_KIND
            )
    return picks + sentences_to_read(now.coverage, candidates, [*clip_texts, *picks], _SENTENCES - len(picks))


def _sentences(t: Translator, project: Project, now: Report) -> str:
    lines = sentences(project, now)
    if not lines:
        return ""
    items = "".join(f'<li lang="{html.e(project.info.language)}">{html.e(line)}</li>' for line in lines)
    button = html.action(t("dataset.read", count=t.number(len(lines))), "read", elem_id="read-gaps")
    about = f'<p class="vw-dim">{html.e(t("dataset.read_about"))}</p>'
    return html.details(t("dataset.read_list", count=t.number(len(lines))), f"{about}<ol>{items}</ol>{button}")
