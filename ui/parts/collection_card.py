"""Zip files that wait: what each would bring in, and the two answers to it."""

from __future__ import annotations

from core.sources.held import Held, held
from core.workspace import Project
from ui import html
from ui.i18n import Translator


def collection_cards(t: Translator, project: Project, busy: str = "") -> str:
    """HTML for a `Panel`; empty if nothing waits. Its buttons send ``bring-in`` and ``put-away`` with the zip's id.

    Args:
        busy: why nothing can be added right now.
    """
    return "".join(_card(t, one, busy) for one in held(project))


def _card(t: Translator, one: Held, busy: str) -> str:
    lines = [t(f"collection.{one.kind}", count=t.number(one.count))]
    if one.seconds:
        lines.append(t("collection.minutes", minutes=t.minutes(one.seconds)))
    if one.kind != "sounds":
        lines.append(t("collection.becomes"))
    facts = "".join(f"<p>{html.e(line)}</p>" for line in lines)
    for name, count, names in (
        ("without_text", one.without_text, one.some_without_text),
        ("without_sound", one.without_sound, one.some_without_sound),
    ):
        if count:
            facts += html.notice(t(f"collection.{name}", count=t.number(count), names=names), "warn")
    rows = "".join(
        f'<div class="vw-line"><span class="vw-dim">{html.e(sound)}</span><p>{html.e(text)}</p></div>'
        for sound, text in one.examples
    )
    examples = html.details(t("collection.examples"), rows) if rows else ""
    bring = html.action(t("collection.bring"), "bring-in", one.id, disabled=busy, elem_id=f"bring-{one.id}")
    away = html.action(t("collection.put_away"), "put-away", one.id, style="quiet")
    heading = html.e(t("collection.heading", name=one.name))
    return (
        f'<section class="vw-card vw-held" data-key="{html.e(one.id)}"><h3>{heading}</h3>'
        f'{facts}{examples}<div class="vw-row">{bring}{away}</div>{html.why(busy)}</section>'
    )
