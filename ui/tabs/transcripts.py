"""Transcripts: which model listens and which one checks it, the job, and afterwards how sure they were."""

from __future__ import annotations

from typing import Any

import gradio as gr

from core.clips import review
from core.engines.registry import languages
from core.jobs.args.clips import TranscribeArgs
from core.jobs.job import Job, JobView
from core.pipeline import steps
from core.project.records import ClipFilter, Totals
from core.project.workspace import Project
from core.transcription import builtin, registry
from core.transcription.flags import TEXT_FLAGS
from core.transcription.start import start_transcribe, without_second_opinion
from ui import html, plots
from ui.http.audio_routes import audio_url
from ui.i18n import Translator
from ui.job_panel import act_on_job, in_line, is_live, job_panel
from ui.page import Page, Tab, Updates, view_of
from ui.parts import Panel
from ui.parts.lead import lead_on
from ui.parts.queue_strip import say_place
from ui.parts.select import select

_LEAST_SURE = 5


def build(page: Page) -> Tab:
    """Lay the tab out."""
    panel = Panel()
    with gr.Accordion(page.t("common.more_settings"), open=False, visible=False) as accordion:
        settings = _settings(page)
    below = Panel()

    def refresh(project: Project | None, query: str) -> Updates:
        usable = bool(project and project.figures.totals().clips)
        return {
            panel: _top(page, project, view_of(query)),
            accordion: gr.update(visible=usable),
            below: _below(page, project),
        }

    def tick(project: Project | None, query: str) -> Updates:
        if project is None or not is_live(project.latest("transcribe")):
            return {}
        return {panel: _top(page, project, view_of(query)), below: _below(page, project)}

    def act(project: Project | None, evt: gr.EventData, engine: str, model: str, *options: Any) -> None:
        if project is None:
            return
        if evt.do not in ("transcribe", "transcribe_builtin"):
            act_on_job(project, evt.do, evt.id)
            return
        prompt, redo, words, measure = options
        quality, language, *check = evt.id.split()
        model_id = (model or "").strip() or registry.choose(quality, language)
        if evt.do == "transcribe_builtin":
            model_id, engine = registry.choose("fast", language), ""
        args = TranscribeArgs(
            model=model_id,
            language=language,
            engine=engine,
            again=bool(redo),
            device=page.settings.device,
            prompt=prompt,
            second=registry.second_choice(page.workspace, model_id, language).id if check else "",
            words=bool(words),
            measure=bool(measure),
        )
        say_place(page, start_transcribe(project, args))

    page.on(panel.act, act, settings, [])
    page.on(below.act, act, settings, [])

    def turn(project: Project | None) -> str:
        return "in line" if project and project.workspace.on_card() else ""

    return Tab("transcripts", [panel, accordion, below], refresh, tick, [page.view], turn)


def _settings(page: Page) -> list[Any]:
    """Engine, model, prompt, what else is done: for who wants another than the three choices."""
    t = page.t
    engines = [(t("transcripts_models.engine_auto"), "")]
    engines += [(entry.label, entry.name) for entry in registry.engines() if entry.available]
    models = [(t("transcripts.by_quality"), "")]
    models += [(t.get(option.label_key, option.id), option.id) for option in registry.models(page.workspace)]
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
    prompt = gr.Textbox(label=t("transcripts.prompt"), info=t("transcripts.prompt_help"), max_lines=2)
    redo = gr.Checkbox(
        label=t("transcripts_models.again"), info=t("transcripts_models.again_about"), elem_id="asr-again"
    )
    with gr.Row():
        words = gr.Checkbox(
            True, label=t("transcripts.words"), info=t("transcripts.words_help"), elem_id="asr-words", min_width=280
        )
        measure = gr.Checkbox(True, label=t("transcripts.measure"), info=t("transcripts.measure_help"), min_width=280)
    return [engine, model, prompt, redo, words, measure]


def _top(page: Page, project: Project | None, view: dict[str, str]) -> str:
    t = page.t
    heading = html.heading(t("transcripts.title"), t("transcripts.purpose"))
    if project is None:
        return heading + html.empty(t("common.no_project"), html.go(t("common.to_home"), "home"))
    totals = project.figures.totals()
    if not totals.clips:
        return heading + html.empty(t("transcripts.no_clips"), html.go(t("transcripts.to_clips"), "segments"))
    language = _language(project, view)
    qualities = registry.qualities(page.workspace, language)
    quality_key = view.get("quality", "")
    if quality_key not in registry.QUALITIES:
        quality_key = "fast" if qualities[0].model.is_downloaded else "balanced"
    choices = "".join(_choice(page, quality, quality_key) for quality in qualities)
    label = html.e(t("transcripts.choose"))
    check = view.get("check", "") == "yes"
    argument = " ".join([quality_key, language, *(["check"] if check else [])])
    return (
        f"{heading}{_languages(t, project, language)}"
        f'<div class="vw-cards" role="group" aria-label="{label}">{choices}</div>'
        f"{_second(page, quality_key, language, check)}"
        f'<div class="vw-spread">{_numbers(page, totals)}{_buttons(page, project, totals, argument, check)}</div>'
    )


def _language(project: Project, view: dict[str, str]) -> str:
    """The language that is spoken in the clips: the project's, unless another was chosen."""
    language = view.get("spoken", "")
    return language if language in ("auto", *languages()) else project.info.language


def _languages(t: Translator, project: Project, language: str) -> str:
    project_language = project.info.language
    name = t.get(f"languages.{project_language}", project_language)
    choices = [(project_language, t("transcripts.project_language", language=name))]
    choices += [("auto", t("transcripts.detect"))]
    choices += [(code, t.get(f"languages.{code}", code)) for code in languages() if code != project_language]
    return select(t("transcripts.language"), "spoken", choices, language)


def _second(page: Page, quality: str, language: str, check: bool) -> str:
    """Whether a second model hears the clips as well, and what that costs."""
    t = page.t
    model = registry.second_choice(page.workspace, registry.choose(quality, language), language)
    name = t.get(model.label_key, model.id)
    choices = [
        ("", t("transcripts.second_no")),
        ("yes", t("transcripts.second_yes", model=name, note=_note(page, model))),
    ]
    return select(t("transcripts.second"), "check", choices, "yes" if check else "", help=t("transcripts.second_help"))


def _choice(page: Page, quality: registry.Quality, current: str) -> str:
    t = page.t
    is_on = quality.key == current
    return (
        f'<button type="button" class="vw-choice{" chosen" if is_on else ""}" aria-pressed="{str(is_on).lower()}"'
        f' data-view="quality={quality.key}"><b>{html.e(t("transcripts_models." + quality.key))}</b>'
        f"<span>{html.e(t(f'transcripts_models.{quality.key}_about'))}</span>"
        f'<span class="vw-dim">{html.e(_note(page, quality.model))}</span></button>'
    )


def _note(page: Page, model: registry.AsrModel) -> str:
    """Whether a model can be used at once."""
    t = page.t
    if model.id == builtin.TINY_EN:
        return t("transcripts_models.builtin_english_note")
    if model.id == builtin.BASE:
        return t("transcripts_models.builtin_all_note")
    if model.is_downloaded:
        return t("transcripts_models.downloaded_note")
    return t("transcripts_models.download_note", size=t.megabytes(model.size_mb * 1e6))


def _numbers(page: Page, totals: Totals) -> str:
    t = page.t
    how_far = t("job.of", count=t.number(totals.transcribed), total=t.number(totals.clips))
    return html.numbers(html.number(how_far, t("transcripts.written")))


def _buttons(page: Page, project: Project, totals: Totals, argument: str, check: bool) -> str:
    t = page.t
    job = project.latest("transcribe")
    busy = ""
    if job and job.alive():
        busy = t("job.waiting_line" if job.read().status == "waiting" else "transcripts.busy")
    todo = project.store.count(ClipFilter("unheard"))
    label = t("transcripts.start_rest", count=t.number(todo)) if todo and totals.transcribed else t("transcripts.start")
    if check and not todo and not busy and (rest := len(without_second_opinion(project))):
        todo, label = rest, t("transcripts.start_check", count=t.number(rest))
    has_texts = totals.transcribed >= totals.clips and not check  # brought along, none of them heard
    if todo and has_texts:
        label = t("transcripts.start_verify", count=t.number(todo))
    style = "primary" if todo and not has_texts else ""
    start = html.action(label, "transcribe", argument, style=style, off_reason=busy, elem_id="start-transcribe")
    lead = lead_on(t, steps(project), "transcripts", style="" if style else "primary") if totals.transcribed else ""
    return f'<div><div class="vw-row">{start}{lead}</div>{html.reason(busy or in_line(t, project))}</div>'


def _below(page: Page, project: Project | None) -> str:
    if project is None:
        return ""
    t = page.t
    job = project.latest("transcribe")
    parts = []
    if job:
        done_text = _closing_sentence(t, job.read())
        parts.append(job_panel(t, job, done_text=done_text, way_out=_way_out(t, project, job)))
    confidences = project.figures.confidences()
    if confidences:
        parts.append(_doubts(page, project))
        parts.append(_how_sure(page, project, confidences))
    return "".join(parts)


def _way_out(t: Translator, project: Project, job: Job) -> str:
    """After a model that could not be had or used: the button that goes on with the built-in one."""
    view, args = job.read(), job.spec().args
    is_stuck = view.status == "failed" and view.code.startswith(("asr.", "download."))
    if not (is_stuck and isinstance(args, TranscribeArgs) and project.store.count(ClipFilter("unheard"))):
        return ""
    model = registry.choose("fast", args.language)
    if model == args.model:
        return ""
    return html.action(t("transcripts.use_builtin"), "transcribe_builtin", f"fast {args.language}", style="primary")


def _doubts(page: Page, project: Project) -> str:
    """How many transcripts look wrong, by kind; each leads to those clips."""
    t = page.t
    counts = review.flag_counts(project, "flagged")
    links = [
        html.go(
            f"{t.get('flags.' + code, code)} {t.number(counts[code])}", "review", style="",
            view=f"filter=flagged&flag={code}&clip=",
        )
        for code in TEXT_FLAGS
        if counts.get(code)
    ]  # fmt: skip
    verdict = t("transcripts.doubts") if links else t("transcripts.no_doubts")
    row = f'<div class="vw-row">{"".join(links)}</div>' if links else ""
    return f"<h3>{html.e(t('transcripts.looks_wrong'))}</h3><p>{html.e(verdict)}</p>{row}"


def _closing_sentence(t: Translator, view: JobView) -> str:
    """The closing sentence; what could not be heard and what was left as it is only where there is any."""
    count, low, failures, kept_count = (int(view.count(name)) for name in ("heard", "low", "failed", "kept"))
    sentences = [t("transcripts_models.done", count=t.number(count), low=t.number(low))]
    if view.count("second"):
        second, differ = (t.number(view.count(name)) for name in ("second", "differ"))
        sentences.append(t("transcripts_models.done_second", second=second, differ=differ))
    if failures:
        sentences.append(t("transcripts_models.done_failed", count=t.number(failures)))
    if kept_count:
        sentences.append(t("transcripts_models.done_kept", count=t.number(kept_count)))
    return " ".join(sentences)


def _how_sure(page: Page, project: Project, confidences: list[float]) -> str:
    t = page.t
    mean = sum(confidences) / len(confidences)
    low = project.store.count(ClipFilter("low"))
    numbers = html.numbers(
        html.number(f"{mean:.0%}", t("transcripts.sure")),
        html.number(t.number(low), t("transcripts.doubtful"), "warn" if low else "good"),
    )
    lead = html.go(t("transcripts.to_doubtful"), "review", style="", view="filter=low&clip=") if low else ""
    percent = [100 * confidence for confidence in confidences]
    picture = plots.histogram(
        percent, list(range(0, 101, 10)), t("transcripts.sure_axis"), t("transcripts.clips_axis"), write=t.plain
    )
    least = project.store.clips(ClipFilter(sort="confidence"), 0, _LEAST_SURE)
    rows = "".join(
        f'<tr data-key="{html.e(clip.id)}"><td class="vw-when">{clip.confidence:.0%}</td>'
        f"<td>{html.player(audio_url(project.slug, 'clip', clip.id), clip.text[:60])}</td>"
        f"<td>{html.e(clip.text)}</td></tr>"
        for clip in least
        if clip.confidence is not None
    )
    return (
        f'<h3>{html.e(t("transcripts.how_sure"))}</h3><div class="vw-spread">{numbers}{lead}</div>'
        f'<div class="vw-two"><div>{picture}</div><div><p class="vw-dim">{html.e(t("transcripts.least"))}</p>'
        f'<table class="vw-stack"><tbody>{rows}</tbody></table></div></div>'
    )
