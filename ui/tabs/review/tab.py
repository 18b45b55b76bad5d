"""Review: one clip after the other, heard, corrected, approved or rejected; many at once; and how all of them sound."""

from __future__ import annotations

import gradio as gr

from core.clips import review
from core.errors import UserError
from core.measures.start import start_measure
from core.measures.voices import keep_voice
from core.project.records import ClipFilter, Totals
from core.project.workspace import Project
from core.text import clean_text
from ui import html
from ui.job_panel import act_on_job, is_live
from ui.page import Page, Tab, Updates, view_of
from ui.parts import Panel
from ui.parts.measures import sound_of_clips
from ui.tabs.review.card import review_card, undo_button
from ui.tabs.review.side import review_side

_STALE = ("clip.changed", "clip.missing", "clips.changed")  # the panel is shown anew after these
_WITH_FLAGS = ("flagged", "approved")  # the lists that can be narrowed to a kind of flag


def build(page: Page) -> Tab:
    """Lay the tab out."""
    panel, sound = Panel(), Panel()

    def refresh(project: Project | None, query: str) -> Updates:
        return {panel: _review(page, project, view_of(query), query), sound: _sound(page, project)}

    def tick(project: Project | None, _query: str) -> Updates:
        return {sound: _sound(page, project)} if project and is_live(project.latest("measure")) else {}

    last: dict[str, tuple[str, str]] = {}  # by project, the window that made its last change, and that change's stamp

    def act(project: Project | None, evt: gr.EventData) -> Updates | None:
        if project is None:
            return None
        view = view_of(evt.view)
        try:
            updates = _act(page, project, evt, view, last.get(project.slug, ("", "")))
        except UserError as error:
            if error.code not in _STALE:
                raise
            return {panel: _after_conflict(page, project, evt, view, error)}
        last[project.slug] = (str(getattr(evt, "window", "")), project.store.last_change()[0])
        if updates is None:
            return None
        return {panel: updates} | ({sound: _sound(page, project)} if evt.do == "undo" else {})

    def act_on_sound(project: Project | None, evt: gr.EventData) -> None:
        if project is None:
            return
        if evt.do == "measure":
            start_measure(project)
        elif evt.do == "keep_voice":
            _tell(page, "rejected_many", keep_voice(project, int(evt.id), stamp=str(getattr(evt, "seen", ""))))
        else:
            act_on_job(project, evt.do, evt.id)

    # Each decision counts, however quickly they come; one after the other, in the order they were made.
    page.on(panel.act, act, [], [panel, sound], refresh=False, trigger_mode="multiple", concurrency_limit=1)
    page.on(sound.act, act_on_sound)
    return Tab("review", [panel, sound], refresh, tick, [page.view])


def _act(page: Page, project: Project, evt: gr.EventData, view: dict[str, str], last: tuple[str, str]) -> str | None:
    """Do what a button or field of the panel asks for; returns the panel's content, None if it stays as it is."""
    stamp = str(getattr(evt, "seen", ""))
    play = False
    if evt.do in ("approved", "rejected"):
        view["clip"] = review.decide(project, evt.id, evt.do, evt.value, **_filters_of(view), stamp=stamp)
        play = view.get("play") != "no"
    elif evt.do == "text":
        review.correct(project, evt.id, evt.value, stamp=stamp)
        if view.get("clip", evt.id) != evt.id:
            return None  # the field was left by going on: the next clip is there already
    elif evt.do.startswith("take_"):
        source = evt.do.removeprefix("take_")
        view["clip"] = review.adopt(project, evt.id, source, stamp=stamp, draft=evt.value).id
    elif evt.do == "undo":
        # What this very window has just done may be taken back before the panel shows it.
        own = last[1] if last[0] and last[0] == getattr(evt, "window", "") else ""
        view["clip"] = review.undo(project, stamp=own if own == project.store.last_change()[0] else stamp)
    else:
        _many_at_once(page, project, evt, view, stamp)
    return _review(page, project, view, evt.view, play=play)


def _after_conflict(page: Page, project: Project, evt: gr.EventData, view: dict[str, str], error: UserError) -> str:
    """The panel as things are now, after something was asked for that another window's change has overtaken."""
    gr.Warning(html.e(page.say(error)), title=page.t("common.not_done"), duration=12)
    draft = ""
    if evt.do == "undo":
        view["clip"] = project.store.last_change()[1]
    elif error.code == "clip.changed":
        view["clip"] = evt.id
        draft = clean_text(evt.value)
    return _review(page, project, view, evt.view, draft=draft)


def _filters_of(view: dict[str, str]) -> dict[str, str]:
    """Which clips the address means, as `review.spot` and `review.decide` take it."""
    state = view.get("filter", "new")
    filters = {"state": state, "search": view.get("search", "")}
    if state in _WITH_FLAGS:
        filters |= {"flag": view.get("flag", "")}
    return filters | ({"sort": view.get("sort", "time")} if state == "flagged" else {})


def _many_at_once(page: Page, project: Project, evt: gr.EventData, view: dict[str, str], stamp: str) -> None:
    if evt.do == "approve_sure":
        count = review.approve_sure(project, float(evt.id), with_flags=view.get("flagged") == "yes", stamp=stamp)
        _tell(page, "approved_many", count)
    elif evt.do == "reject_flagged":
        _tell(page, "rejected_many", review.reject_flagged(project, evt.id, stamp=stamp))
        view |= {"clip": "", "flag": ""}  # that kind is gone


def _tell(page: Page, sentence: str, count: int) -> None:
    gr.Info(page.t(f"review.{sentence}", count=page.t.number(count)), title=page.t("review.title"), duration=6)


def _sound(page: Page, project: Project | None) -> str:
    return sound_of_clips(page.t, project, project.figures.totals()) if project else ""


def _review(
    page: Page, project: Project | None, view: dict[str, str], query: str, *, play: bool = False, draft: str = ""
) -> str:
    """The tab's content for a place (``view``); ``query`` is the address it was asked from.

    ``draft`` is a text that was refused for the clip shown.
    """
    t = page.t
    heading = html.heading(t("review.title"), t("review.purpose"))
    if project is None:
        return heading + html.empty(t("common.no_project"), html.go(t("common.to_home"), "home"))
    totals = project.figures.totals()
    counts = review.counts(project, totals)
    if not counts["all"]:
        return heading + html.empty(t("review.no_clips"), html.go(t("review.to_clips"), "segments"))
    state, flag = view.get("filter", "new"), view.get("flag", "")
    spot = review.spot(project, clip_id=view.get("clip", ""), **_filters_of(view))
    parts = [heading, _progress(page, totals, counts), _filters(page, counts, state, view)]
    parts.append(_kinds(page, project, state, view))
    if spot is None:
        parts.append(_empty(page, project, counts, state) + html.arrive(f"clip=&flag={flag}", made_for=query))
    else:
        side = review_side(t, project, spot, view)
        card = review_card(t, project, spot, play=play, draft=draft)
        arrive = html.arrive(f"clip={spot.clip.id}&flag={flag}", made_for=query)
        parts.append(f'<div class="vw-split">{card}{side}</div>{arrive}')
    return "".join(parts)


def _progress(page: Page, totals: Totals, counts: dict[str, int]) -> str:
    t = page.t
    decisions = counts["approved"] + counts["rejected"]
    line = t(
        "review.progress",
        count=t.number(decisions),
        total=t.number(counts["all"]),
        minutes=t.minutes(totals.approved_s),
        all_minutes=t.minutes(totals.clip_s),
    )
    lead = html.go(t("review.to_dataset"), "dataset", style="" if counts["new"] else "primary") if decisions else ""
    return (
        f'<div class="vw-spread"><span>{html.e(line)}</span>{lead}</div>'
        f'<div class="vw-gap">{html.bar(decisions / counts["all"], t("review.title"))}</div>'
    )


def _filters(page: Page, counts: dict[str, int], state: str, view: dict[str, str]) -> str:
    t = page.t
    buttons = "".join(
        html.place(
            f"{t('review.filter_' + key)} {t.number(counts[key])}", f"filter={key}&clip=&flag=", is_pressed=key == state
        )
        for key in review.STATES
    )
    search = (
        f'<input type="text" data-view="clip=&search" value="{html.e(view.get("search", ""))}"'
        f' placeholder="{html.e(t("review.search"))}" aria-label="{html.e(t("review.search"))}">'
    )
    label = html.e(t("review.filters"))
    return (
        f'<div class="vw-row vw-gap"><div class="vw-row vw-swipe" role="group" aria-label="{label}">{buttons}</div>'
        f"{search}</div>"
    )


def _kinds(page: Page, project: Project, state: str, view: dict[str, str]) -> str:
    """The kinds of flags among the clips of a state with their counts; what the chosen one means, and rejecting it."""
    t = page.t
    counts = review.flag_counts(project, state) if state in _WITH_FLAGS else {}
    active = view.get("flag", "")
    if not counts and not active:
        return ""
    buttons = html.place(t("review.all_flags"), "flag=&clip=", is_pressed=not active)
    buttons += "".join(
        html.place(f"{t.get('flags.' + code, code)} {t.number(count)}", f"flag={code}&clip=", is_pressed=code == active)
        for code, count in counts.items()
    )
    label = html.e(t("review.flags"))
    order = _order(page, view) if state == "flagged" else ""
    kinds = f'<div class="vw-row vw-swipe" role="group" aria-label="{label}">{buttons}</div>'
    row = f'<div class="vw-row">{kinds}{order}</div>'
    if state != "flagged" or active not in counts or not t.has(f"flags.{active}"):
        return f'<div class="vw-gap">{row}</div>'
    values = {"count": t.number(counts[active]), "flag": t("flags." + active)}
    reject = html.action(
        t("review.reject_all", count=values["count"]),
        "reject_flagged",
        active,
        confirm=t("review.reject_question", **values),
        elem_id="reject-flagged",
    )
    about = html.e(t(f"flags.{active}_about"))
    reject = html.standing_on(project.store.stamp(ClipFilter("flagged", flag=active)), reject)
    return f'<div class="vw-gap">{row}<div class="vw-spread vw-kind"><p class="vw-dim">{about}</p>{reject}</div></div>'


def _order(page: Page, view: dict[str, str]) -> str:
    t, now = page.t, view.get("sort", "time")
    options = "".join(
        f'<option value="{order}"{" selected" if order == now else ""}>{html.e(t("review.sort_" + order))}</option>'
        for order in review.ORDERS
    )
    label = f'<span class="vw-dim">{html.e(t("review.sort"))}</span>'
    return f'<label class="vw-sort">{label} <select data-view="clip=&amp;sort">{options}</select></label>'


def _empty(page: Page, project: Project, counts: dict[str, int], state: str) -> str:
    t = page.t
    if state == "new" and not counts["new"]:
        return html.empty(t("review.all_done"), html.go(t("review.to_dataset"), "dataset") + undo_button(t, project))
    if state == "flagged" and not counts["flagged"]:
        return html.empty(t("review.flagged_done"), html.place(t("review.show_all"), "filter=all&clip=&search=&flag="))
    return html.empty(t("review.none_here"), html.place(t("review.show_all"), "filter=all&clip=&search=&flag="))
