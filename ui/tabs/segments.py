"""Clips: what a recording would be cut into, live; the cut itself; and the clips there are."""

from __future__ import annotations

from typing import Any

import gradio as gr

from core.audio.clips import Preview, options_of_last_cut, preview, start_segment, uncut
from core.audio.silence import SegmentOptions, Span
from core.audio.waveform import peaks
from core.errors import UserError
from core.records import Clip, ClipFilter, Source
from core.workspace import Project
from ui import html, plots
from ui.audio_routes import audio_url
from ui.form import Form
from ui.job_panel import act_on_job, is_live, job_panel
from ui.page import Page, Tab, Updates, view_of
from ui.parts import Panel
from ui.parts.pages import pages

_PER_PAGE = 20
_BUCKETS = 1200
_LEFT_OUT_SHOWN = 12


def build(page: Page) -> Tab:
    """Lay the tab out."""
    t = page.t
    picture = Panel()
    with gr.Accordion(t("common.more_settings"), open=False, visible=False) as settings:
        form = Form(t, SegmentOptions, "cut_options")
        reset = gr.Button(t("segments.reset"), size="sm", elem_id="reset-cut")
    filled = gr.Textbox(visible=False)  # the project whose last settings are in the form
    panel = Panel()

    def refresh(project: Project | None, query: str, filled_for: str, *values: Any) -> Updates:
        if project is None:
            empty = html.empty(t("common.no_project"), html.go(t("common.to_home"), "home"))
            return {picture: _heading(page) + empty, panel: "", settings: gr.update(visible=False)}
        updates: Updates = {panel: _below(page, project, view_of(query))}
        updates |= {settings: gr.update(visible=bool(project.store.sources()))}
        if filled_for != project.slug:
            filling = form.fill(options_of_last_cut(project).model_dump())
            updates |= {filled: project.slug, **filling}
            values = tuple(filling[one] for one in form.inputs)
        return updates | {picture: picture_of(project, query, values)}

    def picture_of(project: Project, query: str, values: tuple[Any, ...]) -> str:
        try:
            return _picture(page, project, view_of(query), _options(form, values))
        except UserError as error:
            return _heading(page) + html.notice(page.say(error), "warn")

    def tick(project: Project | None, query: str, _: str, *values: Any) -> Updates:
        if project is None or not is_live(project.latest("segment")):
            return {}
        return {picture: picture_of(project, query, values), panel: _below(page, project, view_of(query))}

    def show(project: Project | None, query: str, *values: Any) -> Updates:
        if project is None:
            return {}
        return {picture: picture_of(project, query, values)}

    def act(project: Project | None, evt: gr.EventData, *values: Any) -> None:
        if project and evt.do == "cut":
            start_segment(project, uncut(project) if evt.id == "new" else None, _options(form, values))
        elif project:
            act_on_job(project, evt.do, evt.id)

    for component in form.inputs:
        page.on(component.input, show, [page.view, *form.inputs], [picture], refresh=False, trigger_mode="always_last")
    page.on(reset.click, lambda _: form.fill({}), [], form.inputs)
    page.on(picture.act, act, form.inputs, [])
    page.on(panel.act, act, form.inputs, [])
    return Tab(
        "segments", [picture, panel, filled, settings, *form.inputs], refresh, tick, [page.view, filled, *form.inputs]
    )


def _heading(page: Page) -> str:
    return html.heading(page.t("segments.title"), page.t("segments.purpose"))


def _options(form: Form, values: tuple[Any, ...]) -> SegmentOptions:
    return SegmentOptions.model_validate(form.parse(values).model_dump())


def _chosen(sources: list[Source], view: dict[str, str]) -> Source:
    return next((source for source in sources if source.id == view.get("source")), sources[0])


def _picture(page: Page, project: Project, view: dict[str, str], options: SegmentOptions) -> str:
    """Waveform of the chosen recording, what would be cut, and the button."""
    t = page.t
    sources = project.store.sources()
    if not sources:
        return _heading(page) + html.empty(t("segments.no_recordings"), html.go(t("segments.to_sources"), "sources"))
    source = _chosen(sources, view)
    try:
        found = preview(project, source.id, options)
        outline = [(float(low), float(high)) for low, high in peaks(project.source_file(source.id), _BUCKETS)]
    except (OSError, RuntimeError):  # RuntimeError: what libsndfile raises
        missing = html.notice(t("segments.missing", title=source.title), "bad")
        return f"{_heading(page)}{_choice(page, sources, source)}{missing}{_button(page, project, len(sources))}"
    spans = [(span.start_s, span.end_s) for span in found.spans]
    described = t("segments.waveform", title=source.title, count=len(spans))
    wave = plots.waveform(outline, found.source_s, spans, described)
    player = html.player(audio_url(project.slug, "source", source.id), source.title)
    return (
        f"{_heading(page)}{_choice(page, sources, source)}"
        f'<div data-wave data-key="{html.e(source.id)}"><div class="vw-wavebox">{wave}<i class="vw-at"></i></div>'
        f'<div class="vw-row vw-under">{player}<span class="vw-dim">{html.e(t("segments.wave_help"))}</span></div>'
        "</div>"
        f'<div class="vw-spread">{_numbers(page, found)}{_button(page, project, len(sources))}</div>'
        f"{_left_out(page, project, source, found)}"
        f"{html.details(t('segments.lengths'), _histogram(page, found, options))}"
    )


def _choice(page: Page, sources: list[Source], chosen: Source) -> str:
    if len(sources) == 1:
        return ""
    options = "".join(
        f'<option value="{html.e(one.id)}"{" selected" if one.id == chosen.id else ""}>{html.e(one.title)}</option>'
        for one in sources
    )
    label = html.e(page.t("segments.recording"))
    return (
        f'<label class="vw-field vw-narrow"><span>{label}</span><select data-view="source">{options}</select></label>'
    )


def _numbers(page: Page, found: Preview) -> str:
    t = page.t
    share = found.kept_s / found.source_s if found.source_s else 0
    return html.numbers(
        html.number(t.number(len(found.spans)), t("segments.count")),
        html.number(t.minutes(found.kept_s), t("segments.kept"), "good" if share > 0.5 else "warn"),
        html.number(t.minutes(found.lost_s), t("segments.lost")),
    )


def _button(page: Page, project: Project, count: int) -> str:
    t = page.t
    totals = project.store.totals()
    job = project.latest("segment")
    label = t("segments.cut_all", count=count) if count > 1 else t("segments.cut")
    question = t("segments.again_question") if totals.transcribed or totals.approved or totals.rejected else ""
    busy = t("segments.busy") if job and job.alive() else ""
    if not totals.clips:
        start = html.action(label, "cut", style="primary", disabled=busy, elem_id="start-segment")
        return f"<div>{start}{html.why(busy)}</div>"
    again = html.action(t("segments.cut_again"), "cut", disabled=busy, confirm=question, elem_id="start-segment")
    fresh = len(uncut(project)) if totals.segmented < totals.sources else 0
    new = ""
    if fresh:
        label = t("segments.cut_new", count=fresh) if fresh > 1 else t("segments.cut_new_one")
        new = html.action(label, "cut", "new", style="primary", disabled=busy, elem_id="cut-new")
    # Once all recordings have clips, the next click leads on.
    lead = html.go(t("segments.to_transcripts"), "transcripts", style="" if fresh else "primary")
    return f'<div><div class="vw-row">{new}{again}{lead}</div>{html.why(busy)}</div>'


def _left_out(page: Page, project: Project, source: Source, found: Preview) -> str:
    t = page.t
    longest = sorted(found.lost, key=lambda span: span.seconds, reverse=True)[:_LEFT_OUT_SHOWN]
    if not longest:
        return ""
    rows = "".join(_lost_row(page, project, source, span) for span in sorted(longest, key=lambda span: span.start_s))
    summary = t("segments.left_out", count=len(found.lost), minutes=t.minutes(found.lost_s))
    return html.details(summary, f'<p class="vw-dim">{html.e(t("segments.left_out_help"))}</p>{rows}')


def _lost_row(page: Page, project: Project, source: Source, span: Span) -> str:
    t = page.t
    when = f"{t.clock(span.start_s)} · {t.number(span.seconds, 1)} s"
    piece = f"{audio_url(project.slug, 'source', source.id)}#t={span.start_s:.2f},{span.end_s:.2f}"
    key = f"{source.id}-{span.start_s:.2f}"
    player = html.player(piece, when)
    return f'<div class="vw-row vw-line" data-key="{key}"><span class="vw-when">{when}</span>{player}</div>'


def _histogram(page: Page, found: Preview, options: SegmentOptions) -> str:
    low, high = int(options.min_clip_s), int(options.max_clip_s + 0.999)
    edges = list(range(low, high + 1, max(1, (high - low) // 16)))
    edges += [high] if edges[-1] < high else []
    return plots.histogram(
        found.lengths, edges, page.t("segments.seconds"), page.t("segments.count"), write=page.t.plain
    )


def _below(page: Page, project: Project, view: dict[str, str]) -> str:
    """The job and the clips there are."""
    t = page.t
    sources = project.store.sources()
    if not sources:
        return ""
    job = project.latest("segment")
    result = job.read().result if job else {}
    done = t(
        "segments.done",
        clips=t.number(result.get("clips", 0)),
        kept=t.minutes(result.get("kept_s", 0.0)),
        lost=t.minutes(result.get("lost_s", 0.0)),
    )
    return job_panel(t, job, done_text=done) + _list(page, project, sources, view)


def _list(page: Page, project: Project, sources: list[Source], view: dict[str, str]) -> str:
    t = page.t
    source = _chosen(sources, view)
    chosen = ClipFilter(source_id=source.id)
    total = project.store.count(chosen)
    if not total:
        return ""
    number = max(1, min(int(view["page"]) if view.get("page", "").isdigit() else 1, -(-total // _PER_PAGE)))
    clips = project.store.clips(chosen, (number - 1) * _PER_PAGE, _PER_PAGE)
    rows = "".join(_row(page, project, clip) for clip in clips)
    title = t("segments.list_of", title=source.title) if len(sources) > 1 else t("segments.list")
    return (
        f'<h3>{html.e(title)} <span class="vw-chip">{t.number(total)}</span></h3>'
        f'<table class="vw-stack"><tbody>{rows}</tbody></table>{pages(t, number, total, _PER_PAGE)}'
    )


def _row(page: Page, project: Project, clip: Clip) -> str:
    t = page.t
    player = html.player(audio_url(project.slug, "clip", clip.id), clip.id)
    text = html.e(clip.text) if clip.text else f'<span class="vw-dim">{html.e(t("segments.no_text"))}</span>'
    when = f"{t.clock(clip.start_s)} · {t.number(clip.seconds, 1)} s"
    return f'<tr data-key="{html.e(clip.id)}"><td class="vw-when">{when}</td><td>{player}</td><td>{text}</td></tr>'
