"""The speak tab: type a text, hear a voice say it, keep the takes, export the voice."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr

from core.checkpoint_ref import CheckpointRef
from core.engines.registry import info, language_code, preload
from core.errors import UserError
from core.evaluation.scorecard import recommended, usual_voice
from core.jobs.args.speech import ExportArgs, SelfTestArgs, SynthesizeArgs, VoiceArgs
from core.jobs.job import Job
from core.project.workspace import Project
from core.report.adapter import check_base
from core.sources.voice_import import bring_in_files
from core.synthesis.exports import discard_export, exports, rename_export
from core.synthesis.self_test import start_self_test
from core.synthesis.start import best_references, remove_take, start_export, start_speak, takes
from core.synthesis.voices import VoiceChoice, reference_clips, voice, voices
from ui import html
from ui.i18n import Translator
from ui.job_panel import act_on_job, in_line, job_panel
from ui.page import Page, Tab, Updates, view_of
from ui.parts import Panel
from ui.parts.model_reads import model_reads
from ui.parts.queue_strip import say_place
from ui.parts.select import select
from ui.parts.speaking_form import SpeakingForm
from ui.parts.voice_face import choice_face
from ui.tabs.speak.imported import act_on_imported, arrival, arrive_at, import_below, import_head
from ui.tabs.speak.self_test import self_test_panel
from ui.tabs.speak.studio.actions import new_text
from ui.tabs.speak.studio.layout import Studio
from ui.tabs.speak.studio.place import Place, mode_switch
from ui.tabs.speak.takes import download_link, export_cards, live_player, take_cards
from ui.tabs.train.base_model import license_note
from ui.tabs.train.view import step_name

REFERENCES_OFFERED = 40
V = TypeVar("V", bound=VoiceArgs)


def build(page: Page) -> Tab:
    """Lay the tab out."""
    t = page.t
    top = Panel()
    studio = Studio(page, functools.partial(_setup, t), _voice_and_language, functools.partial(_name, t))
    with gr.Row(visible=False, elem_classes=["vw-columns"]) as body:
        with gr.Column(scale=3, min_width=320):
            text = gr.Textbox(
                label=t("speak.text"),
                placeholder=t("speak.text_example"),
                lines=3,
                max_lines=8,
                elem_id="speak-text",
                elem_classes=["vw-draft"],
            )
            reads = Panel()
            setup = Panel()
            with gr.Accordion(t("common.more_settings"), open=False):
                references = gr.Dropdown(
                    [], multiselect=True, allow_custom_value=True, label=t("speak.references"),
                    info=t("speak.references_help"),
                )  # fmt: skip
                seed = gr.Number(value=0, precision=0, label=t("speak.seed"), info=t("speak.seed_help"))
                manner = SpeakingForm(page)
            actions = Panel()
            audios = Panel()
        with gr.Column(scale=2, min_width=320):
            about_export = Panel()
            name = gr.Textbox(
                label=t("speak.name"),
                placeholder=t("speak.name_example"),
                max_length=80,
                elem_id="export-name",
                elem_classes=["vw-draft"],
            )
            exporting = Panel()
            packages = Panel()
            self_test = Panel()
    about_import = Panel()
    with gr.Row(elem_classes=["vw-drop"]) as drop:
        files = gr.File(label=t("speak.import_files"), file_count="multiple", height=150, elem_id="voice-files")
    imported = Panel()

    def refresh(
        project: Project | None, query: str, chosen_clips: list[str] | None, words: str, *settings: Any
    ) -> Updates:
        heading = html.heading(t("tabs.speak"), t("speak.purpose"))
        lead = _lead(t, project)
        place = Place.of(query)
        if project is None or lead or place.is_studio:
            switch = mode_switch(t, True) if project and not lead else ""
            return {
                top: heading + lead + switch,
                body: gr.update(visible=False),
                **studio.shown(None if lead else project, query),
                **_imported(project, place),
            }
        preload(project.info.engine)
        clips = reference_clips(project, best_references(project, REFERENCES_OFFERED))
        choices = [(f"{t.number(clip.seconds, 1)} s · {clip.text}", clip.id) for clip in clips]
        selection = [clip_id for clip_id in chosen_clips or [] if any(clip_id == choice for _, choice in choices)]
        return {
            top: heading + mode_switch(t, False),
            **studio.shown(project, query),
            body: gr.update(visible=True),
            **read(project, words, query),
            setup: _setup(t, project, query),
            references: gr.update(choices=choices, value=selection),
            **manner.shown(project, settings),
            about_export: _about_export(t, info(project.info.engine).export_package),
            packages: export_cards(t, project, exports(project)),
            audios: take_cards(t, project, takes(project)),
            **_jobs(project, query),
            **_imported(project, place),
        }

    def read(project: Project | None, words: str, query: str) -> Updates:
        return {reads: model_reads(t, project, words, _language(project, query)) if project else ""}

    def _jobs(project: Project, query: str) -> Updates:
        return {
            actions: _speaking(t, project),
            exporting: _exporting(t, project, _current_voice(project, query)),
            self_test: self_test_panel(t, project),
        }

    def _imported(project: Project | None, place: Place) -> Updates:
        """Voices are brought in below single texts, not below the studio's."""
        is_shown = project is None or not place.is_studio
        return {
            about_import: import_head(t) if is_shown else "",
            drop: gr.update(visible=is_shown),
            imported: import_below(t, page.workspace, project) if is_shown else "",
        }

    def tick(project: Project | None, query: str) -> Updates:
        place = Place.of(query)
        imports = {panel: value for panel, value in _imported(project, place).items() if panel is not drop}
        if project is None or _lead(t, project):
            return imports
        if place.is_studio:
            return studio.ticked(project, query)
        lists = {audios: take_cards(t, project, takes(project)), packages: export_cards(t, project, exports(project))}
        return _jobs(project, query) | lists | imports

    def act(
        project: Project | None,
        evt: Any,
        query: str,
        words: str,
        clips: list[str] | None,
        chance: float,
        title: str,
        *settings: Any,
    ) -> Updates | None:
        move = act_on_imported(page, project, evt)
        if move is not None:
            return {imported: import_below(t, page.workspace, project) + move} if move else None
        if project is None or act_on_job(project, evt.do, evt.id):
            return None
        choice = _current_voice(project, query)
        options: dict[str, Any] = {"reference_clip_ids": tuple(clips or ()), "device": page.settings.device}

        def wish(model: type[V], **fields: Any) -> V:
            return choice.wish(model, **options, **fields) if choice else model(**options, **fields)

        if evt.do == "speak":
            values = {"text": words, "language": _language(project, query), "seed": int(chance) if chance else None}
            args = wish(SynthesizeArgs, **values, settings=manner.settings(project, settings))
            say_place(page, start_speak(project, args))
        elif evt.do == "to-studio":
            return {studio.head: new_text(project, words, "", *_voice_and_language(project, query))}
        elif evt.do == "export":
            say_place(page, start_export(project, wish(ExportArgs, name=title)))
            return {name: ""}
        elif evt.do == "self-test":
            say_place(page, start_self_test(project, wish(SelfTestArgs)))
        elif evt.do == "delete-take":
            remove_take(project, evt.id)
        elif evt.do == "delete-export":
            discard_export(project, evt.id)
        elif evt.do == "rename-export":
            rename_export(project, evt.id, evt.value)
        return None

    def upload(project: Project | None, paths: list[str] | None) -> Updates:
        move = ""
        try:
            if paths:
                job = bring_in_files(arrival(page, project), [Path(path) for path in paths])
                say_place(page, job)
                move = arrive_at(project, job.path.parts[-3])
        except UserError as error:
            # Said here, so that the files do not stay in the field as if they had been taken.
            gr.Warning(html.e(page.say(error)), title=t("common.not_done"), duration=12)
        return {files: None, imported: import_below(t, page.workspace, project) + move}

    page.on(files.upload, upload, [files], [files, imported])
    for panel in (actions, exporting, audios, packages, self_test, imported):
        page.on(
            panel.act, act, [page.view, text, references, seed, name, *manner.inputs], [name, imported, studio.head]
        )
    page.on(text.blur, read, [text, page.view], [reads], refresh=False)
    page.on(text.submit, read, [text, page.view], [reads], refresh=False)
    outputs = [top, body, reads, setup, references, actions, audios, about_export, exporting, packages, self_test]
    outputs += [about_import, drop, imported, *manner.outputs, *studio.outputs]
    inputs = [page.view, references, text, *manner.inputs]
    return Tab("speak", outputs, refresh, tick, inputs, lambda project: str(bool(_lead(t, project))))


def _lead(t: Translator, project: Project | None) -> str:
    if project is None:
        return html.empty(t("speak.no_project"), html.go(t("common.to_home"), "home"))
    if not voices(project):
        return html.empty(t("speak.no_voice"), html.go(t("common.go_to", tab=t("tabs.train")), "train"))
    return ""


def _current_voice(project: Project, query: str) -> VoiceChoice | None:
    wish = view_of(query).get("voice", "")
    return voice(project, wish) if wish else usual_voice(project)


def _language(project: Project, query: str) -> str:
    language, languages = view_of(query).get("language", ""), info(project.info.engine).languages
    current = _current_voice(project, query)
    if not language and current and current.saved:
        language = current.saved.language
    try:
        return language if language in languages else language_code(project.info.language, project.info.engine)
    except UserError:  # one that this engine does not speak
        return languages[0]


def _voice_and_language(project: Project, query: str) -> tuple[str, str]:
    choice = _current_voice(project, query)
    return choice.id if choice else "", _language(project, query)


def _setup(t: Translator, project: Project, query: str) -> str:
    current = _current_voice(project, query)
    best = recommended(project)
    names = [(choice.id, _name(t, choice, best)) for choice in voices(project)]
    languages = [(code, t.get(f"languages.{code}", code)) for code in info(project.info.engine).languages]
    face = choice_face(project, current)
    return (
        f'<div class="vw-halves vw-tight"><div class="vw-row vw-voice-name">{face}'
        + select(t("speak.voice"), "voice", names, current.id if current else "")
        + "</div>"
        + select(t("speak.language"), "language", languages, _language(project, query))
        + f"</div>{_base_gone(t, project, current)}"
    )


def _base_gone(t: Translator, project: Project, choice: VoiceChoice | None) -> str:
    """Why a voice cannot speak now, where the base it was trained on is away."""
    if choice is None or choice.checkpoint is None:
        return ""
    try:
        check_base(project, choice.checkpoint)
    except UserError as error:
        return html.notice(t.error(error.code, error.text, error.hint, error.values), "warn")
    return ""


def _name(t: Translator, choice: VoiceChoice, best: CheckpointRef | None = None) -> str:
    """A voice as a person calls it; the one that is ``best`` is marked as recommended."""
    if choice.imported:
        return f"{choice.title} · {t('speak.imported')}"
    if choice.saved:
        return choice.title
    name = f"{choice.title} · {step_name(t, choice.checkpoint.step if choice.checkpoint else 0)}"
    return f"{name} ({t('scores.recommended')})" if best and choice.checkpoint == best else name


def _about_export(t: Translator, package: str) -> str:
    help_ = html.e(t("speak.export_help", package=package))
    return f'<h3>{html.e(t("speak.export_title"))}</h3><p class="vw-dim">{help_}</p>'


def _speaking(t: Translator, project: Project) -> str:
    job = project.latest("synthesize")
    button = html.action(t("speak.speak"), "speak", style="primary wide", elem_id="speak")
    button += html.action(t("studio.from_one"), "to-studio", style="quiet", title=t("studio.from_one_help"))
    panel = _panel(t, project, job, _result(t, project, job))
    player = live_player(t, project, job) if job else ""
    return f'<div class="vw-row">{button}</div>{html.reason(in_line(t, project))}{panel}{player}'


def _panel(t: Translator, project: Project, job: Job | None, done_text: str, next_step: str = "") -> str:
    """The job; once it is done only as long as it is the newest one here, and what it made is still there."""
    if job is None:
        return ""
    if job.read().status == "done":
        newest = project.latest("synthesize", "export")
        if not done_text or newest is None or newest.id != job.id:
            return ""
    return job_panel(t, job, done_text=done_text, next_step=next_step)


def _result(t: Translator, project: Project, job: Job | None) -> str:
    view = job.read() if job else None
    if view is None or not any(take.id == view.result.get("take") for take in takes(project)):
        return ""
    # With the loading of the voice, which a person has waited for as well.
    seconds = view.finished_at - view.started_at if view.finished_at and view.started_at else view.count("took_s")
    return t("speak.done_take", took=t.length(max(1.0, seconds)))


def _exporting(t: Translator, project: Project, choice: VoiceChoice | None) -> str:
    job = project.latest("export")
    about = t("speak.export_which", voice=_name(t, choice)) if choice else ""
    reason = t("speak.exporting") if job and job.alive() else ""
    if choice and choice.imported:
        reason = t("speak.export_imported")
    button = html.action(t("speak.export"), "export", off_reason=reason, elem_id="export-voice")
    result = job.read().result if job else {}
    newest = next((export for export in exports(project) if export.id == result.get("export")), None)
    message = t("speak.done_export", name=newest.name, size=t.megabytes(newest.size)) if newest else ""
    panel = _panel(t, project, job, message, download_link(t, project, newest) if newest else "")
    note = f'<p class="vw-dim">{html.e(license_note(t, info(project.info.engine)))}</p>'
    reason_line = html.reason(reason or in_line(t, project))
    return f'<p>{html.e(about)}</p><div class="vw-row">{button}</div>{reason_line}{panel}{note}'
