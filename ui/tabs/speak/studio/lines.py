"""The lines of a text, paged and filtered: each to be heard, changed, spoken again, and its take chosen."""

from __future__ import annotations

from collections.abc import Sequence

from core.project.workspace import Project
from core.studio.changes import line_stamp
from core.studio.document import Document
from core.studio.keys import Keys
from core.studio.line import Line
from core.studio.marks import line_text
from core.studio.state import LineState, Overview
from core.studio.takes import LineTake
from ui import html
from ui.http.audio_routes import line_url
from ui.i18n import Translator
from ui.parts.pagination import pages
from ui.parts.proof import proof_line
from ui.tabs.speak.studio.place import PER_PAGE, Place

_LETTERS_A_ROW = 64  # about, of a field for a line
_LIGHTS = {
    "spoken": "good",
    "doubtful": "bad",
    "failed": "bad",
    "no_voice": "bad",
    "unspoken": "none",
    "silent": "none",
}


def filters(t: Translator, total: Overview, place: Place) -> str:
    """Which lines are shown: all, those to look at, those without a sound."""
    counts = {"": "", "doubtful": t.number(total.doubtful), "unspoken": t.number(total.to_speak)}
    buttons = [
        html.place(
            t(f"studio.filter_{name or 'all'}", count=count), f"lines={name}&page=&as=", is_pressed=name == place.filter
        )
        for name, count in counts.items()
    ]
    return f'<div class="vw-row" role="group" aria-label="{html.e(t("studio.filter"))}">{"".join(buttons)}</div>'


def line_rows(
    t: Translator, project: Project, document: Document, rows: Sequence[LineState], place: Place, names: Sequence[str]
) -> str:
    """A page of lines; ``names`` are those of voices that may be given to one."""
    shown = [row for row in rows if row.is_among(place.filter)]
    if not shown:
        sentence = t("studio.nothing_doubtful") if place.filter else t("studio.no_lines")
        return f'<div class="vw-empty"><p>{html.e(sentence)}</p></div>'
    number = min(place.page, -(-len(shown) // PER_PAGE))
    part = shown[(number - 1) * PER_PAGE : number * PER_PAGE]
    keys = Keys(project, document)
    items = "".join(_row(t, project, document, row, names, _usual_speed(keys, row.line)) for row in part)
    return f'<ol class="vw-lines">{items}</ol>{pages(t, number, len(shown), PER_PAGE)}'


def _usual_speed(keys: Keys, line: Line) -> float:
    """How fast a line is spoken where it does not say so itself: as the text, or else its voice."""
    return keys.settings(line.having(settings={})).get("speed", 1.0)


def _row(
    t: Translator, project: Project, document: Document, row: LineState, names: Sequence[str], usual_speed: float
) -> str:
    line, number = row.line, t.number(row.number)
    text = line_text(line)
    rows = max(1, -(-len(text) // _LETTERS_A_ROW))
    label = t("studio.line_label", number=number)
    field = (
        f'<textarea rows="{rows}" dir="auto" data-line="{line.id}" data-stamp="{html.e(line_stamp(line))}"'
        f' aria-label="{html.e(label)}" id="line-{line.id}">{html.e(text)}</textarea>'
    )
    state = html.light(_LIGHTS[row.state], t(f"studio.state_{row.state}"))
    facts = [line.voice] if line.voice else []
    if row.chosen:
        facts.append(f"{t.number(row.chosen.seconds, 1)} s")
    about = f'<span class="vw-dim">{html.e(" · ".join(facts))}</span>' if facts else ""
    style = "heading" if line.heading else "paragraph" if line.ends_paragraph else ""
    return (
        f'<li class="vw-said {row.state} {style}" data-key="line-{line.id}" data-number="{row.number}">'
        f'<span class="vw-no">{number}</span><div class="vw-saying">{field}'
        f'<div class="vw-row vw-facts">{state}{about}{_buttons(t, project, document, row)}'
        f"{_more(t, row, names, usual_speed)}</div>{_doubt(t, row)}{_failure(t, row)}</div></li>"
    )


def _buttons(t: Translator, project: Project, document: Document, row: LineState) -> str:
    line, number = row.line, t.number(row.number)
    buttons = []
    if row.chosen:
        url = line_url(project.slug, document.id, row.chosen.id)
        buttons.append(
            f'<button type="button" class="vw-btn" data-play="{line.id}" data-url="{html.e(url)}"'
            f' aria-label="{html.e(t("studio.play_line", number=number))}">▶</button>'
        )
        if len(row.takes) > 1:
            chips = "".join(_chip(t, project, document, row, place, take) for place, take in enumerate(row.takes, 1))
            label = html.e(t("studio.takes_of", number=number))
            buttons.append(f'<span class="vw-row vw-chips" role="group" aria-label="{label}">{chips}</span>')
    if line.has_words:
        again = t("studio.again") if row.chosen else t("studio.speak_line")
        buttons.append(html.action(again, "again", str(line.id), style="quiet", title=f"{again}: {number}"))
    if row.state == "doubtful":
        buttons.append(html.action(t("studio.approve"), "approve", str(line.id), title=t("studio.approve_help")))
    return "".join(buttons)


def _chip(t: Translator, project: Project, document: Document, row: LineState, place: int, take: LineTake) -> str:
    """A take to be heard and chosen by one click."""
    is_chosen = row.chosen is not None and take.id == row.chosen.id
    url = line_url(project.slug, document.id, take.id)
    doubt = t("studio.take_doubtful") if take.proof.is_doubtful else ""
    label = " ".join(filter(None, (t("studio.take", number=t.number(place)), doubt)))
    return (
        f'<button type="button" class="vw-btn{" chosen" if is_chosen else ""}" data-do="choose-take"'
        f' data-id="{row.line.id}|{html.e(take.id)}" data-url="{html.e(url)}" aria-label="{html.e(label)}"'
        f' title="{html.e(label)}" aria-pressed="{"true" if is_chosen else "false"}">'
        f"{place}{'!' if doubt else ''}</button>"
    )


def _doubt(t: Translator, row: LineState) -> str:
    return proof_line(t, row.chosen.proof) if row.chosen and row.state == "doubtful" else ""


def _failure(t: Translator, row: LineState) -> str:
    if row.state == "no_voice":
        return html.notice(t("studio.no_such_voice", name=row.line.voice), "bad")
    if row.failure is None:
        return ""
    failure = row.failure
    return html.notice(t.error(failure.code, failure.text, failure.hint, failure.values), "bad")


def _more(t: Translator, row: LineState, names: Sequence[str], usual_speed: float) -> str:
    """Who says the line, which take is its first, and how fast."""
    line = row.line
    if not line.has_words:
        return ""
    others = [name for name in dict.fromkeys([line.voice, *names]) if name]
    options = "".join(
        f'<option value="{html.e(name)}"{" selected" if name == line.voice else ""}>{html.e(name)}</option>'
        for name in others
    )
    usual = f'<option value=""{"" if line.voice else " selected"}>{html.e(t("studio.voice_of_text"))}</option>'
    speed = line.settings.get("speed", "")
    value = "" if speed == "" else f"{speed:g}"
    fields = (
        f'<label class="vw-field"><span>{html.e(t("studio.line_voice"))}</span>'
        f'<select data-do="line-voice" data-id="{line.id}">{usual}{options}</select></label>'
        f'<label class="vw-field"><span>{html.e(t("studio.line_speed"))}</span>'
        f'<input type="number" data-do="line-speed" data-id="{line.id}" min="0.25" max="4" step="0.05"'
        f' value="{value}" placeholder="{usual_speed:g}"></label>'
    )
    return html.details(t("studio.line_more"), f'<div class="vw-fields">{fields}</div>')
