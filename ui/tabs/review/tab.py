"""Review: one clip after the other, heard, corrected, approved or rejected; many at once; and how all of them sound."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from core.clips import bulk, bulk_decisions, edit, history, review
from core.clips.history import Change
from core.errors import UserError
from core.measures.start import start_measure
from core.measures.voices import keep_voice
from core.pipeline import steps
from core.project.workspace import Project
from core.text import clean_text
from ui import html
from ui.job_panel import act_on_job, is_live
from ui.page import Page, Tab, Updates, view_of
from ui.parts import Panel, script
from ui.parts.lead import lead_on
from ui.parts.measures import sound_of_clips
from ui.tabs.review.bulk import bulk_section, replacement_of, replacement_preview, tidying_preview
from ui.tabs.review.card import redo_button, review_card, said_line, undo_button
from ui.tabs.review.header import filters, kinds, list_of, progress
from ui.tabs.review.many_list import Choice, choice_of, many_list
from ui.tabs.review.side import review_side, turn_of

_STALE = ("clip.changed", "clip.missing", "clips.changed")  # the panel is shown anew after these


def build(page: Page) -> Tab:
    """Lay the tab out."""
    panel = Panel(more_script=script("gestures.js", __file__) + script("review.js", __file__))
    many, preview, sound = Panel(), Panel(), Panel()

    def refresh(project: Project | None, query: str) -> Updates:
        view = view_of(query)
        return {
            panel: _review(page, project, view, query),
            many: _many(page, project, view),
            preview: "",
            sound: _sound(page, project),
        }

    # What is counted over all clips follows a decision with the next tick, so that the next clip need not wait for it.
    def tick(project: Project | None, query: str) -> Updates:
        updates: Updates = {many: _many(page, project, view_of(query))}
        return updates | ({sound: _sound(page, project)} if project and is_live(project.latest("measure")) else {})

    last: dict[str, tuple[str, str]] = {}  # by project, the window that made its last change, and that change's stamp

    def listed(project: Project, evt: gr.EventData) -> Updates:
        with_flags = view_of(evt.view).get("flagged") == "yes"
        choice = Choice(evt.do.removeprefix("list_"), evt.id, with_flags)
        return {preview: many_list(page.t, project, choice)}

    def act(project: Project | None, evt: gr.EventData) -> Updates | None:
        if project is None:
            return None
        if evt.do.startswith("list_"):
            return listed(project, evt)
        view = view_of(evt.view)
        try:
            content = _act(page, project, evt, view, last.get(project.slug, ("", "")))
        except UserError as error:
            if error.code not in _STALE:
                raise
            return {panel: _after_conflict(page, project, evt, view, error), many: _many(page, project, view)}
        last[project.slug] = (str(getattr(evt, "window", "")), history.last_stamp(project))
        if content is None:
            return None
        return {panel: content} | ({sound: _sound(page, project)} if evt.do in ("undo", "undo_this", "redo") else {})

    def act_on_many(project: Project | None, evt: gr.EventData) -> Updates | None:
        if project is None:
            return None
        view = view_of(evt.view)
        if evt.do == "find":
            return {preview: replacement_preview(page.t, project, evt.value)}
        if evt.do == "preview_tidy":
            return {preview: tidying_preview(page.t, project)}
        if evt.do == "cancel":
            return {preview: ""}
        if evt.do.startswith("list_"):
            return listed(project, evt)
        if evt.do == "decide_many" and (choice := choice_of(evt.value)).pressed != "do":
            return {preview: many_list(page.t, project, choice)}
        updates = act(project, evt) or {}
        return updates | {many: _many(page, project, view), preview: ""}

    def act_on_sound(project: Project | None, evt: gr.EventData) -> Updates | None:
        if project is None:
            return None
        if evt.do == "keep_voice":
            return (act(project, evt) or {}) | {sound: _sound(page, project)}
        if evt.do == "measure":
            start_measure(project)
        else:
            act_on_job(project, evt.do, evt.id)
        return {sound: _sound(page, project)}

    # Each decision counts, however quickly they come; one after the other, in the order they were made.
    outputs = [panel, many, preview, sound]
    one_by_one: dict[str, Any] = {
        "refresh": False,
        "trigger_mode": "multiple",
        "concurrency_limit": 1,
        "concurrency_id": "review",
    }
    page.on(panel.act, act, [], outputs, **one_by_one)
    move = page.on(panel.move, act, [], outputs, **one_by_one)
    for answer in (move.then, move.failure):  # where a proxy answers in the server's place it is the second alone
        answer(None, js="() => window.vw.endMoved()")
    for part in (many, preview):
        page.on(part.act, act_on_many, [], outputs, **one_by_one)
    page.on(sound.act, act_on_sound, [], outputs, **one_by_one)
    return Tab("review", outputs, refresh, tick, [page.view])


def _act(page: Page, project: Project, evt: gr.EventData, view: dict[str, str], last: tuple[str, str]) -> str | None:
    """Do what a button or field asks for; returns the panel's content, None if it stays as it is."""
    t, stamp, bar = page.t, str(getattr(evt, "seen", "")), ""
    before = history.last_stamp(project)
    if evt.do in ("approved", "rejected") or evt.do.startswith("because_"):
        status = evt.do if evt.do == "approved" else "rejected"
        reason = evt.do.removeprefix("because_")
        view["clip"] = review.decide(project, evt.id, status, evt.value, **list_of(view), reason=reason, stamp=stamp)
        view["turn"] = ""
        announcement = t("review.said_" + status)
    elif evt.do == "text":
        review.correct(project, evt.id, evt.value, stamp=stamp)
        if view.get("clip", evt.id) != evt.id:
            return None  # the field was left by going on: the next clip is there already
        announcement = t("review.said_saved")
    elif evt.do.startswith("take_"):
        source = evt.do.removeprefix("take_")
        view["clip"] = review.adopt(project, evt.id, source, stamp=stamp, draft=evt.value).id
        announcement = t("review.said_taken")
    elif evt.do == "split":
        view["clip"] = review.split(project, evt.id, _seconds(evt.value), stamp=stamp)
        announcement = t("review.said_split")
    elif evt.do == "join":
        view["clip"] = review.join(project, evt.id, stamp=stamp)
        announcement = t("review.said_join")
    elif evt.do == "move":
        bounds = json.loads(evt.value)
        view["clip"] = edit.move_border(project, evt.id, float(bounds["start"]), float(bounds["end"]), stamp=stamp).id
        announcement = t("review.said_move")
    elif evt.do in ("undo", "undo_this"):  # the last change, or just the one that the notice tells of
        # What this very window has just done may be taken back before the panel shows it.
        window_stamp = last[1] if last[0] and last[0] == getattr(evt, "window", "") and evt.do == "undo" else ""
        is_latest = bool(window_stamp) and window_stamp == history.last_stamp(project)
        undone = history.undo(project, stamp=window_stamp if is_latest else stamp)
        view["clip"] = undone.clip_id
        announcement = t("review.said_undone", change=_change(page, undone))
        bar = _bar(announcement, redo_button(t, project, style="", keys=""))
    elif evt.do == "redo":
        change = history.redo(project, stamp=stamp)
        view["clip"] = change.clip_id
        announcement = t("review.said_redone", change=_change(page, change))
    else:
        announcement = _many_at_once(page, project, evt, view, stamp)
    stamp = history.last_stamp(project)
    if announcement and not bar and stamp not in ("", before):  # something was changed
        undo = html.action(t("review.undo"), "undo_this", elem_id="undo-this")
        bar = _bar(announcement, html.standing_on(stamp, undo), f"done-{stamp}", "passing")
    return _review(page, project, view, evt.view, announcement=announcement, bar=bar)


def _seconds(value: str) -> float:
    """Where a clip is to be split, seconds after its beginning.

    Raises:
        UserError: ``review.split_where``.
    """
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise UserError(
            "review.split_where",
            "A clip is split where its player stands, and it stands at the beginning.",
            "Play it to the place, or click the word that the second half begins with, then split.",
        )
    return seconds


def _change(page: Page, change: Change) -> str:
    """A change in words: ``approval of 44 clips``."""
    t = page.t
    name = t.get(f"review.change_{change.kind}", t("review.change_adjustment"))
    return name if change.count == 1 else t("review.change_of", change=name, count=t.number(change.count))


def _after_conflict(page: Page, project: Project, evt: gr.EventData, view: dict[str, str], error: UserError) -> str:
    """The panel as things are now, after something was asked for that another window's change has overtaken."""
    gr.Warning(html.e(page.say(error)), title=page.t("common.not_done"), duration=12)
    draft = ""
    if evt.do.startswith("undo"):
        view["clip"] = history.last_clip_id(project)
    elif error.code == "clip.changed" and evt.id:
        view["clip"] = evt.id
        draft = clean_text(evt.value) if evt.do not in ("split", "join", "move") else ""
    return _review(page, project, view, evt.view, draft=draft, announcement=page.say(error))


def _many_at_once(page: Page, project: Project, evt: gr.EventData, view: dict[str, str], stamp: str) -> str:
    """Change many clips; returns what is told of it."""
    sentence = "rejected_many"
    if evt.do == "decide_many":
        choice = choice_of(evt.value)
        count = bulk_decisions.apply(project, choice.decision, without=choice.left_out, stamp=stamp)
        if choice.decision.status == "approved":
            sentence = "approved_many"
        else:
            view["clip"] = ""
        if choice.way == view.get("filter") and not choice.left_out:  # of those that were listed none is left
            view |= {"flag": ""} if choice.way == "flagged" else {"filter": "new"}
    elif evt.do == "replace":
        count, sentence = bulk.replace_in_texts(project, replacement_of(evt.value), stamp=stamp), "changed_many"
    elif evt.do == "tidy":
        count, sentence = bulk.tidy_texts(project, stamp=stamp), "changed_many"
    elif evt.do == "keep_voice":
        count = keep_voice(project, int(evt.id), stamp=stamp)
    else:
        return ""
    return page.t(f"review.{sentence}", count=page.t.number(count))


def _many(page: Page, project: Project | None, view: dict[str, str]) -> str:
    if project is None or not project.figures.totals().clips:
        return ""
    return bulk_section(page.t, project, view)


def _sound(page: Page, project: Project | None) -> str:
    return sound_of_clips(page.t, project, project.figures.totals()) if project else ""


def _review(
    page: Page,
    project: Project | None,
    view: dict[str, str],
    query: str,
    *,
    draft: str = "",
    announcement: str = "",
    bar: str = "",
) -> str:
    """The tab's content for a place (``view``); ``query`` is the address it was asked from.

    ``draft`` is a text that was refused for the clip shown, ``announcement`` what has just been done, in words, and
    ``bar`` the notice that says so, with the way back.
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
    spot = review.spot(project, clip_id=view.get("clip", ""), turn=turn_of(view), **list_of(view))
    parts = [heading, progress(t, project, totals, counts), filters(t, project, counts, state, view)]
    parts.append(kinds(t, project, state, view))
    place = f"filter={state if 'filter' in view else ''}&flag={flag}&turn={view.get('turn', '')}"
    if spot is None:
        announcement = f"{announcement} {_none(page, counts, state)}"
        parts.append(_empty(page, project, counts, state) + html.arrive(f"clip=&{place}", made_for=query))
    else:
        side = review_side(t, spot, view)
        card = review_card(t, project, spot, plays=view.get("play") != "no", draft=draft)
        arrive = html.arrive(f"clip={spot.clip.id}&{place}", made_for=query)
        announcement = f"{announcement} {said_line(t, spot)}"
        parts.append(f'<div class="vw-split">{card}{side}</div>{arrive}')
    parts.append(f'<p class="vw-sr" role="status" data-key="said" id="review-said">{html.e(announcement.strip())}</p>')
    return "".join([*parts, bar])


def _bar(sentence: str, button: str, key: str = "undone", style: str = "") -> str:
    """A notice with a button; it stays until something else is done, or goes by itself with the style ``passing``."""
    return f'<div class="vw-undone {style}" data-key="{key}"><span>{html.e(sentence)}</span>{button}</div>'


def _none(page: Page, counts: dict[str, int], state: str) -> str:
    if state == "new" and not counts["new"]:
        return page.t("review.all_done")
    return page.t("review.flagged_done" if state == "flagged" and not counts["flagged"] else "review.none_here")


def _empty(page: Page, project: Project, counts: dict[str, int], state: str) -> str:
    t = page.t
    sentence = _none(page, counts, state)
    if state == "new" and not counts["new"]:
        return html.empty(sentence, lead_on(t, steps(project), "review") + undo_button(t, project))
    return html.empty(sentence, html.place(t("review.show_all"), "filter=all&clip=&search=&flag=&source=&voice=&turn="))
