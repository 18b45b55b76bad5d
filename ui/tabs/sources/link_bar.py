"""The field for a link with its closed settings, the cookies among them, and the offer of the list around a video."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from core.jobs.args.base import JobArgs
from core.jobs.args.sources import ImportArgs, ListLinkArgs
from core.project.workspace import Project
from core.sources.links.cookies import MOST_LETTERS, cookies_kept, forget_cookies, keep_cookies
from core.sources.links.options import QUALITIES, read_options
from core.sources.links.playlist import start_list
from core.sources.links.start import failed_address, follow, list_offered, wants_cookies
from ui import html
from ui.i18n import Translator
from ui.page import Page
from ui.parts import Panel, script


def LinkBar() -> gr.HTML:
    """A `Panel` that also sends the text of a chosen file."""
    return Panel(more_script=script("link_bar.js", __file__))


def link_bar(page: Page, project: Project, *, style: str, busy: bool) -> str:
    """The form; ``style`` is its button's, ``busy`` says that nothing can be added now."""
    t = page.t
    label = html.e(t("sources.link"))
    # Once a link was taken the fields are new ones, and empty.
    last_job = next((job for job in project.all_jobs() if _is_link(job.spec().args)), None)
    # One that nothing came of stays, to be put right.
    address = failed_address(last_job) if last_job else ""
    key = f"link{last_job.id if last_job else ''}{address}"
    return (
        f'<form data-key="{html.e(key)}" data-do="link"><div class="vw-row vw-linkbar">'
        f'<input type="text" name="link" inputmode="url" required autocomplete="off" aria-label="{label}"'
        f' placeholder="{label}" value="{html.e(address)}"><button type="submit" class="vw-btn {style}" id="add-link"'
        f"{' disabled' if busy else ''}>{html.e(t('sources.add'))}</button></div>"
        f"{html.reason(t('sources.busy') if busy else '')}{_settings(page, project)}</form>"
    )


def act_on_link(page: Page, project: Project, evt: Any, note: str) -> bool:
    """Answer the form and its buttons; False if ``evt.do`` is not one of them."""
    if evt.do == "link":
        fields = json.loads(evt.value)
        follow(project, fields["link"], page.wish(note).having(link=read_options(fields)))
    elif evt.do == "list":
        start_list(project, evt.id)
    elif evt.do == "cookies":
        keep_cookies(page.workspace, evt.value, evt.id)
    elif evt.do == "forget-cookies":
        forget_cookies(page.workspace)
    else:
        return False
    return True


def _is_link(args: JobArgs) -> bool:
    return isinstance(args, ListLinkArgs) or (isinstance(args, ImportArgs) and bool(args.urls))


def _settings(page: Page, project: Project) -> str:
    t = page.t
    qualities = "".join(f'<option value="{key}">{html.e(t(f"link.quality_{key}"))}</option>' for key in QUALITIES)
    fields = (
        _field(page, "start", '<input type="text" name="start" placeholder="0:00" autocomplete="off">')
        + _field(page, "end", '<input type="text" name="end" placeholder="12:30" autocomplete="off">')
        + _field(page, "minutes", '<input type="text" name="minutes" inputmode="decimal" autocomplete="off">')
        + _field(page, "quality", f'<select name="quality">{qualities}</select>')
    )
    help_ = f'<small class="vw-dim">{html.e(t("link.subtitles_help"))}</small>'
    subtitles = (
        '<label class="vw-tick"><input type="checkbox" name="subtitles" value="yes">'
        f"<span>{html.e(t('link.subtitles'))}{help_}</span></label>"
    )
    # Where a site wanted to know who asks, the cookies are what to look at next.
    is_open = " open" if wants_cookies(project) and not cookies_kept(page.workspace) else ""
    summary = f"<summary>{html.e(t('common.more_settings'))}</summary>"
    return (
        f'<details class="vw-details" id="link-settings"{is_open}>{summary}'
        f'<div class="vw-fields">{fields}</div>{subtitles}{_cookies(page)}</details>'
    )


def _field(page: Page, name: str, field: str) -> str:
    t = page.t
    return (
        f'<label class="vw-field"><span>{html.e(t(f"link.{name}"))}</span>{field}'
        f'<small class="vw-dim">{html.e(t(f"link.{name}_help"))}</small></label>'
    )


def _cookies(page: Page) -> str:
    t = page.t
    jar = cookies_kept(page.workspace)
    state = t("link.cookies_kept", count=t.number(jar.count), at=t.moment(jar.kept_at)) if jar else ""
    question = t("link.cookies_forget_question")
    forget = html.action(t("link.cookies_forget"), "forget-cookies", style="danger", confirm=question) if jar else ""
    choose = html.e(t("link.cookies_replace" if jar else "link.cookies_choose"))
    return (
        f'<div class="vw-cookies"><b>{html.e(t("link.cookies"))}</b> <span>{html.e(state)}</span>'
        f'<p class="vw-dim">{html.e(t("link.cookies_help"))}</p><div class="vw-row">'
        f'<label class="vw-btn vw-filebtn">{choose}<input type="file" accept=".txt" data-file-do="cookies"'
        f' data-most="{MOST_LETTERS}" aria-label="{choose}"></label>{forget}</div></div>'
    )


def list_offer(t: Translator, project: Project) -> str:
    """That the last link belongs to a list, which can be shown; empty if it does not."""
    url = list_offered(project)
    if not url:
        return ""
    button = html.action(t("link.show_list"), "list", url, elem_id="show-list")
    return f'<div class="vw-notice vw-spread"><span>{html.e(t("link.part_of_list"))}</span>{button}</div>'
