"""Clips: what a recording would be cut into, live; the cut itself; and the clips there are, changed by hand."""

from __future__ import annotations

import json
import time
from typing import Any

import gradio as gr

from core.audio.options import SegmentOptions
from core.audio.threshold import Advice
from core.clips import edit
from core.clips.cut import not_cut, options_of_last_cut, start_segment, to_cut
from core.clips.timeline import Summary, summary
from core.clips.trash import restore_trashed_clips
from core.clips.undo_edit import undo_edit
from core.errors import UserError
from core.jobs.job import Job
from core.pipeline import steps
from core.project.records import Source
from core.project.workspace import Project
from ui import html, plots
from ui.form import Form
from ui.job_panel import act_on_job, is_live, job_panel
from ui.page import Page, Tab, Updates, view_of
from ui.parts import Panel
from ui.parts.lead import lead_on
from ui.parts.select import select
from ui.tabs.segments.clip_editor import ClipEditor, editor_state
from ui.tabs.segments.clip_list import clip_list
from ui.tabs.segments.left_out import left_outs
from ui.tabs.segments.trash import trash_section


def build(page: Page) -> Tab:
    """Lay the tab out."""
    t = page.t
    top = Panel()
    editor = ClipEditor(t)
    facts = Panel()
    with gr.Accordion(t("common.more_settings"), open=False, visible=False) as settings:
        form = Form(t, SegmentOptions, "cut_options")
        reset = gr.Button(t("segments.reset"), size="sm", elem_id="reset-cut")
    owner = gr.Textbox(visible=False)  # the project whose last settings are in the form
    panel = Panel()

    def refresh(project: Project | None, query: str, filled_for: str, *values: Any) -> Updates:
        if project is None:
            empty = html.empty(t("common.no_project"), html.go(t("common.to_home"), "home"))
            return blank(page, empty) | {settings: gr.update(visible=False)}
        updates: Updates = {settings: gr.update(visible=bool(project.store.sources()))}
        if filled_for != project.slug:
            filling = form.fill(options_of_last_cut(project).model_dump())
            updates |= {owner: project.slug, **form.differing(filling, values)}
            values = tuple(filling[component] for component in form.inputs)
        return updates | overview(project, view_of(query), values, str(time.time_ns()))

    def overview(project: Project, view: dict[str, str], values: tuple[Any, ...], stamp: str) -> Updates:
        """Everything but the settings."""
        sources = project.store.sources()
        if not sources:
            return blank(page, html.empty(t("segments.no_recordings"), html.go(t("segments.to_sources"), "sources")))
        source = _current_source(sources, view)
        updates: Updates = {panel: _below(page, project, source, len(sources), view)}
        head = _heading(page) + _choice(page, sources, source)
        try:
            options = _options(form, values) if _is_preview(project, source, view) else None
            cut_summary = summary(project, source, options)
        except UserError as error:
            return updates | {top: head + html.notice(page.say(error), "warn")}
        except (OSError, RuntimeError):  # RuntimeError: what libsndfile raises
            missing = html.notice(t("segments.missing", title=source.title), "bad")
            return updates | {top: head + missing, editor: "", facts: _button(page, project)}
        off = _off(page, project)
        return updates | {
            top: head + _mode(page, project, source, options is not None, cut_summary.by_level),
            editor: editor_state(t, project, source, stamp, preview=options, off=off),
            facts: _facts(page, project, source, cut_summary, options, off),
        }

    def blank(page: Page, empty: str) -> Updates:
        return {top: _heading(page) + empty, editor: "", facts: "", panel: ""}

    def tick(project: Project | None, query: str) -> Updates:
        job = project.latest("segment") if project else None
        if project is None or job is None or not is_live(job) or not (sources := project.store.sources()):
            return {}
        view = view_of(query)
        source = _current_source(sources, view)
        if _is_preview(project, source, view):  # what settings would give does not move by itself
            return {panel: _below(page, project, source, len(sources), view)}
        stamp = f"{job.id} {job.read().status} {project.figures.totals().clips}"
        return overview(project, view, (), stamp)

    def turn(project: Project | None) -> str:
        return "busy" if project and _off(page, project) else ""

    def show(project: Project | None, query: str, *values: Any) -> Updates:
        """Settings are being changed: what they would give is shown at once."""
        if project is None:
            return {}
        updates = overview(project, view_of(query) | {"show": "preview"}, values, str(time.time_ns()))
        return updates | {top: updates[top] + html.arrive("show=preview", str(values))}

    def leave(project: Project | None, query: str, *values: Any) -> Updates:
        """A field is left: what it changes is shown; clips stay in view where it changes nothing."""
        if project is None:
            return {}
        same = form.differing(form.fill(options_of_last_cut(project).model_dump()), values) == {}
        return overview(project, view_of(query), values, str(time.time_ns())) if same else show(project, query, *values)

    def act(project: Project | None, evt: gr.EventData, *values: Any) -> Updates | None:
        if project and evt.do == "cut":
            start_segment(project, not_cut(project) if evt.id == "new" else None, _options(form, values))
            view = view_of(evt.view) | {"show": ""}
            updates = overview(project, view, values, str(time.time_ns()))
            return updates | {top: updates[top] + html.arrive("show=", evt.view)}
        if project and evt.do == "bring":
            source_id, start, end = evt.id.split()
            edit.bring_back(project, source_id, float(start), float(end))
        elif project and evt.do == "restore":
            restore_trashed_clips(project, evt.id)
        elif project:
            act_on_job(project, evt.do, evt.id)
        return None

    outputs = [top, editor, facts, panel]
    for component in form.inputs:
        page.on(component.input, show, [page.view, *form.inputs], outputs, refresh=False, trigger_mode="always_last")
        if isinstance(component, gr.Textbox):  # Gradio says nothing of what is deleted or pasted
            for event in (component.blur, component.submit):
                page.on(event, leave, [page.view, *form.inputs], outputs, refresh=False, trigger_mode="always_last")
    page.on(reset.click, lambda _: form.fill({}), [], form.inputs)
    for area in (facts, panel):
        page.on(area.act, act, form.inputs, outputs)
    # One change after the other, in the order they were made.
    page.on(editor.act, _change, [], [], concurrency_limit=1)
    return Tab(
        "segments", [*outputs, owner, settings, *form.inputs], refresh, tick, [page.view, owner, *form.inputs], turn
    )


def _change(project: Project | None, evt: gr.EventData) -> None:
    """What was done in the editor."""
    if project is None:
        return
    value = json.loads(evt.value)
    stamp = str(value.get("seen", ""))
    if evt.do == "move":
        edit.move_border(project, evt.id, float(value["start"]), float(value["end"]), stamp=stamp)
    elif evt.do == "split":
        edit.split(project, evt.id, float(value["at"]), stamp=stamp)
    elif evt.do == "join":
        edit.join(project, evt.id, str(value["next"]), stamp=stamp, next_stamp=str(value.get("next_seen", "")))
    elif evt.do == "remove":
        edit.remove(project, evt.id, stamp=stamp)
    elif evt.do == "bring":
        edit.bring_back(project, evt.id, float(value["start"]), float(value["end"]))
    elif evt.do == "undo":
        undo_edit(project, evt.id, stamp=stamp)


def _heading(page: Page) -> str:
    return html.heading(page.t("segments.title"), page.t("segments.purpose"))


def _options(form: Form, values: tuple[Any, ...]) -> SegmentOptions:
    return SegmentOptions.model_validate(form.parse(values).model_dump())


def _current_source(sources: list[Source], view: dict[str, str]) -> Source:
    return next((source for source in sources if source.id == view.get("source")), sources[0])


def _is_preview(project: Project, source: Source, view: dict[str, str]) -> bool:
    return view.get("show") == "preview" or not project.store.clips_between(source.id, 0, source.seconds, 1)


def _off(page: Page, project: Project) -> str:
    job = project.latest("segment")
    return page.t("segments.busy") if job and job.alive() else ""


def _choice(page: Page, sources: list[Source], current: Source) -> str:
    if len(sources) == 1:
        return ""
    choices = [(source.id, source.title) for source in sources]
    return select(page.t("segments.recording"), "source", choices, current.id, clears="from=&to=&at=&page")


def _mode(page: Page, project: Project, source: Source, preview: bool, by_level: bool) -> str:
    """Whether the clips there are or a preview is shown; both can be chosen where there are clips."""
    t = page.t
    if not project.store.clips_between(source.id, 0, source.seconds, 1):
        first = t("segments.by_level" if by_level else "segments.first_help")
        return f'<p class="vw-mode"><b>{html.e(t("segments.mode_preview"))}</b> {html.e(first)}</p>'
    clips = html.place(t("segments.mode_clips"), "show=", is_pressed=not preview)
    preview_button = html.place(t("segments.mode_preview"), "show=preview", is_pressed=preview)
    key = "clips_help" if not preview else "by_level" if by_level else "preview_help"
    line = html.e(t(f"segments.{key}"))
    return (
        f'<div class="vw-row vw-mode" role="group" aria-label="{html.e(t("segments.mode"))}">{clips}{preview_button}'
        f'<span class="vw-dim">{line}</span></div>'
    )


def _facts(
    page: Page, project: Project, source: Source, cut_summary: Summary, options: SegmentOptions | None, off: str
) -> str:
    """Numbers, the button, how long clips are, and what is left out."""
    t = page.t
    share = cut_summary.kept_s / source.seconds if source.seconds else 0
    numbers = html.numbers(
        html.number(t.number(len(cut_summary.lengths)), t("segments.count")),
        html.number(t.minutes(cut_summary.kept_s), t("segments.kept"), "good" if share > 0.5 else "warn"),
        html.number(t.minutes(cut_summary.lost_s), t("segments.lost")),
        *_threshold(page, cut_summary.advice, options),
    )
    bounds = options or options_of_last_cut(project)
    exclusions = left_outs(t, project, source, cut_summary.left_out, cut=options is None, off=off)
    title = t("segments.lengths" if options else "segments.lengths_now")
    return (
        f'<div class="vw-spread">{numbers}{_button(page, project, options is not None)}</div>'
        f"{_direction(page, cut_summary.advice)}{html.details(title, _histogram(page, cut_summary.lengths, bounds))}"
        f"{exclusions}{trash_section(t, project, source, off)}"
    )


def _threshold(page: Page, advice: Advice | None, options: SegmentOptions | None) -> list[str]:
    """Where pauses begin in a preview, and whether that was chosen by hand."""
    if advice is None or options is None:
        return []
    key = "threshold" if options.threshold_dbfs is not None else "threshold_automatic"
    return [html.number(page.t.number(round(advice.threshold_dbfs)), page.t(f"segments.{key}"))]


def _direction(page: Page, advice: Advice | None) -> str:
    """Which way to turn a threshold that does not fit."""
    if advice is None or not advice.way:
        return ""
    values = {"threshold": page.t.plain(advice.threshold_dbfs), "proposed": page.t.plain(advice.proposed_dbfs)}
    return html.notice(page.t(f"segments.turn_{advice.way}", **values), "warn")


def _button(page: Page, project: Project, preview: bool = False) -> str:
    t = page.t
    totals, count = project.figures.totals(), len(to_cut(project))
    label = t("segments.cut_all", count=count) if count > 1 else t("segments.cut")
    question = t("segments.again_question") if totals.transcribed or totals.approved or totals.rejected else ""
    busy = _off(page, project)
    if not totals.clips:
        start = html.action(label, "cut", style="primary", off_reason=busy, elem_id="start-segment")
        return f"<div>{start}{html.reason(busy)}</div>"
    fresh = len(not_cut(project)) if totals.segmented < totals.sources else 0
    new = ""
    if fresh:
        label = t("segments.cut_new", count=fresh) if fresh > 1 else t("segments.cut_new_one")
        new = html.action(label, "cut", "new", style="primary", off_reason=busy, elem_id="cut-new")
    # Once all recordings have clips, the next click leads on; who looks at other settings means to cut with them.
    style = "primary" if preview and not fresh else ""
    label = t("segments.cut_again")
    recut = count and html.action(label, "cut", style=style, off_reason=busy, confirm=question, elem_id="start-segment")
    lead = lead_on(t, steps(project), "segments", style="" if fresh or preview else "primary")
    return f'<div><div class="vw-row">{new}{recut or ""}{lead}</div>{html.reason(busy)}</div>'


def _histogram(page: Page, lengths: list[float], options: SegmentOptions) -> str:
    low, high = int(options.min_clip_s), int(options.max_clip_s + 0.999)
    if lengths:  # clips changed by hand may be shorter or longer
        low, high = min(low, int(min(lengths))), max(high, int(max(lengths) + 0.999))
    edges = list(range(low, high + 1, max(1, (high - low) // 16)))
    edges += [high] if edges[-1] < high else []
    return plots.histogram(lengths, edges, page.t("segments.seconds"), page.t("segments.count"), write=page.t.plain)


def _below(page: Page, project: Project, source: Source, count: int, view: dict[str, str]) -> str:
    """The job and the clips there are."""
    t = page.t
    job = project.latest("segment")
    message = t(
        "segments.done",
        clips=t.number(_count(job, "clips")),
        speech=t.minutes(_count(job, "kept_s")),
        rest=t.minutes(_count(job, "lost_s")),
    )
    title = t("segments.list_of", title=source.title) if count > 1 else t("segments.list")
    return job_panel(t, job, done_text=message) + clip_list(t, project, source, title, view.get("page", ""))


def _count(job: Job | None, name: str) -> float:
    return job.read().count(name) if job else 0
