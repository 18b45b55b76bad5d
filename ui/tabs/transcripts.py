"""Transcripts: which model listens, the job, and afterwards how sure it was."""

from __future__ import annotations

from typing import Any

import gradio as gr

from core.engines.registry import info
from core.records import ClipFilter, Totals
from core.transcription import registry
from core.transcription.start import start_transcribe
from core.workspace import Project
from ui import html, plots
from ui.audio_routes import audio_url
from ui.i18n import Translator
from ui.job_panel import act_on_job, is_live, job_panel
from ui.page import Page, Tab, Updates, view_of
from ui.parts import Panel

_LEAST_SURE = 5


def build(page: Page) -> Tab:
    """Lay the tab out."""
    panel = Panel()
    with gr.Accordion(page.t("common.more_settings"), open=False, visible=False) as more:
        settings = _settings(page)
    below = Panel()

    def refresh(project: Project | None, query: str) -> Updates:
        usable = bool(project and project.store.totals().clips)
        return {
            panel: _top(page, project, view_of(query)),
            more: gr.update(visible=usable),
            below: _below(page, project),
        }

    def tick(project: Project | None, query: str) -> Updates:
        return refresh(project, query) if project and is_live(project.latest("transcribe")) else {}

    def act(project: Project | None, evt: gr.EventData, engine: str, model: str, *others: Any) -> None:
        if project is None:
            return
        if evt.do != "transcribe":
            act_on_job(project, evt.do, evt.id)
            return
        language, prompt, again = others
        chosen = (model or "").strip() or registry.choose(evt.id, language or project.info.language)
        device = page.settings.device
        start_transcribe(project, chosen, language, engine, bool(again), device=device, prompt=prompt)

    page.on(panel.act, act, settings, [])
    page.on(below.act, act, settings, [])
    return Tab("transcripts", [panel, more, below], refresh, tick, [page.view])


def _settings(page: Page) -> list[Any]:
    """Engine, model, language, prompt, again: for who wants another than the three choices."""
    t = page.t
    engines = [(t("transcripts_models.engine_auto"), "")]
    engines += [(each.label, each.name) for each in registry.engines() if each.available]
    models = [(t("transcripts.by_quality"), "")]
    models += [(t.get(one.label_key, one.id), one.id) for one in registry.models(page.workspace)]
    spoken = [(t("transcripts.project_language"), ""), (t("transcripts.detect"), "auto")]
    spoken += [(t(f"languages.{code}"), code) for code in info().languages]
    with gr.Row():
        model = gr.Dropdown(
            models,
            value="",
            label=t("transcripts.model"),
            info=t("transcripts.model_help"),
            allow_custom_value=True,
            elem_id="asr-model",
        )
        engine = gr.Dropdown(engines, value="", label=t("transcripts.engine"), info=t("transcripts.engine_help"))
        language = gr.Dropdown(spoken, value="", label=t("transcripts.language"), info=t("transcripts.language_help"))
    prompt = gr.Textbox(label=t("transcripts.prompt"), info=t("transcripts.prompt_help"), max_lines=2)
    again = gr.Checkbox(
        label=t("transcripts_models.again"), info=t("transcripts_models.again_about"), elem_id="asr-again"
    )
    return [engine, model, language, prompt, again]


def _top(page: Page, project: Project | None, view: dict[str, str]) -> str:
    t = page.t
    heading = html.heading(t("transcripts.title"), t("transcripts.purpose"))
    if project is None:
        return heading + html.empty(t("common.no_project"), html.go(t("common.to_home"), "home"))
    totals = project.store.totals()
    if not totals.clips:
        return heading + html.empty(t("transcripts.no_clips"), html.go(t("transcripts.to_clips"), "segments"))
    qualities = registry.qualities(page.workspace, project.info.language)
    chosen = view.get("quality", "")
    if chosen not in registry.QUALITIES:
        chosen = "fast" if qualities[0].model.downloaded else "balanced"
    choices = "".join(_choice(page, quality, chosen) for quality in qualities)
    label = html.e(t("transcripts.choose"))
    return (
        f'{heading}<div class="vw-cards" role="group" aria-label="{label}">{choices}</div>'
        f'<div class="vw-spread">{_numbers(page, totals)}{_buttons(page, project, totals, chosen)}</div>'
    )


def _choice(page: Page, quality: registry.Quality, chosen: str) -> str:
    t = page.t
    model = quality.model
    if model.id == registry.BUILTIN:
        note = t("transcripts_models.builtin_note")
    elif model.downloaded:
        note = t("transcripts_models.downloaded_note")
    else:
        note = t("transcripts_models.download_note", size=_size(page, model.size_mb))
    pressed = quality.key == chosen
    return (
        f'<button type="button" class="vw-choice{" chosen" if pressed else ""}" aria-pressed="{str(pressed).lower()}"'
        f' data-view="quality={quality.key}"><b>{html.e(t("transcripts_models." + quality.key))}</b>'
        f"<span>{html.e(t(f'transcripts_models.{quality.key}_about'))}</span>"
        f'<span class="vw-dim">{html.e(note)}</span></button>'
    )


def _size(page: Page, megabytes: int) -> str:
    return f"{page.t.number(megabytes / 1000, 1)} GB" if megabytes >= 1000 else f"{megabytes} MB"


def _numbers(page: Page, totals: Totals) -> str:
    t = page.t
    how_far = t("job.of", done=t.number(totals.transcribed), total=t.number(totals.clips))
    return html.numbers(html.number(how_far, t("transcripts.written")))


def _buttons(page: Page, project: Project, totals: Totals, quality: str) -> str:
    t = page.t
    job = project.latest("transcribe")
    busy = t("transcripts.busy") if job and job.alive() else ""
    left = project.store.count(ClipFilter("unheard"))
    label = t("transcripts.start_rest", count=t.number(left)) if left and totals.transcribed else t("transcripts.start")
    style = "primary" if left else ""
    start = html.action(label, "transcribe", quality, style=style, disabled=busy, elem_id="start-transcribe")
    lead = html.go(t("transcripts.to_review"), "review", style="" if left else "primary") if totals.transcribed else ""
    return f'<div><div class="vw-row">{start}{lead}</div>{html.why(busy)}</div>'


def _below(page: Page, project: Project | None) -> str:
    if project is None:
        return ""
    t = page.t
    job = project.latest("transcribe")
    parts = []
    if job:
        parts.append(job_panel(t, job, done_text=_done(t, job.read().result)))
    confidences = project.store.confidences()
    if confidences:
        parts.append(_how_sure(page, project, confidences))
    return "".join(parts)


def _done(t: Translator, result: dict[str, Any]) -> str:
    """The closing sentence; what could not be heard and what was left as it is only where there is any."""
    heard, low, failed, kept = (int(result.get(name, 0)) for name in ("heard", "low", "failed", "kept"))
    said = [t("transcripts_models.done", heard=t.number(heard), low=t.number(low))]
    if failed:
        said.append(t("transcripts_models.done_failed", failed=t.number(failed)))
    if kept:
        said.append(t("transcripts_models.done_kept", kept=t.number(kept)))
    return " ".join(said)


def _how_sure(page: Page, project: Project, confidences: list[float]) -> str:
    t = page.t
    mean = sum(confidences) / len(confidences)
    low = project.store.count(ClipFilter("low"))
    numbers = html.numbers(
        html.number(f"{mean:.0%}", t("transcripts.sure")),
        html.number(t.number(low), t("transcripts.doubtful"), "warn" if low else "good"),
    )
    lead = html.go(t("transcripts.to_doubtful"), "review", style="", view="filter=low&clip=") if low else ""
    percent = [100 * one for one in confidences]
    picture = plots.histogram(
        percent, list(range(0, 101, 10)), t("transcripts.sure_axis"), t("transcripts.clips_axis"), write=t.plain
    )
    least = project.store.clips(ClipFilter(sort="confidence"), 0, _LEAST_SURE)
    rows = "".join(
        f'<tr data-key="{html.e(clip.id)}"><td class="vw-when">{clip.confidence:.0%}</td>'
        f"<td>{html.player(audio_url(project.slug, 'clip', clip.id), clip.id)}</td><td>{html.e(clip.text)}</td></tr>"
        for clip in least
        if clip.confidence is not None
    )
    return (
        f'<h3>{html.e(t("transcripts.how_sure"))}</h3><div class="vw-spread">{numbers}{lead}</div>'
        f'<div class="vw-two"><div>{picture}</div><div><p class="vw-dim">{html.e(t("transcripts.least"))}</p>'
        f'<table class="vw-stack"><tbody>{rows}</tbody></table></div></div>'
    )
