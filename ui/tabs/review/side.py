"""The side of the review: the list of clips around the one that is shown, and the keys."""

from __future__ import annotations

from core.clips.review import Spot
from core.project.records import Clip
from ui import html
from ui.i18n import Translator

# Every key of the page and what it does, as on the help sheet; the first few stand beside the card as well.
_KEYS = (
    ("A", "approve"),
    ("R", "reject"),
    ("⇧R", "because"),
    ("E", "write"),
    ("␣", "listen"),
    ("←  →", "walk"),
    ("Z", "undo"),
    ("D", "next_doubt"),
    ("T", "take"),
    ("Y", "redo"),
    ("⇧←  ⇧→", "seek"),
    ("P", "again"),
    ("L", "loop"),
    ("−  +", "speed"),
    ("S", "split"),
    ("J", "join"),
    ("[  ]", "ends"),
    ("/", "search"),
    ("?", "all_keys"),
)
_KEYS_IN_TEXT = (("Ctrl ↵", "save_and_approve"), ("F8", "next_doubt"), ("Esc", "leave_text"))
_BESIDE_CARD = 9


def review_side(t: Translator, spot: Spot, view: dict[str, str]) -> str:
    """HTML for a `Panel`."""
    return f"<aside>{_list(t, spot, view)}{_keys(t, view)}</aside>{_sheet(t)}"


def _list(t: Translator, spot: Spot, view: dict[str, str]) -> str:
    rows = "".join(_row(t, clip, spot.list_start + place, spot) for place, clip in enumerate(spot.listing))
    turn = turn_of(view)
    last = spot.list_start + len(spot.listing)
    earlier = _turn(t("review.list_earlier"), "↑", turn - 1, is_off=spot.list_start == 0)
    next_turn = _turn(t("review.list_later"), "↓", turn + 1, is_off=last >= spot.count)
    numbers = f"{t.number(spot.list_start + 1)}–{t.number(last)}"
    where = t("review.list_where", range=numbers, count=t.number(spot.count)) if spot.listing else ""
    return (
        f'<nav class="vw-card vw-listed" aria-label="{html.e(t("review.list"))}"><div class="vw-spread">'
        f'<span class="vw-dim">{html.e(where)}</span><span class="vw-row">{earlier}{next_turn}</span></div>'
        f'<div class="vw-next">{rows}</div></nav>'
    )


def turn_of(view: dict[str, str]) -> int:
    """How many pages the list is turned away from the clip, as the address says it."""
    turn = view.get("turn", "")
    return int(turn) if turn.removeprefix("-").isdecimal() and len(turn) < 6 else 0


def _turn(label: str, sign: str, turn: int, *, is_off: bool) -> str:
    off = " disabled" if is_off else ""
    return (
        f'<button type="button" class="vw-btn quiet" data-turn data-view="turn={turn or ""}" title="{html.e(label)}"'
        f' aria-label="{html.e(label)}"{off}>{sign}</button>'
    )


def _row(t: Translator, clip: Clip, place: int, spot: Spot) -> str:
    text = clip.text or t("review.no_text")
    flags = clip.text_flags or clip.sound_flags
    kind = clip.status if clip.status != "new" else "flagged" if flags else "low" if clip.is_doubtful else ""
    mark = {"approved": "✓", "rejected": "✕", "flagged": "⚑", "low": "◐"}.get(kind, "")
    name = f' <span class="vw-sr">{html.e(t("review.filter_" + kind))}</span>' if kind else ""
    current = ' aria-current="true"' if clip.id == spot.clip.id else ""
    return (
        f'<button type="button" data-key="{html.e(clip.id)}" data-view="clip={html.e(clip.id)}&turn="{current}>'
        f'<i aria-hidden="true">{mark or t.number(place + 1)}</i><span dir="auto">{html.e(text)}</span>{name}</button>'
    )


def _keys(t: Translator, view: dict[str, str]) -> str:
    on = view.get("play") != "no"
    auto = html.place(t("review.auto_on" if on else "review.auto_off"), "play=" + ("no" if on else ""), is_pressed=on)
    keys = f'<button type="button" class="vw-btn quiet" data-help>{html.e(t("review.all_keys"))} <kbd>?</kbd></button>'
    return (
        f'<div class="vw-card vw-keys"><dl class="vw-keygrid">{_pairs(t, _KEYS[:_BESIDE_CARD])}</dl>'
        f'<div class="vw-row">{auto}{keys}</div></div>'
    )


def _sheet(t: Translator) -> str:
    """The help sheet's content: the page's script shows it in a dialog."""
    close = f'<button type="button" class="vw-btn" data-close autofocus>{html.e(t("review.close"))}</button>'
    return (
        f'<div hidden id="review-sheet"><h2>{html.e(t("review.all_keys"))}</h2>'
        f'<dl class="vw-keygrid">{_pairs(t, _KEYS)}</dl><h3>{html.e(t("review.keys_in_text"))}</h3>'
        f'<dl class="vw-keygrid">{_pairs(t, _KEYS_IN_TEXT)}</dl>{close}</div>'
    )


def _pairs(t: Translator, keys: tuple[tuple[str, str], ...]) -> str:
    return "".join(
        f"<div><dt>{''.join(f'<kbd>{html.e(key)}</kbd> ' for key in names.split('  '))}</dt>"
        f"<dd>{html.e(t(f'review.key_{meaning}'))}</dd></div>"
        for names, meaning in keys
    )
