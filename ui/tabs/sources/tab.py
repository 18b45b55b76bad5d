"""Recordings: add by link, file or microphone; what there is, how good it is, and whether it is enough."""

from __future__ import annotations

import json
from pathlib import Path

import gradio as gr

from core.project.workspace import Project
from core.sources import recordings
from core.sources.collections import pending
from core.sources.collections.local_folder import add_folder
from core.sources.links.playlist import open_list
from ui import html
from ui.job_panel import act_on_job, is_live, job_panel
from ui.page import Page, Tab, Updates
from ui.parts import Panel
from ui.parts.microphone import Microphone
from ui.tabs.segments.denoised import act_on_denoise, denoise_job
from ui.tabs.sources.collection_card import act_on_collection, collection_cards
from ui.tabs.sources.folder_bar import folder_bar
from ui.tabs.sources.link_bar import LinkBar, act_on_link, link_bar
from ui.tabs.sources.playlist import LinkList, act_on_list, link_list, list_moves
from ui.tabs.sources.reader import Reader
from ui.tabs.sources.source_table import meter, source_table


def build(page: Page) -> Tab:
    """Lay the tab out."""
    t = page.t
    top, listing = LinkBar(), LinkList()
    with gr.Row(elem_id="add-files", elem_classes=["vw-drop"], visible=False) as drop:
        # No file_types: Gradio would refuse a whole batch for one ending that the system has no type for.
        files = gr.File(label=t("sources.files"), file_count="multiple", height=150, scale=3)
        with gr.Column(scale=2, min_width=260):
            microphone = Microphone(page, t("sources.record"))
    rights = gr.Textbox(
        label=t("sources.rights"), info=t("sources.rights_help"), max_lines=1, elem_id="rights", visible=False
    )
    reader = Reader(page, rights)
    panel = Panel()

    def refresh(project: Project | None) -> Updates:
        return {
            top: _top(page, project),
            listing: link_list(page, project, busy=_busy(project)) if project else "",
            # One import at a time: what is dropped meanwhile would be refused.
            drop: gr.update(visible=bool(project and not _busy(project))),
            rights: gr.update(visible=project is not None),
            panel: _below(page, project),
            **reader.refresh(project, bool(project and _busy(project))),
        }

    def tick(project: Project | None, _query: str) -> Updates:
        kinds = (("import_sources", "list_link"), ("clean",), ("scan_collection",))
        jobs = [project.latest(*names) for names in kinds] if project else []
        if project is None or not any(map(is_live, jobs)):
            return {}
        busy = _busy(project)
        # A long list is not made every second.
        moving = {listing: link_list(page, project, busy=busy)} if list_moves(project) else {}
        return {top: _top(page, project), panel: _below(page, project), **moving, **reader.live(project, busy)}

    def turn(project: Project | None) -> str:
        return "busy" if project and _busy(project) else ""

    def upload(project: Project | None, paths: list[str] | None, note: str) -> Updates:
        if project:
            for error in pending.receive(project, [Path(path) for path in paths or []], page.wish(note)):
                # Said here, so that the files do not stay in the field as if they had been added.
                gr.Warning(html.e(page.say(error)), title=t("common.not_done"), duration=12)
        return {files: None}

    def record(project: Project | None, path: str | None, note: str) -> Updates:
        if project and path:
            recordings.add(project, page.wish(note).having(files=[(path, t("sources.spoken_title"))]))
        return {microphone: None}

    def act(project: Project | None, evt: gr.EventData, note: str) -> Updates | None:
        if project is None:
            return None
        if act_on_link(page, project, evt, note) or act_on_list(page, project, evt, note):
            return None
        if evt.do == "folder":
            add_folder(project, json.loads(evt.value)["path"])
        elif evt.do == "title":
            if title := " ".join(evt.value.split()):  # a recording without a name keeps the one it had
                project.store.change_source(evt.id, title=title)
        elif evt.do == "rights":
            project.store.change_source(evt.id, rights=evt.value)
        elif evt.do == "remove":
            recordings.remove(project, evt.id)
        elif evt.do == "restore":
            recordings.restore(project, evt.id)
        elif evt.do == "resume":
            recordings.resume(project, evt.id)
        elif act_on_collection(page, project, evt, note):
            return None
        elif not act_on_denoise(project, evt.do, evt.id):
            act_on_job(project, evt.do, evt.id)
        return None

    page.on(files.upload, upload, [files, rights], [files])
    page.on(microphone.stop_recording, record, [microphone, rights], [microphone])
    for area in (top, listing, panel):
        page.on(area.act, act, [rights], [])
    return Tab("sources", [top, listing, drop, rights, *reader.outputs, panel], refresh, tick, turn=turn)


def _busy(project: Project) -> bool:
    job = project.latest("import_sources")
    return bool(job and job.alive())


def _top(page: Page, project: Project | None) -> str:
    t = page.t
    heading = html.heading(t("sources.title"), t("sources.purpose"))
    if project is None:
        return heading + html.empty(t("common.no_project"), html.go(t("common.to_home"), "home"))
    # With recordings there already, the next click leads on to the clips; with a list open, on in the list.
    job = project.latest("import_sources")
    onward = project.figures.totals().sources or open_list(project) or (job and recordings.is_resumable(job))
    style = "" if onward else "primary"
    return heading + link_bar(page, project, style=style, busy=_busy(project))


def _below(page: Page, project: Project | None) -> str:
    if project is None:
        return ""
    t = page.t
    sources = project.store.sources()
    job = project.latest("import_sources")
    parts = []
    if job:
        parts.append(_job(page, project, len(sources)))
    parts.append(denoise_job(t, project))
    parts.append(collection_cards(t, project, t("sources.busy") if _busy(project) else ""))
    if sources:
        total_s = sum(source.seconds for source in sources)
        style = "wide" if open_list(project) else "primary wide"
        lead = html.go(t("sources.to_clips"), "segments", style=style)
        table = f'<div class="vw-grow">{source_table(page, project, sources)}</div>'
        parts.append(f'<div class="vw-split">{table}<aside>{meter(page, total_s)}{lead}</aside></div>')
    elif not _busy(project):
        parts.append(html.empty(t("sources.empty")))
    parts.append(folder_bar(t, project, t("sources.busy") if _busy(project) else ""))
    parts.append(_trash(page, project))
    return "".join(parts)


def _job(page: Page, project: Project, count: int) -> str:
    t = page.t
    job = project.latest("import_sources")
    if job is None:
        return ""
    view = job.read()
    new, set_aside = int(view.count("added")), int(view.count("skipped") + view.count("failed"))
    if view.status == "done" and not view.warnings and count:
        return ""  # the table says it all
    message = t("sources.done_some", count=new, failures=set_aside) if set_aside else t("sources.done", count=new)
    return job_panel(t, job, done_text=message, resume=recordings.is_resumable(job))


def _trash(page: Page, project: Project) -> str:
    t = page.t
    trash = recordings.trash_entries(project)
    if not trash:
        return ""
    rows = "".join(
        f'<div class="vw-spread vw-line" data-key="{html.e(name)}"><span>{html.e(title)}</span>'
        f"{html.action(t('sources.restore'), 'restore', name)}</div>"
        for name, title in trash
    )
    return html.details(t("sources.trash", count=len(trash)), rows)
