"""Recordings: add by link, file or microphone; what there is, how good it is, and whether it is enough."""

from __future__ import annotations

import json
from pathlib import Path

import gradio as gr

from core.engines.registry import info
from core.pipeline import steps
from core.project.workspace import Project
from core.sources import recordings
from core.sources.collections import pending
from core.sources.collections.local_folder import add_folder
from core.sources.links.playlist import open_list
from core.sources.links.start import failed_address
from ui import html
from ui.i18n import Translator
from ui.job_panel import act_on_job, is_live, job_panel
from ui.page import Page, Tab, Updates
from ui.parts import Panel
from ui.parts.lead import lead_on
from ui.parts.microphone import Microphone
from ui.tabs.segments.denoised import act_on_denoise, denoise_job
from ui.tabs.sources.collection_card import act_on_collection, collection_cards
from ui.tabs.sources.folder_bar import folder_bar
from ui.tabs.sources.link_bar import LinkBar, act_on_link, link_bar, list_offer
from ui.tabs.sources.playlist import LinkList, act_on_list, link_list, list_moves
from ui.tabs.sources.reader import Reader
from ui.tabs.sources.source_table import meter, source_table

_ARRIVALS = ("unpack_project", "copy_project")  # jobs by which a whole project comes in


def build(page: Page) -> Tab:
    """Lay the tab out."""
    t = page.t
    top = Panel()
    with gr.Accordion(t("sources.add_title"), open=True, visible=False, elem_id="add-recordings") as adding:
        rights = gr.Textbox(
            label=t("sources.rights"),
            info=t("sources.rights_help"),
            max_lines=1,
            elem_id="rights",
            elem_classes=["vw-draft"],
        )
        link = LinkBar()
        with gr.Row(elem_id="add-files", elem_classes=["vw-drop"], visible=False) as drop:
            # No file_types: Gradio would refuse a whole batch for one ending that the system has no type for.
            files = gr.File(label=t("sources.files"), file_count="multiple", height=150, scale=3)
            with gr.Column(scale=2, min_width=260):
                microphone = Microphone(page, t("sources.record"))
        folder = Panel()
    reader = Reader(page, rights)  # by itself: it stays open from sentence to sentence
    fold = gr.Textbox(visible=False)  # for what the form was last opened or folded away
    listing = LinkList()
    panel = Panel()

    def refresh(project: Project | None, folded_for: str) -> Updates:
        busy = bool(project and _busy(project))
        updates: Updates = {
            top: _top(page, project),
            link: _link(page, project),
            folder: folder_bar(t, project, t("sources.busy") if busy else "") if project else "",
            listing: link_list(page, project, busy=busy) if project else "",
            # One import at a time: what is dropped meanwhile would be refused.
            drop: gr.update(visible=bool(project and not busy)),
            panel: _below(page, project),
            **reader.refresh(project, busy),
        }
        is_open = project is not None and _form_is_open(project)
        key = f"{project.slug} {is_open}" if project else ""
        if key != folded_for:  # else it stays as the person left it
            updates |= {fold: key, adding: gr.update(visible=project is not None, open=is_open)}
        return updates

    def tick(project: Project | None, _query: str) -> Updates:
        kinds = (("import_sources", "list_link"), ("clean",), ("scan_collection",), _ARRIVALS)
        jobs = [project.latest(*names) for names in kinds] if project else []
        if project is None or not any(map(is_live, jobs)):
            return {}
        busy = _busy(project)
        # A long list is not made every second.
        moving = {listing: link_list(page, project, busy=busy)} if list_moves(project) else {}
        return {link: _link(page, project), panel: _below(page, project), **moving, **reader.live(project, busy)}

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
            job = project.job(evt.id)
            if job.spec().kind in _ARRIVALS:
                project.launch(job, gpu=False)
            else:
                recordings.resume(project, evt.id)
        elif act_on_collection(page, project, evt, note):
            return None
        elif not act_on_denoise(project, evt.do, evt.id):
            act_on_job(project, evt.do, evt.id)
        return None

    page.on(files.upload, upload, [files, rights], [files])
    page.on(microphone.stop_recording, record, [microphone, rights], [microphone])
    for area in (link, folder, listing, panel):
        page.on(area.act, act, [rights], [])
    outputs = [top, adding, link, drop, *reader.outputs, folder, fold, listing, panel]
    return Tab("sources", outputs, refresh, tick, [fold], turn)


def _busy(project: Project) -> bool:
    return any(job and job.alive() for job in map(project.latest, ("import_sources", *_ARRIVALS)))


def _form_is_open(project: Project) -> bool:
    """Whether the form for adding stands open: where it is the next step, or where its link has to be looked at.

    Asked each second and of any project: it reads no records.
    """
    job = project.latest("import_sources", "list_link")
    return bool(job and failed_address(job)) or next(project.sources.glob("*.flac"), None) is None


def _top(page: Page, project: Project | None) -> str:
    t = page.t
    heading = html.heading(t("sources.title"), t("sources.purpose"))
    if project is None:
        return heading + html.empty(t("common.no_project"), html.go(t("common.to_home"), "home"))
    return heading


def _link(page: Page, project: Project | None) -> str:
    if project is None:
        return ""
    # With recordings there already, the next click leads on to the clips; with a list open, on in the list.
    job = project.latest("import_sources")
    is_resumable = job is not None and recordings.is_resumable(job)
    ways_on = (project.figures.totals().sources, open_list(project), is_resumable, pending.pending_datasets(project))
    style = "" if any(ways_on) else "primary"
    return link_bar(page, project, style=style, busy=_busy(project))


def _below(page: Page, project: Project | None) -> str:
    if project is None:
        return ""
    t = page.t
    sources = project.store.sources()
    questions = list_offer(t, project) + collection_cards(t, project, t("sources.busy") if _busy(project) else "")
    # What waits for an answer comes before how something earlier ended, and after what is at work.
    job = _job(page, project, len(sources))
    parts = [job, questions] if _busy(project) else [questions, job]
    parts.insert(0, _arrival(t, project))
    parts.append(denoise_job(t, project))
    if sources:
        total_s = sum(source.seconds for source in sources)
        style = "wide" if open_list(project) else "primary wide"
        lead = lead_on(t, steps(project), "sources", style=style)
        table = f"<div>{source_table(page, project, sources)}</div>"
        parts.append(f'<div class="vw-split">{table}<aside>{meter(page, total_s)}{lead}</aside></div>')
    elif not _busy(project):
        parts.append(html.empty(t("sources.empty")))
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
    label = t("job.again") if failed_address(job) else ""
    return job_panel(t, job, done_text=message, resume=recordings.is_resumable(job), resume_label=label)


def _arrival(t: Translator, project: Project) -> str:
    """How a project comes in, as one file that was taken away or as a copy of one of another engine."""
    job = project.latest(*_ARRIVALS)
    if job is None:
        return ""
    view = job.read()
    counts = {name: t.number(view.count(name)) for name in ("sources", "clips", "votes", "unfit")}
    if view.status != "done":
        return job_panel(t, job, resume=True)
    if job.spec().kind == "unpack_project":
        return job_panel(t, job, done_text=t("transfer.done", **counts))
    key = "copy.done_unfit" if view.count("unfit") else "copy.done"
    next_step = html.go(t("common.go_to", tab=t("tabs.dataset")), "dataset")
    return job_panel(t, job, done_text=t(key, engine=info(project.info.engine).label, **counts), next_step=next_step)


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
