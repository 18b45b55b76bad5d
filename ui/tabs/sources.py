"""Recordings: add by link, file or microphone; what there is, how good it is, and whether it is enough."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import gradio as gr

from core.audio.quality import quality
from core.errors import UserError
from core.records import Source
from core.sources import held, recordings
from core.sources.upload import PARTLY
from core.workspace import Project
from ui import html
from ui.audio_routes import audio_url
from ui.job_panel import act_on_job, is_live, job_panel
from ui.page import Page, Tab, Updates
from ui.parts import Panel
from ui.parts.collection_card import collection_cards

_METER_MINUTES = 60.0


def build(page: Page) -> Tab:
    """Lay the tab out."""
    t = page.t
    top = Panel()
    with gr.Row(elem_id="add-files", elem_classes=["vw-drop"], visible=False) as drop:
        # No file_types: Gradio would refuse a whole batch for one ending that the system has no type for.
        files = gr.File(label=t("sources.files"), file_count="multiple", height=150, scale=3)
        spoken = gr.Audio(
            label=t("sources.record"), sources=["microphone"], type="filepath", format="wav", scale=2, min_width=260
        )
    rights = gr.Textbox(
        label=t("sources.rights"), info=t("sources.rights_help"), max_lines=1, elem_id="rights", visible=False
    )
    panel = Panel()

    def refresh(project: Project | None) -> Updates:
        return {
            top: _top(page, project),
            # One import at a time: what is dropped meanwhile would be refused.
            drop: gr.update(visible=bool(project and not _busy(project))),
            rights: gr.update(visible=project is not None),
            panel: _below(page, project),
        }

    def tick(project: Project | None) -> Updates:
        return refresh(project) if project and is_live(project.latest("import_sources")) else {}

    def add(project: Project | None, found: list[tuple[str, str]], link: str, note: str) -> None:
        if project:
            limits = page.settings
            recordings.add(
                project,
                [(Path(file), name) for file, name in found],
                [link],
                note,
                max_hours=limits.max_source_hours,
                max_mb=limits.max_upload_mb,
            )

    def uploaded(project: Project | None, paths: list[str] | None, note: str) -> Updates:
        try:
            plain = [path for path in paths or [] if not held.is_archive(path)]
            for path in paths or []:
                if project and path not in plain:  # what it would bring in is shown first
                    held.hold(project, Path(path), Path(path).name)
            if plain:
                add(project, [(path, Path(path).name) for path in plain], "", note)
        except UserError as error:
            # Said here, so that the files do not stay in the field as if they had been added.
            gr.Warning(html.e(page.say(error)), title=t("common.not_done"), duration=12)
        return {files: None}

    def recorded(project: Project | None, path: str | None, note: str) -> Updates:
        if path:
            add(project, [(path, t("sources.spoken_title"))], "", note)
        return {spoken: None}

    def act(project: Project | None, evt: gr.EventData, note: str) -> Updates | None:
        if project is None:
            return None
        if evt.do == "link":
            add(project, [], json.loads(evt.value)["link"], note)
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
        elif evt.do == "bring-in":
            held.bring_in(project, evt.id, note, max_hours=page.settings.max_source_hours)
        elif evt.do == "put-away":
            held.put_away(project, evt.id)
        else:
            act_on_job(project, evt.do, evt.id)
        return None

    page.on(files.upload, uploaded, [files, rights], [files])
    page.on(spoken.stop_recording, recorded, [spoken, rights], [spoken])
    page.on(top.act, act, [rights], [])
    page.on(panel.act, act, [rights], [])
    return Tab("sources", [top, drop, rights, panel], refresh, tick)


def _last_link(project: Project) -> str:
    """The newest import of a link: once there is another one, the field for the next link is empty."""
    jobs = (job for job in project.all_jobs() if job.spec()["kind"] == "import_sources")
    return next((job.id for job in jobs if job.spec()["arguments"].get("urls")), "")


def _busy(project: Project) -> bool:
    job = project.latest("import_sources")
    return bool(job and job.alive())


def _top(page: Page, project: Project | None) -> str:
    t = page.t
    parts = [html.heading(t("sources.title"), t("sources.purpose"))]
    if project is None:
        return parts[0] + html.empty(t("common.no_project"), html.go(t("common.to_home"), "home"))
    label = html.e(t("sources.link"))
    # With recordings there already, the next click leads on to the clips.
    style = "" if project.store.totals().sources else "primary"
    busy = _busy(project)
    parts.append(
        f'<form class="vw-row vw-linkbar" data-key="link{html.e(_last_link(project))}" data-do="link">'
        f'<input type="text" name="link" inputmode="url" required autocomplete="off" aria-label="{label}"'
        f' placeholder="{label}"><button type="submit" class="vw-btn {style}" id="add-link"'
        f"{' disabled' if busy else ''}>{html.e(t('sources.add'))}</button></form>"
        f"{html.why(t('sources.busy') if busy else '')}"
    )
    return "".join(parts)


def _below(page: Page, project: Project | None) -> str:
    if project is None:
        return ""
    t = page.t
    sources = project.store.sources()
    job = project.latest("import_sources")
    parts = []
    if job:
        parts.append(_job(page, project, len(sources)))
    parts.append(collection_cards(t, project, t("sources.busy") if _busy(project) else ""))
    if sources:
        total_s = sum(source.seconds for source in sources)
        lead = html.go(t("sources.to_clips"), "segments", style="primary wide")
        table = f'<div class="vw-grow">{_table(page, project, sources)}</div>'
        parts.append(f'<div class="vw-split">{table}<aside>{_meter(page, total_s)}{lead}</aside></div>')
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
    added, set_aside = int(view.result.get("added", 0)), len(view.warnings)
    if view.status == "done" and not set_aside and count:
        return ""  # the table says it all
    done = t("sources.done_some", added=added, failed=set_aside) if set_aside else t("sources.done", added=added)
    return job_panel(t, job, done_text=done, resume=recordings.unfinished(job))


def _table(page: Page, project: Project, sources: list[Source]) -> str:
    t = page.t
    names = ("column_title", "column_length", "column_from", "column_quality", "column_listen")
    head = "".join(f"<th>{html.e(t('sources.' + name))}</th>" for name in names)
    rows = "".join(_row(page, project, source) for source in sources)
    return f'<table class="vw-stack"><thead><tr>{head}<th></th></tr></thead><tbody>{rows}</tbody></table>'


def _row(page: Page, project: Project, source: Source) -> str:
    t = page.t
    title = (
        f'<input type="text" class="vw-quiet" data-do="title" data-id="{html.e(source.id)}" maxlength="120"'
        f' value="{html.e(source.title)}" aria-label="{html.e(t("sources.column_title"))}" required>'
    )
    player = html.player(audio_url(project.slug, "source", source.id), source.title)
    question = t("sources.remove_question", title=source.title)
    remove = html.action(t("sources.remove"), "remove", source.id, style="quiet danger", confirm=question)
    cells = (
        (title + _note(page, source) + _damage(page, source), "column_title"),
        (html.e(t.length(source.seconds)), "column_length"),
        (html.e(_origin(page, source)), "column_from"),
        (_lights(page, project, source), "column_quality"),
        (player, "column_listen"),
    )
    tds = "".join(f'<td data-label="{html.e(t("sources." + name))}">{cell}</td>' for cell, name in cells)
    return f'<tr data-key="{html.e(source.id)}">{tds}<td>{remove}</td></tr>'


def _note(page: Page, source: Source) -> str:
    label = html.e(page.t("sources.rights"))
    return (
        f'<input type="text" class="vw-quiet vw-small" data-do="rights" data-id="{html.e(source.id)}" maxlength="300"'
        f' value="{html.e(source.rights)}" placeholder="{label}" aria-label="{label}">'
    )


def _damage(page: Page, source: Source) -> str:
    if source.note != PARTLY:
        return ""
    return f'<span class="vw-chip warn">{html.e(page.t("sources.partly", length=page.t.length(source.seconds)))}</span>'


def _origin(page: Page, source: Source) -> str:
    host = urlsplit(source.origin).hostname
    return host.removeprefix("www.") if host else page.t("sources.from_file")


def _lights(page: Page, project: Project, source: Source) -> str:
    t = page.t
    try:
        found = quality(project.source_file(source.id))
    except (OSError, RuntimeError):
        return html.light("bad", t("sources.light_missing"))
    lights = (("level", found.level), ("noise", found.noise), ("clipping", found.clipping))
    shown = "".join(html.light(tone, t(f"sources.light_{name}_{tone}")) for name, tone in lights)
    return f'<div class="vw-lights">{shown}</div>'


def _meter(page: Page, seconds: float) -> str:
    t = page.t
    found = recordings.amount(seconds)
    level = html.bar(found.minutes / _METER_MINUTES, t("sources.meter_title"))
    marks = "".join(
        f'<span style="left:{100 * minutes / _METER_MINUTES:.1f}%">{minutes:g}</span>'
        for minutes, _ in recordings.NEEDED_MINUTES
        if minutes != 1
    )
    more = t("sources.meter_more", minutes=t.number(found.next_minutes)) if found.next_minutes else ""
    return (
        f'<div class="vw-card vw-meter"><h3>{html.e(t("sources.meter_title"))}</h3>'
        f"{html.numbers(html.number(t.minutes(seconds), t('sources.meter_have')))}"
        f'{level}<div class="vw-marks" aria-hidden="true">{marks}</div>'
        f"<p>{html.e(t('sources.meter_' + found.level))}</p>"
        f'<p class="vw-dim">{html.e(more)}</p></div>'
    )


def _trash(page: Page, project: Project) -> str:
    t = page.t
    removed = recordings.removed(project)
    if not removed:
        return ""
    rows = "".join(
        f'<div class="vw-spread vw-line" data-key="{html.e(name)}"><span>{html.e(title)}</span>'
        f"{html.action(t('sources.restore'), 'restore', name)}</div>"
        for name, title in removed
    )
    return html.details(t("sources.trash", count=len(removed)), rows)
