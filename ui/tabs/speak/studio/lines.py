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
    visible = [row for row in rows if row.is_among(place.filter)]
    if not visible:
        sentence = t("studio.nothing_doubtful") if place.filter else t("studio.no_lines")
        return f'<div class="vw-empty"><p>{html.e(sentence)}</p></div>'
    number = min(place.page, -(-len(visible) // PER_PAGE))
    part = visible[(number - 1) * PER_PAGE : number * PER_PAGE]
    keys = Keys(project, document)
    items, missing = "", ""  # of lines in a row that lack the same voice, the first says so
    for row in part:
        name = row.line.voice if row.state == "no_voice" else ""
        fault = "" if name and name == missing else _failure(t, row)
        items += _row(t, project, document, row, names, _usual_speed(keys, row.line), fault)
        missing = name
    return f'<ol class="vw-lines">{items}</ol>{pages(t, number, len(visible), PER_PAGE)}'


def _usual_speed(keys: Keys, line: Line) -> float:
    """How fast a line is spoken where it does not say so itself: as the text, or else its voice."""
    return keys.settings(line.having(settings={})).get("speed", 1.0)


def _row(
    t: Translator,
    project: Project,
    document: Document,
    row: LineState,
    names: Sequence[str],
    usual_speed: float,
    fault: str,
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
    about = f' <span class="vw-dim">· {html.e(" · ".join(facts))}</span>' if facts else ""
    style = "heading" if line.heading else "paragraph" if line.ends_paragraph else ""
    return (
        f'<li class="vw-said {row.state} {style}" data-key="line-{line.id}" data-number="{row.number}">'
        f'<span class="vw-no">{number}</span><div class="vw-saying">{field}'
        f'<div class="vw-row vw-facts">{_play(t, project, document, row)}'
        f'<span class="vw-state">{state}{about}</span>{_buttons(t, row)}</div>'
        f"{_more(t, project, document, row, names, usual_speed)}{_doubt(t, row)}{fault}</div></li>"
    )


def _play(t: Translator, project: Project, document: Document, row: LineState) -> str:
    if row.chosen is None:
        return ""
    url = line_url(project.slug, document.id, row.chosen.id)
    return (
        f'<button type="button" class="vw-btn" data-play="{row.line.id}" data-url="{html.e(url)}"'
        f' aria-label="{html.e(t("studio.play_line", number=t.number(row.number)))}">▶</button>'
    )


def _buttons(t: Translator, row: LineState) -> str:
    line, number = row.line, t.number(row.number)
    buttons = ""
    if row.state == "doubtful":
        buttons += _button(t("studio.approve"), "approve", line.id, t("studio.approve_help"), "✓")
    if row.chosen:
        buttons += _button(t("studio.again"), "again", line.id, f"{t('studio.again')}: {number}", "↻")
    elif line.has_words:
        label = t("studio.speak_line")
        buttons += html.action(label, "again", str(line.id), style="quiet", title=f"{label}: {number}")
    return buttons


def _button(label: str, do: str, id_: int, title: str, icon: str) -> str:
    """A button that shows its ``icon`` in place of its words where there is little room."""
    return (
        f'<button type="button" class="vw-btn quiet vw-iconic" data-icon="{icon}" data-do="{do}" data-id="{id_}"'
        f' title="{html.e(title)}"><span class="vw-word">{html.e(label)}</span></button>'
    )


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


def _more(
    t: Translator, project: Project, document: Document, row: LineState, names: Sequence[str], usual_speed: float
) -> str:
    """Which of its takes stands for the line, who says it, and how fast; closed until asked for."""
    line = row.line
    if not line.has_words:
        return ""
    chips, label = "", t("studio.line_more")
    if len(row.takes) > 1:
        buttons = "".join(_chip(t, project, document, row, place, take) for place, take in enumerate(row.takes, 1))
        about = t("studio.takes_of", number=t.number(row.number))
        label = t("studio.line_more_takes", count=t.number(len(row.takes)))
        chips = (
            f'<div class="vw-row vw-chips" role="group" aria-label="{html.e(about)}">'
            f'<span class="vw-dim">{html.e(about)}</span>{buttons}</div>'
        )
    rest = [name for name in dict.fromkeys([line.voice, *names]) if name]
    options = "".join(
        f'<option value="{html.e(name)}"{" selected" if name == line.voice else ""}>{html.e(name)}</option>'
        for name in rest
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
    return (
        f'<details class="vw-details"><summary class="vw-iconic" data-icon="⋯" title="{html.e(label)}">'
        f'<span class="vw-word">{html.e(label)}</span></summary>{chips}<div class="vw-fields">{fields}</div></details>'
    )
