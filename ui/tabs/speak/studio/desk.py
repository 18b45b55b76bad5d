"""The open text above its lines: name, undo, how it is spoken, the job, and the player that plays line after line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.engines.registry import info, speaking_options
from core.errors import UserError
from core.jobs.args.studio import SpeakDocumentArgs
from core.jobs.job import Job
from core.project.workspace import Project
from core.studio.cast import find_voice
from core.studio.changes import stamp, text
from core.studio.document import MOST_TRIES, Document
from core.studio.pronunciation import Pronunciation, entry_name, pronunciations
from core.studio.proofreading import recogniser_for
from core.studio.state import LineState, Overview, overview
from core.studio.tidying import unused_takes
from core.synthesis.voices import VoiceChoice
from ui import html
from ui.http.audio_routes import next_line_url
from ui.i18n import Translator
from ui.job_panel import in_line, job_panel
from ui.tabs.speak.studio.place import MODE, MOST_BYTES, Place, too_long

_ROWS = 16  # of the field for a whole text
_NOTES = ("line", "after", "waits", "rest", "end", "broken")  # what the player says of the line that is heard
_PAUSES = ("clause_s", "sentence_s", "paragraph_s", "heading_s")


def speaking_job(project: Project, document: Document) -> Job | None:
    """The last job that spoke this text."""
    for job, args in project.jobs_of(SpeakDocumentArgs):
        if args.document == document.id:
            return job
    return None


def head(t: Translator, document: Document, place: Place) -> str:
    """The name and what can be done with the whole."""
    back = html.place(f"← {t('studio.all_texts')}", f"{MODE}&doc=&page=&lines=&as=")
    undo = _history(t, "undo-text", t("common.undo"), bool(document.past))
    redo = _history(t, "redo-text", t("studio.redo"), bool(document.future))
    link = html.place(t("studio.whole"), "as=" if place.is_whole else "as=text", is_pressed=place.is_whole)
    name = html.title_field("rename-text", document.id, document.name, t("studio.name"))
    return (
        f'<div class="vw-row">{back}</div><div class="vw-spread vw-text-head">{name}'
        f'<span class="vw-row">{undo}{redo}{link}</span></div>'
    )


def whole_text(t: Translator, document: Document) -> str:
    """The field in which all of the text is changed at once."""
    return (
        f'<form data-key="whole" data-do="whole-text" data-seen="{html.e(stamp(document))}"'
        f' data-most-bytes="{MOST_BYTES}">'
        f'<label class="vw-field"><span>{html.e(t("studio.whole_help"))}</span>'
        f'<textarea name="text" rows="{_ROWS}" dir="auto" id="studio-whole">{html.e(text(document))}</textarea></label>'
        f'{too_long(t)}<button type="submit" class="vw-btn primary">{html.e(t("studio.whole_save"))}</button></form>'
    )


def work(t: Translator, project: Project, document: Document, rows: Sequence[LineState]) -> str:
    """Speak, and the job."""
    total = overview(rows)
    first = next((row.number for row in rows if row.chosen is None and row.line.has_words), 1)
    job = speaking_job(project, document)
    other = project.latest(SpeakDocumentArgs.kind)
    reason = ""
    if other and other.alive():
        reason = t("studio.speaks_now") if job and other.id == job.id else t("studio.speaks_other")
    elif not total.to_speak:
        reason = t("studio.all_spoken")
    label = t("studio.speak_rest", count=t.number(total.to_speak)) if total.spoken else t("studio.speak")
    button = html.action(label, "speak-text", style="primary", off_reason=reason, elem_id="studio-speak")
    numbers = html.numbers(
        html.number(t.number(total.spoken), t("studio.number_spoken")),
        html.number(t.number(total.to_speak), t("studio.number_left")),
        html.number(t.number(total.doubtful), t("studio.number_doubtful"), "warn" if total.doubtful else ""),
        html.number(t.length(total.seconds), t("studio.number_length")),
    )
    reason_line = html.reason(in_line(t, project) if not reason else "")
    along = (
        f'<label class="vw-tick"><input type="checkbox" data-play-along="{first}" checked>'
        f"<span>{html.e(t('studio.along'))}</span></label>"
    )
    row = f'<div class="vw-row">{button}{along}</div>'
    return f'<div class="vw-text-numbers">{numbers}</div>{row}{reason_line}{_panel(t, job)}'


def _panel(t: Translator, job: Job | None) -> str:
    if job is None:
        return ""
    view = job.read()
    spoken_count, failed_count, doubtful_count = (view.count(name) for name in ("spoken", "failed", "doubtful"))
    line = t("studio.done", spoken=t.number(spoken_count))
    if doubtful_count or failed_count:
        line += " " + t("studio.done_doubtful", count=t.number(doubtful_count + failed_count))
    look = html.place(t("studio.look"), "lines=doubtful&page=&as=") if doubtful_count or failed_count else ""
    return job_panel(
        t, job, done_text=line, next_step=look, resume=view.status in ("failed", "cancelled", "interrupted")
    )


def player(t: Translator, project: Project, document: Document, total: Overview) -> str:
    """Plays line after line; before there is one it only says that one is on its way."""
    notes = "".join(f' data-{name}="{html.e(t(f"studio.now_{name}"))}"' for name in _NOTES)
    idle = "" if total.spoken else " idle"
    return (
        f'<div class="vw-player{idle}" data-key="player-{html.e(document.id)}"'
        f' data-list="{html.e(next_line_url(project.slug, document.id))}"{notes}>'
        f'<button type="button" class="vw-btn" data-play-text>▶▶'
        f' <span class="vw-word">{html.e(t("studio.play_all"))}</span></button>'
        f'<audio controls preload="none" data-own aria-label="{html.e(t("studio.player"))}"></audio>'
        '<span class="vw-dim vw-now"></span></div>'
    )


def settings(t: Translator, project: Project, document: Document, choices: list[tuple[str, str]]) -> str:
    """How the text is spoken, closed until asked for; ``choices`` are ids and names of voices."""
    parts = [
        _select(t("speak.voice"), "text-voice", choices, document.voice),
        _select(
            t("speak.language"), "text-language",
            [(code, t.get(f"languages.{code}", code)) for code in info(project.info.engine).languages],
            document.language,
        ),
    ]  # fmt: skip
    voice = f'<div class="vw-halves vw-tight vw-narrow">{"".join(parts)}</div>'
    return voice + html.details(t("studio.manner"), _manner(t, project, document) + _pauses(t, document))


def _manner(t: Translator, project: Project, document: Document) -> str:
    options, manner = speaking_options(project.info.engine), _manner_of_voice(project, document)
    usual = {"seed": 0, **options().model_dump(), **manner}
    seed = t("studio.seed_help")
    fields = [_number(t("speak.seed"), "seed", document.seed, 0, 2**31 - 1, 1, seed, usual["seed"])]
    for name, field in options.model_fields.items():
        bounds = {edge: getattr(rule, edge) for rule in field.metadata for edge in ("ge", "le") if hasattr(rule, edge)}
        step = 1 if field.annotation is int else 0.05
        label, help_ = t.get(f"speaking.{name}", name), t.get(f"speaking.{name}_help", "")
        value = document.settings.get(name)
        fields.append(_number(label, name, value, bounds.get("ge"), bounds.get("le"), step, help_, usual[name]))
    is_heard = bool(recogniser_for(project, document.language or project.info.language))
    is_on = document.proofread if document.proofread is not None else is_heard
    help_ = t("studio.proofread_help") if is_heard else t("studio.proofread_sound")
    proof = (
        f'<label class="vw-tick"><input type="checkbox" name="proofread" value="1"{" checked" if is_on else ""}>'
        f'<span>{html.e(t("studio.proofread"))}<small class="vw-dim">{html.e(help_)}</small></span></label>'
    )
    tries = _number(t("studio.tries"), "tries", document.tries, 0, MOST_TRIES, 1, t("studio.tries_help"))
    return (
        f'<form data-key="manner" data-do="text-manner"><p class="vw-dim">{html.e(t("studio.manner_rule"))}</p>'
        f'<div class="vw-fields">{"".join(fields)}{tries}</div>{proof}'
        f'<div class="vw-row"><button type="submit" class="vw-btn">{html.e(t("studio.apply"))}</button></div>'
        f'<p class="vw-dim">{html.e(t("studio.manner_help"))}</p></form>'
    )


def _manner_of_voice(project: Project, document: Document) -> dict[str, Any]:
    """How the text's voice speaks where neither the text nor a line says otherwise; nothing where there is none."""
    try:
        own = find_voice(project, document, "").arguments
    except UserError:
        return {}
    return {**own.get("settings", {}), "seed": own.get("seed", 0)}


def _pauses(t: Translator, document: Document) -> str:
    pauses = document.pauses.model_dump()
    fields = "".join(_number(t(f"studio.{name}"), name, pauses[name], 0, 10, 0.05, "") for name in _PAUSES)
    return (
        f'<form data-key="pauses" data-do="text-pauses"><h3>{html.e(t("studio.pauses"))}</h3>'
        f'<p class="vw-dim">{html.e(t("studio.pauses_help"))}</p><div class="vw-fields">{fields}</div>'
        f'<button type="submit" class="vw-btn">{html.e(t("studio.apply"))}</button></form>'
    )


def pronunciation_list(t: Translator, project: Project, document: Document) -> str:
    """The project's words that are said otherwise than written, and the form for another."""
    entries = pronunciations(project)
    rows = "".join(_entry(t, entry) for entry in entries)
    languages = [("", t("studio.every_language"))]
    if document.language:
        languages.append((document.language, t.get(f"languages.{document.language}", document.language)))
    options = "".join(f'<option value="{html.e(code)}">{html.e(name)}</option>' for code, name in languages)
    form = (
        f'<form data-key="pronunciation" data-do="add-pronunciation"><div class="vw-fields">'
        f'<label class="vw-field"><span>{html.e(t("studio.written"))}</span>'
        f'<input type="text" name="written" required maxlength="200" autocomplete="off"></label>'
        f'<label class="vw-field"><span>{html.e(t("studio.said"))}</span>'
        f'<input type="text" name="spoken" required maxlength="200" autocomplete="off"></label>'
        f'<label class="vw-field"><span>{html.e(t("speak.language"))}</span><select name="language">{options}</select>'
        f"</label></div>"
        f'<label class="vw-tick"><input type="checkbox" name="case" value="1">'
        f"<span>{html.e(t('studio.match_case'))}</span></label>"
        f'<button type="submit" class="vw-btn">{html.e(t("studio.add_word"))}</button></form>'
    )
    about = f'<p class="vw-dim">{html.e(t("studio.pronunciation_help"))}</p>'
    title = t("studio.pronunciation", count=t.number(len(entries)))
    return html.details(title, f'{about}<ul class="vw-changes">{rows}</ul>{form}')


def _entry(t: Translator, entry: Pronunciation) -> str:
    facts = [t.get(f"languages.{entry.language}", entry.language)] if entry.language else []
    facts += [t("studio.match_case")] if entry.match_case else []
    note = f' <span class="vw-dim">{html.e(" · ".join(facts))}</span>' if facts else ""
    drop = html.action(
        t("studio.drop_word"), "drop-pronunciation", entry_name(entry), style="quiet",
        title=f"{t('studio.drop_word')}: {entry.written}",
    )  # fmt: skip
    return (
        f'<li class="vw-spread" data-key="{html.e(entry_name(entry))}"><span><b>{html.e(entry.written)}</b> → '
        f"{html.e(entry.spoken)}{note}</span>{drop}</li>"
    )


def tidying(t: Translator, project: Project, document: Document) -> str:
    """Takes that no line stands for any more, and how to be rid of them; nothing if there are none."""
    count = len(unused_takes(project, document.id))
    if not count:
        return ""
    button = html.action(
        t("studio.tidy"), "tidy-text", style="quiet", confirm=t("studio.tidy_sure", count=t.number(count))
    )
    about = html.e(t("studio.unused", count=t.number(count)))
    return f'<div class="vw-spread"><span class="vw-dim">{about}</span>{button}</div>'


def names_in_marks(choices: list[VoiceChoice]) -> list[str]:
    """How a mark names each voice: by its title, where that is one voice's alone also with its step."""
    return list(dict.fromkeys(choice.title for choice in choices))


def _history(t: Translator, do: str, label: str, is_there: bool) -> str:
    return html.action(
        label, do, style="quiet", off_reason="" if is_there else t(f"studio.{do.partition('-')[0]}_none")
    )


def _select(label: str, do: str, choices: list[tuple[str, str]], current: str) -> str:
    options = "".join(
        f'<option value="{html.e(value)}"{" selected" if value == current else ""}>{html.e(name)}</option>'
        for value, name in choices
    )
    return (
        f'<label class="vw-pick" data-key="{do}"><span>{html.e(label)}</span>'
        f'<select data-do="{do}" aria-label="{html.e(label)}">{options}</select></label>'
    )


def _number(
    label: str, name: str, value: Any, lowest: Any, highest: Any, step: float, help_: str, usual: Any = None
) -> str:
    """A field for a number; one with a ``usual`` value may stay empty, and shows that then.

    With all digits of a seed: what is shown is what the form sends.
    """
    bounds = "".join(f' {key}="{limit}"' for key, limit in (("min", lowest), ("max", highest)) if limit is not None)
    hint = f'<small class="vw-dim">{html.e(help_)}</small>' if help_ else ""
    empty = "required" if usual is None else f'placeholder="{usual:.10g}"'
    return (
        f'<label class="vw-field"><span>{html.e(label)}</span>'
        f'<input type="number" name="{html.e(name)}" value="{"" if value is None else f"{value:.10g}"}"{bounds}'
        f' step="{step}" {empty}>{hint}</label>'
    )
