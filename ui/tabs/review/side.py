"""The side panel of the review: the next clips, the keys, and approving many at once."""

from __future__ import annotations

from core.clips import review
from core.clips.review import Spot
from core.project.records import Clip
from core.project.workspace import Project
from ui import html
from ui.i18n import Translator


def review_side(t: Translator, project: Project, spot: Spot, view: dict[str, str]) -> str:
    """HTML for a `Panel`; its button sends ``approve_sure`` with the threshold and the stamp of the clips it is for."""
    return f"<aside>{_following(t, spot)}{_keys(t, view)}{_approve_many(t, project, view)}</aside>"


def _following(t: Translator, spot: Spot) -> str:
    if not spot.following:
        return ""
    rows = "".join(_next(t, clip) for clip in spot.following)
    return f'<div class="vw-card"><h3>{html.e(t("review.next"))}</h3><div class="vw-next">{rows}</div></div>'


def _next(t: Translator, clip: Clip) -> str:
    text = clip.text or t("review.no_text")
    flags = clip.text_flags or clip.sound_flags
    mark = {"approved": "✓ ", "rejected": "✕ "}.get(clip.status, "⚑ " if flags else "◐ " if clip.is_doubtful else "")
    return (
        f'<button type="button" data-key="{html.e(clip.id)}" data-view="clip={html.e(clip.id)}">'
        f"<span>{mark}{html.e(text)}</span></button>"
    )


def _keys(t: Translator, view: dict[str, str]) -> str:
    keys = (("A", "approve"), ("R", "reject"), ("←", "back"), ("→", "forward"), ("␣", "listen"), ("Z", "undo"))
    key_list = "".join(f"<span><kbd>{key}</kbd> {html.e(t('review.' + name))}</span>" for key, name in keys)
    on = view.get("play") != "no"
    auto = html.place(t("review.auto_on" if on else "review.auto_off"), "play=" + ("no" if on else ""), is_pressed=on)
    return f'<div class="vw-card vw-keys"><div class="vw-keygrid">{key_list}</div>{auto}</div>'


def _approve_many(t: Translator, project: Project, view: dict[str, str]) -> str:
    """Approving at once what looks right: the threshold is chosen, then asked once."""
    too = view.get("flagged") == "yes"
    counts = review.sure_counts(project, with_flags=too)
    if not max(counts.values()) and not too and not max(review.sure_counts(project, with_flags=True).values()):
        return ""
    least = min(counts, key=lambda level: abs(level - _number(view.get("sure", ""), review.LOOKS_RIGHT)))
    options = "".join(
        f'<option value="{level}"{" selected" if level == least else ""}>'
        f"{html.e(t('review.at_least', percent=f'{level:.0%}', count=t.number(count)))}</option>"
        for level, count in counts.items()
    )
    values = {"count": t.number(counts[least]), "percent": f"{least:.0%}"}
    off = "" if counts[least] else t("review.none_so_sure")
    button = html.action(
        t("review.approve_many", **values),
        "approve_sure",
        str(least),
        style="wide",
        off_reason=off,
        confirm=t("review.approve_question", **values),
        elem_id="approve-sure",
    )
    stamp = project.store.stamp(review.sure_filter(least, with_flags=too))
    label = html.e(t("review.how_sure"))
    choice = f'<label class="vw-field"><span>{label}</span><select data-view="sure">{options}</select></label>'
    key, next_value = ("review.many_flagged_in", "") if too else ("review.many_flagged_out", "yes")
    switch = html.place(t(key), f"flagged={next_value}", is_pressed=too)
    body = f'{choice}<div class="vw-row">{switch}{html.standing_on(stamp, button)}</div>{html.reason(off)}'
    return html.details(t("review.many"), f'<p class="vw-dim">{html.e(t("review.many_help"))}</p>{body}')


def _number(text: str, fallback: float) -> float:
    try:
        return float(text)
    except ValueError:
        return fallback
