"""Small pieces of HTML the tabs are put together from. Everything that came from outside is escaped here."""

from __future__ import annotations

from html import escape
from typing import Any

LIGHTS = {"good": "●", "fair": "◐", "bad": "○", "none": "–"}


def e(value: Any) -> str:
    """Text made safe for HTML, attribute values too."""
    return escape(str(value), quote=True)


def action(
    label: str,
    do: str,
    id_: str = "",
    *,
    style: str = "",
    off_reason: str = "",
    title: str = "",
    confirm: str = "",
    keys: str = "",
    elem_id: str = "",
) -> str:
    """A button that sends ``{do, id}`` to the part it stands in.

    Args:
        off_reason: the reason why it is off, shown as its title; `reason` prints it beside the button.
        confirm: what is asked before it is sent.
        keys: keys that press it while its tab is open and nobody types, such as ``"a A"``.
        elem_id: its id in the page.
    """
    facts = {"data-confirm": confirm, "data-key-press": keys, "id": elem_id, "title": off_reason or title}
    attributes = "".join(f' {name}="{e(value)}"' for name, value in facts.items() if value)
    off = " disabled" if off_reason else ""
    return (
        f'<button type="button" class="vw-btn {style}" data-do="{e(do)}" data-id="{e(id_)}"{attributes}{off}>'
        f"{e(label)}</button>"
    )


def standing_on(stamp: str, button: str) -> str:
    """A button that sends along what its window shows (``evt.seen``), so that it is refused if that is so no more."""
    return f'<span data-seen="{e(stamp)}">{button}</span>'


def title_field(do: str, id_: str, title: str, label: str, *, max_length: int = 80, is_required: bool = True) -> str:
    """What a person calls something, to be changed in place: sends ``do`` with the id and, as its value, the new title.

    ``max_length`` is in characters.
    """
    return (
        f'<input type="text" class="vw-quiet" data-do="{do}" data-id="{e(id_)}" maxlength="{max_length}"'
        f' value="{e(title)}" aria-label="{e(label)}"{" required" if is_required else ""}>'
    )


def reason(text: str) -> str:
    """Why the button beside it is off, as a small line; nothing if it is not."""
    return f'<p class="vw-dim vw-why">{e(text)}</p>' if text else ""


def go(label: str, tab: str, *, style: str = "primary", view: str = "") -> str:
    """A button that leads to another tab, and there to a place (``view``, such as ``filter=low``)."""
    place = f' data-view="{e(view)}"' if view else ""
    return f'<button type="button" class="vw-btn {style}" data-go="{e(tab)}"{place}>{e(label)}</button>'


def place(label: str, view: str, *, is_pressed: bool = False, is_off: bool = False, keys: str = "") -> str:
    """A button that changes the place within the tab: ``view`` is merged into the address."""
    attributes = f' data-key-press="{e(keys)}"' if keys else ""
    attributes += ' aria-pressed="true"' if is_pressed else ""
    attributes += " disabled" if is_off else ""
    style = " chosen" if is_pressed else ""
    return f'<button type="button" class="vw-btn{style}" data-view="{e(view)}"{attributes}>{e(label)}</button>'


def open_project(label: str, slug: str, tab: str, *, style: str = "", name: str = "") -> str:
    """A button that opens a project at one of its tabs; ``name`` tells which, for who hears it among others."""
    aria_label = f' aria-label="{e(label)} ({e(name)})"' if name else ""
    return (
        f'<button type="button" class="vw-btn {style}" data-open="{e(slug)}" data-tab="{e(tab)}"{aria_label}>'
        f"{e(label)}</button>"
    )


def arrive(view: str, stamp: str = "", *, made_for: str = "") -> str:
    """Moves the page there once it is shown: another project (``project=…&tab=…``) or a place within the tab.

    Args:
        view: what is merged into the address.
        stamp: differs where the same move is to be made again.
        made_for: the query of the address this was made for; a page that has moved on meanwhile stays where it is.
    """
    return f'<i hidden data-arrive="{e(view)}" data-stamp="{e(stamp)}" data-made-for="{e(made_for)}"></i>'


def empty(sentence: str, button: str = "") -> str:
    """The empty state: what is missing, and the button that leads there."""
    return f'<div class="vw-empty"><p>{e(sentence)}</p>{button}</div>'


def heading(title: str, purpose: str) -> str:
    """A tab's title and the one sentence that says what it is for."""
    return f'<div class="vw-heading"><h1>{e(title)}</h1><p>{e(purpose)}</p></div>'


def number(value: str, label: str, tone: str = "") -> str:
    """One big number with its label."""
    return f'<div class="vw-number {tone}"><b>{e(value)}</b><span>{e(label)}</span></div>'


def numbers(*cells: str) -> str:
    """A row of big numbers."""
    return f'<div class="vw-numbers">{"".join(cells)}</div>'


def light(tone: str, label: str) -> str:
    """A quality light: a shape as well as a colour, so that it also reads without colour."""
    return f'<span class="vw-light {tone}" title="{e(label)}"><i aria-hidden="true">{LIGHTS[tone]}</i>{e(label)}</span>'


def bar(fraction: float, label: str) -> str:
    """A progress bar, 0 to 1; ``label`` says of what, for who does not see it."""
    percent = round(100 * max(0.0, min(1.0, fraction)), 1)
    return (
        f'<div class="vw-bar" role="progressbar" aria-label="{e(label)}" aria-valuemin="0" aria-valuemax="100"'
        f' aria-valuenow="{percent}"><i style="width:{percent}%"></i></div>'
    )


def player(url: str, label: str = "", *, preload: str = "none") -> str:
    """An audio player."""
    return f'<audio controls preload="{preload}" src="{e(url)}" aria-label="{e(label)}"></audio>'


def notice(text: str, tone: str = "info", button: str = "") -> str:
    """A sentence that stands out. ``tone`` is info, good, warn or bad; ``button`` is HTML that stands under it."""
    under = f'<div class="vw-row">{button}</div>' if button else ""
    return f'<div class="vw-notice {tone}" role="status">{e(text)}{under}</div>'


def details(summary: str, body: str) -> str:
    """A part that is closed until asked for; ``body`` is HTML."""
    return f'<details class="vw-details"><summary>{e(summary)}</summary>{body}</details>'
