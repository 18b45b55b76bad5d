"""The list of a playlist or channel: what is in it, with check boxes, and the button that adds what is chosen."""

from __future__ import annotations

import json
import time
from typing import Any

import gradio as gr

from core.damage import DamagedFile
from core.jobs.job import Job
from core.project.workspace import Project
from core.sources.links.playlist import Entry, Listing, close_list, listing_of, open_list, options_of
from core.sources.links.start import add_chosen
from ui import html
from ui.i18n import Translator
from ui.job_panel import job_panel
from ui.page import Page
from ui.parts import Panel, script

_SETTLES_S = 5.0


def LinkList() -> gr.HTML:
    """A `Panel` whose list is filtered and counted in the browser."""
    return Panel(more_script=script("playlist.js", __file__))


def link_list(page: Page, project: Project, *, busy: bool) -> str:
    """The newest list that somebody asked for and is not done with: being read, or to choose from."""
    job = open_list(project)
    if job is None:
        return ""
    t = page.t
    close = html.action(t("link.close"), "close-list", job.id, elem_id="close-list")
    view = job.read()
    if view.status != "done" or (listing := _listing(job)) is None:
        return job_panel(t, job, dismissable=False) + ("" if view.active else f'<div class="vw-row">{close}</div>')
    origins = {source.origin for source in project.store.sources()}
    rows = "".join(_row(t, number, entry, origins) for number, entry in enumerate(listing.entries))
    off = t("sources.busy") if busy else ""
    filter_label = html.e(t("link.filter"))
    check_all, check_none = (
        f'<button type="button" class="vw-btn" data-all="{value}">{html.e(t(f"link.{name}"))}</button>'
        for name, value in (("all", "yes"), ("none", "no"))
    )
    id_ = html.e(job.id)
    return (
        f'<section class="vw-job vw-list" data-key="{id_}" data-reveal="{id_}"><div class="vw-spread">'
        f"<h3>{html.e(listing.title)}</h3>{close}</div><p>{html.e(_summary(t, listing))}</p>{_options_line(t, job)}"
        f'<div class="vw-row"><input type="text" class="grow" data-filter placeholder="{filter_label}"'
        f' aria-label="{filter_label}">{check_all}{check_none}</div>'
        f'<form data-do="add-listed" data-id="{html.e(job.id)}"><div class="vw-ticks">{rows}</div>'
        f'<div class="vw-spread"><b data-total="{html.e(t("link.chosen"))}" aria-live="polite"></b>'
        f'<button type="submit" class="vw-btn primary" id="add-listed"{" data-off" if busy else ""} disabled>'
        f"{html.e(t('link.add_chosen'))}</button></div>{html.reason(off)}</form></section>"
    )


def _listing(job: Job) -> Listing | None:
    """What the job found; None before that, and where it cannot be read, which is told above the tab."""
    try:
        return listing_of(job)
    except DamagedFile:
        return None


def list_moves(project: Project) -> bool:
    """Whether the list, or what its button depends on, has changed a moment ago."""
    jobs = (open_list(project), project.latest("import_sources"))
    views = [job.read() for job in jobs if job]
    return any(view.active or time.time() - (view.finished_at or 0.0) < _SETTLES_S for view in views)


def act_on_list(page: Page, project: Project, evt: Any, note: str) -> bool:
    """Answer the list's buttons; False if ``evt.do`` is not one of them."""
    if evt.do == "add-listed":
        numbers = [int(name[1:]) for name in json.loads(evt.value) if name[:1] == "e" and name[1:].isdigit()]
        add_chosen(project, evt.id, numbers, page.wish(note))
    elif evt.do == "close-list":
        close_list(project, evt.id)
    else:
        return False
    return True


def _row(t: Translator, number: int, entry: Entry, origins: set[str]) -> str:
    state = "known" if entry.url in origins else entry.note
    off = " disabled" if state else ""
    note = f' <span class="vw-chip">{html.e(t.get(f"link.entry_{state}", state))}</span>' if state else ""
    length = t.clock(entry.seconds) if entry.seconds else ""
    return (
        f'<label class="vw-tick" data-row="{html.e(entry.title)}" data-seconds="{entry.seconds or ""}">'
        f'<input type="checkbox" name="e{number}"{off}><span class="grow">{html.e(entry.title)}{note}</span>'
        f'<span class="vw-dim">{html.e(length)}</span></label>'
    )


def _summary(t: Translator, listing: Listing) -> str:
    total_s = sum(entry.seconds or 0.0 for entry in listing.entries)
    count = t.number(len(listing.entries))
    if not listing.more:
        return t("link.found", count=count, length=t.length(total_s))
    if listing.count:
        return t("link.found_more_of", count=count, total=t.number(listing.count))
    return t("link.found_more", count=count)


def _options_line(t: Translator, job: Job) -> str:
    """What was chosen for each of them, if that is not the usual."""
    options = options_of(job)
    parts = []
    if options.is_part:
        end = t.clock(options.end_s) if options.end_s is not None else t("link.to_the_end")
        parts.append(t("link.each_part", start=t.clock(options.start_s), end=end))
    if options.quality != "best":
        parts.append(t(f"link.quality_{options.quality}"))
    if options.max_minutes:
        parts.append(t("link.each_minutes", minutes=t.plain(options.max_minutes)))
    if options.subtitles:
        parts.append(t("link.each_subtitles"))
    return f'<p class="vw-dim">{html.e(t("link.each", options=" · ".join(parts)))}</p>' if parts else ""
