"""Data sets that wait: what each would bring in, row by row; which column is the text; and the two answers to it."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from core.project.workspace import Project
from core.sources.collections import pending
from core.sources.collections.pending import PendingDataset
from core.sources.collections.pending_facts import Facts, ListFacts
from core.sources.lists.texts import NOT_USED
from ui import html
from ui.i18n import Translator
from ui.page import Page

_LABEL_LETTERS = 32
_NO_CHOICE = ("file", "empty")
_ROLES = ("phonemes", "language", "speaker", "number", "path", "constant")  # that a column is named by in the choice
_UNICODE = ("", "utf-8", "utf-8-sig", "utf-16", "utf-32")


def collection_cards(t: Translator, project: Project, busy: str = "") -> str:
    """HTML for a `Panel`; empty if nothing waits. `act_on_collection` answers its buttons and choices.

    Args:
        busy: why nothing can be added right now.
    """
    return "".join(_card(t, waiting, busy) for waiting in pending.pending_datasets(project))


def act_on_collection(page: Page, project: Project, evt: Any, note: str) -> bool:
    """Answer a card: ``bring-in``, ``put-away``, ``look-again``, and what is said of a list; False for others."""
    if evt.do == "bring-in":
        pending.bring_in(project, evt.id, page.wish(note))
    elif evt.do == "put-away":
        pending.discard_pending(project, evt.id)
    elif evt.do == "look-again":
        pending.look_again(project, evt.id)
    elif evt.do in ("text-column", "use-list"):
        id_, _, number = evt.id.partition("/")
        pending.choose(project, id_, int(number), int(evt.value) if evt.do == "text-column" else None)
    else:
        return False
    return True


def _card(t: Translator, waiting: PendingDataset, busy: str) -> str:
    discard = html.action(t("collection.put_away"), "put-away", waiting.id, style="quiet")
    reason = ""
    if waiting.state == "refused" and waiting.error:
        body, buttons = html.notice(_say(t, waiting.error), "bad"), discard
    elif waiting.state == "interrupted":
        message = _say(t, waiting.error) if waiting.error else t("collection.interrupted")
        retry = html.action(t("collection.look_again"), "look-again", waiting.id)
        body, buttons = html.notice(message, "warn"), retry + discard
    elif waiting.facts is None:
        body, buttons = f'<p class="vw-dim" role="status">{html.e(t("collection.looking"))}</p>', discard
    else:
        body = _facts(t, waiting, waiting.facts)
        reason = _why_off(t, waiting, waiting.facts, busy)
        label = "bring_without" if waiting.facts.kind == "sounds" and _idle_lists(waiting.facts) else "bring"
        bring = html.action(
            t(f"collection.{label}"),
            "bring-in",
            waiting.id,
            style="primary",
            off_reason=reason,
            elem_id=f"bring-{waiting.id}",
        )
        buttons = bring + discard
    heading = html.e(t("collection.heading", name=waiting.name))
    id_ = html.e(waiting.id)
    return (
        f'<section class="vw-card vw-held" data-key="{id_}" data-reveal="{id_}@{waiting.state}"><h3>{heading}</h3>'
        f'{body}<div class="vw-row">{buttons}</div>{html.reason(reason)}</section>'
    )


def _why_off(t: Translator, waiting: PendingDataset, facts: Facts, busy: str) -> str:
    if waiting.state == "looking":
        return t("collection.looking")
    return t("collection.choose_first") if facts.question else busy


def _idle_lists(facts: Facts) -> list[ListFacts]:
    return [entry for entry in facts.lists if entry.state not in ("used", "set_aside")]


def _say(t: Translator, error: dict[str, Any]) -> str:
    return t.error(error["code"], error["text"], error["hint"], error["values"])


def _facts(t: Translator, waiting: PendingDataset, facts: Facts) -> str:
    lines = [] if facts.question else [t(f"collection.{facts.kind}", count=t.number(facts.count))]
    if facts.seconds and not facts.question:
        lines.append(t("collection.minutes", minutes=t.minutes(facts.seconds)))
    if facts.kind != "sounds":
        lines.append(t("collection.becomes"))
    parts = [f"<p>{html.e(line)}</p>" for line in lines]
    parts += [_list(t, waiting, number, entry) for number, entry in enumerate(facts.lists)]
    for name, count, names in (
        ("without_text", facts.without_text, facts.some_without_text),
        ("without_sound", facts.without_sound, facts.some_without_sound),
    ):
        if count and not facts.question:
            parts.append(html.notice(t(f"collection.{name}", count=t.number(count), names=names), "warn"))
    return "".join(parts)


def _list(t: Translator, waiting: PendingDataset, number: int, facts: ListFacts) -> str:
    names = ", ".join(PurePosixPath(name).name for name in facts.names[:4]) + (" …" if facts.names[4:] else "")
    if facts.state == "refused" and facts.error:
        return html.notice(_say(t, facts.error), "bad")
    if facts.state == "unmatched":
        members = ", ".join(facts.unmatched["names"][:3])
        return html.notice(
            t("collection.list_unmatched", list=names, count=t.number(facts.rows), members=members), "bad"
        )
    if not facts.columns:
        use_button = html.action(t("collection.use_list"), "use-list", f"{waiting.id}/{number}")
        is_off = facts.names[0] in waiting.choices
        return html.notice(t(f"collection.list_{facts.state}", list=names), "warn", use_button if is_off else "")
    summary = t("collection.list_rows", list=names, matches=t.number(facts.matched), rows=t.number(facts.rows))
    parts = [f"<h4>{html.e(summary)}</h4>"]
    if facts.state == "ask":
        parts.append(html.notice(t("collection.list_ask"), "warn"))
    parts += [_choice(t, waiting, number, facts), _rows(facts), _remarks(t, facts)]
    return f"<div>{''.join(parts)}</div>"


def _choice(t: Translator, waiting: PendingDataset, number: int, facts: ListFacts) -> str:
    """The column that is the text, to be changed: each with the beginning of its first cell."""
    column = facts.texts[0] if facts.texts and facts.state == "used" else None
    options = (
        [] if column is not None else [f'<option value="" selected disabled>{html.e(t("collection.pick"))}</option>']
    )
    for at, (heading, role) in enumerate(facts.columns):
        if role in _NO_CHOICE:
            continue
        first = next((cells[at] for _, cells in facts.examples if at < len(cells) and cells[at].strip()), "")
        label = heading or t("collection.column", number=at + 1)
        kind = f" ({t(f'collection.role_{role}')})" if role in _ROLES else ""
        text = f"{label}{kind}: {first[:_LABEL_LETTERS]}{'…' if len(first) > _LABEL_LETTERS else ''}"
        mark = " selected" if at == column else ""
        options.append(f'<option value="{at}"{mark}>{html.e(text)}</option>')
    options.append(f'<option value="{NOT_USED}">{html.e(t("collection.no_column"))}</option>')
    off = " disabled" if waiting.state == "looking" else ""
    note = ""
    if len(facts.texts) > 1 and column is not None:
        copies = ", ".join(facts.columns[at][0] or t("collection.column", number=at + 1) for at in facts.texts[1:])
        note = f'<small class="vw-dim">{html.e(t("collection.copies", columns=copies))}</small>'
    return (
        f'<label class="vw-field"><span>{html.e(t("collection.text_column"))}</span>'
        f'<select data-do="text-column" data-id="{html.e(waiting.id)}/{number}"{off}>{"".join(options)}</select>'
        f"{note}</label>"
    )


def _rows(facts: ListFacts) -> str:
    """The first rows as they would come in: sound → text; where that is asked for, with all their cells."""
    rows = ""
    for sound, cells in facts.examples:
        if facts.state == "used":
            text = next((cells[at] for at in facts.texts if at < len(cells) and cells[at].strip()), "–")
        else:
            text = " | ".join(cell for at, cell in enumerate(cells) if facts.columns[at][1] != "file")
        rows += (
            f'<div class="vw-line vw-named"><span class="vw-dim">{html.e(PurePosixPath(sound).name)}</span>'
            f"<p>{html.e(text)}</p></div>"
        )
    return rows


def _remarks(t: Translator, facts: ListFacts) -> str:
    remarks = []
    if len(facts.speakers) > 1:
        voices = ", ".join(f"{name} ({t.number(count)})" for name, count in facts.speakers)
        remarks.append(html.notice(t("collection.speakers", names=voices), "warn"))
    elif facts.speakers:
        remarks.append(f'<p class="vw-dim">{html.e(t("collection.speaker", name=facts.speakers[0][0]))}</p>')
    for name in ("merged", "differing", "repeated"):
        tally = getattr(facts, name)
        if tally["count"]:
            names = ", ".join(tally["names"]) + (" …" if tally["count"] > len(tally["names"]) else "")
            text = t(f"collection.{name}", count=t.number(tally["count"]), names=names)
            remarks.append(f'<p class="vw-dim">{html.e(text)}</p>' if name == "repeated" else html.notice(text, "warn"))
    if not facts.encoding.startswith(("utf-8", "utf-16", "utf-32")) and facts.encoding:
        remarks.append(f'<p class="vw-dim">{html.e(t("collection.encoding", encoding=facts.encoding))}</p>')
    return "".join(remarks)
