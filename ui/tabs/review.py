"""Review: one clip after the other, heard, corrected, approved or rejected; many at once where it looks right."""

from __future__ import annotations

import gradio as gr

from core import review
from core.records import Clip, Totals
from core.review import Spot
from core.workspace import Project
from ui import html
from ui.page import Page, Tab, Updates, view_of
from ui.parts import Panel
from ui.parts.review_card import review_card


def build(page: Page) -> Tab:
    """Lay the tab out."""
    panel = Panel()

    def refresh(project: Project | None, query: str) -> Updates:
        return {panel: _review(page, project, view_of(query))}

    def act(project: Project | None, evt: gr.EventData) -> Updates | None:
        if project is None:
            return None
        view = view_of(evt.view)
        state, search = view.get("filter", "new"), view.get("search", "")
        play = False
        if evt.do in ("approved", "rejected"):
            view["clip"] = review.decide(project, evt.id, evt.do, evt.value, state, search)
            play = view.get("play") != "no"
        elif evt.do == "text":
            review.correct(project, evt.id, evt.value)
            if view.get("clip", evt.id) != evt.id:
                return None  # the field was left by going on: the next clip is there already
        elif evt.do == "undo":
            view["clip"] = review.undo(project)
        elif evt.do == "approve_sure":
            count = review.approve_sure(project, float(evt.id))
            gr.Info(page.t("review.approved_many", count=page.t.number(count)), title=page.t("review.many"), duration=6)
        return {panel: _review(page, project, view, play=play)}

    # Each decision counts, however quickly they come; one after the other, in the order they were made.
    page.on(panel.act, act, [], [panel], refresh=False, trigger_mode="multiple", concurrency_limit=1)
    return Tab("review", [panel], refresh, None, [page.view])


def _review(page: Page, project: Project | None, view: dict[str, str], *, play: bool = False) -> str:
    t = page.t
    heading = html.heading(t("review.title"), t("review.purpose"))
    if project is None:
        return heading + html.empty(t("common.no_project"), html.go(t("common.to_home"), "home"))
    totals = project.store.totals()
    counts = review.counts(project, totals)
    if not counts["all"]:
        return heading + html.empty(t("review.no_clips"), html.go(t("review.to_clips"), "segments"))
    state = view.get("filter", "new")
    spot = review.spot(project, state, view.get("clip", ""), view.get("search", ""))
    parts = [heading, _progress(page, totals, counts), _filters(page, counts, state, view)]
    if spot is None:
        parts.append(_nothing(page, counts, state) + html.arrive("clip="))
    else:
        side = f"<aside>{_following(page, spot)}{_keys(page, view)}{_many(page, project, view)}</aside>"
        card = review_card(t, project, spot, play=play)
        parts.append(f'<div class="vw-split">{card}{side}</div>{html.arrive(f"clip={spot.clip.id}")}')
    return "".join(parts)


def _progress(page: Page, totals: Totals, counts: dict[str, int]) -> str:
    t = page.t
    done = counts["approved"] + counts["rejected"]
    line = t(
        "review.progress",
        done=t.number(done),
        total=t.number(counts["all"]),
        minutes=t.minutes(totals.approved_s),
        whole=t.minutes(totals.clip_s),
    )
    lead = html.go(t("review.to_dataset"), "dataset", style="" if counts["new"] else "primary") if done else ""
    return (
        f'<div class="vw-spread"><span>{html.e(line)}</span>{lead}</div>'
        f'<div class="vw-gap">{html.bar(done / counts["all"], t("review.title"))}</div>'
    )


def _filters(page: Page, counts: dict[str, int], state: str, view: dict[str, str]) -> str:
    t = page.t
    buttons = "".join(
        html.place(f"{t('review.filter_' + one)} {t.number(counts[one])}", f"filter={one}&clip=", chosen=one == state)
        for one in review.STATES
    )
    search = (
        f'<input type="text" data-view="clip=&search" value="{html.e(view.get("search", ""))}"'
        f' placeholder="{html.e(t("review.search"))}" aria-label="{html.e(t("review.search"))}">'
    )
    return f'<div class="vw-row vw-gap" role="group" aria-label="{html.e(t("review.filters"))}">{buttons}{search}</div>'


def _nothing(page: Page, counts: dict[str, int], state: str) -> str:
    t = page.t
    if state == "new" and not counts["new"]:
        undo = html.action(t("review.undo"), "undo", style="quiet", keys="z Z", title="Z")
        return html.empty(t("review.all_done"), html.go(t("review.to_dataset"), "dataset") + undo)
    return html.empty(t("review.none_here"), html.place(t("review.show_all"), "filter=all&clip=&search="))


def _following(page: Page, spot: Spot) -> str:
    t = page.t
    if not spot.following:
        return ""
    rows = "".join(_next(page, clip) for clip in spot.following)
    return f'<div class="vw-card"><h3>{html.e(t("review.next"))}</h3><div class="vw-next">{rows}</div></div>'


def _next(page: Page, clip: Clip) -> str:
    t = page.t
    text = clip.text or t("review.no_text")
    mark = {"approved": "✓ ", "rejected": "✕ "}.get(clip.status, "◐ " if clip.is_doubtful else "")
    return (
        f'<button type="button" data-key="{html.e(clip.id)}" data-view="clip={html.e(clip.id)}">'
        f"<span>{mark}{html.e(text)}</span></button>"
    )


def _keys(page: Page, view: dict[str, str]) -> str:
    t = page.t
    keys = (("A", "approve"), ("R", "reject"), ("←", "back"), ("→", "forward"), ("␣", "listen"), ("Z", "undo"))
    shown = "".join(f"<span><kbd>{key}</kbd> {html.e(t('review.' + name))}</span>" for key, name in keys)
    on = view.get("play") != "no"
    auto = html.place(t("review.auto_on" if on else "review.auto_off"), "play=" + ("no" if on else ""), chosen=on)
    return f'<div class="vw-card vw-keys"><div class="vw-keygrid">{shown}</div>{auto}</div>'


def _many(page: Page, project: Project, view: dict[str, str]) -> str:
    """Approving at once what looks right: the threshold is chosen, then asked once."""
    t = page.t
    found = review.sure_counts(project)
    if not max(found.values()):
        return ""
    chosen = min(found, key=lambda level: abs(level - _number(view.get("sure", ""), review.LOOKS_RIGHT)))
    options = "".join(
        f'<option value="{level}"{" selected" if level == chosen else ""}>'
        f"{html.e(t('review.at_least', percent=f'{level:.0%}', count=t.number(count)))}</option>"
        for level, count in found.items()
    )
    values = {"count": t.number(found[chosen]), "percent": f"{chosen:.0%}"}
    off = "" if found[chosen] else t("review.none_so_sure")
    button = html.action(
        t("review.approve_many", **values),
        "approve_sure",
        str(chosen),
        style="wide",
        disabled=off,
        confirm=t("review.approve_question", **values),
        elem_id="approve-sure",
    )
    label = html.e(t("review.how_sure"))
    choice = f'<label class="vw-field"><span>{label}</span><select data-view="sure">{options}</select></label>'
    body = f"{choice}{button}{html.why(off)}"
    return html.details(t("review.many"), f'<p class="vw-dim">{html.e(t("review.many_help"))}</p>{body}')


def _number(text: str, fallback: float) -> float:
    try:
        return float(text)
    except ValueError:
        return fallback
