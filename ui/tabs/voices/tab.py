"""The Voices tab: keep a voice under a name, hear and change what it is made of, take it along."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr

from core.errors import UserError
from core.jobs.args.speech import ExportArgs, SynthesizeArgs
from core.project.workspace import Project
from core.synthesis.exports import discard_export, rename_export
from core.synthesis.saved_voices import SavedVoice, change_voice, discard_voice, save_voice, saved_voice, saved_voices
from core.synthesis.start import best_references, run_references, sample_text, start_export, start_speak, takes
from core.synthesis.voice_picture import KINDS, start_picture
from core.synthesis.voices import speakers, voice
from core.training.run import Run
from ui import html
from ui.job_panel import act_on_job
from ui.page import Page, Tab, Updates, view_of
from ui.parts import Panel
from ui.parts.queue_strip import say_place
from ui.tabs.voices.card import new_voice, voice_cards
from ui.tabs.voices.editor import editor, fields_of, voice_exports, voice_jobs


def build(page: Page) -> Tab:
    """Lay the tab out."""
    t = page.t
    panel, jobs, opened = Panel(), Panel(), Panel()
    with gr.Row(visible=False, elem_classes=["vw-drop"]) as drop:
        picture = gr.File(
            label=t("voices.picture_files"), file_count="single", height=110, elem_id="voice-picture",
            file_types=list(KINDS),
        )  # fmt: skip
    exported = Panel()
    outputs: list[Any] = [panel, jobs, opened, exported, drop]

    def refresh(project: Project | None, query: str, whole: bool = True) -> Updates:
        heading = html.heading(t("tabs.voices"), t("voices.purpose"))
        nothing: Updates = {**dict.fromkeys((jobs, opened, exported), ""), drop: gr.update(visible=False)}
        if project is None:
            return {
                panel: heading + html.empty(t("voices.no_project"), html.go(t("common.to_home"), "home")),
                **nothing,
            }
        choices = speakers(project)
        if not choices:
            lead = html.empty(t("voices.no_voice"), html.go(t("common.go_to", tab=t("tabs.train")), "train"))
            return {panel: heading + lead, **nothing}
        kept = saved_voices(project)
        current = _open(project, query)
        form = new_voice(t, project, choices, is_first=not kept)
        cards = voice_cards(t, project, kept, choices, takes(project), current.id if current else "")
        empty = "" if kept else html.notice(t("voices.none_yet"))
        listed = f'<div class="vw-voices">{form if not kept else ""}{cards}{form if kept else ""}</div>'
        shown: Updates = {
            panel: heading + empty + listed,
            jobs: voice_jobs(t, project) if current else "",
            exported: voice_exports(t, project, current) if current else "",
        }
        if whole:
            shown[opened] = editor(t, project, current, choices) if current else ""
            shown[drop] = gr.update(visible=current is not None)
        return shown

    def tick(project: Project | None, query: str) -> Updates:
        # What somebody types in stays as it is.
        return {part: value for part, value in refresh(project, query, whole=False).items() if part is not drop}

    def act(project: Project | None, evt: Any, query: str) -> Updates | None:
        if project is None or act_on_job(project, evt.do, evt.id):
            return None
        if evt.do == "save-voice":
            form = json.loads(evt.value)
            made = save_voice(project, form["name"], form["speaker"])
            return {panel: refresh(project, query)[panel] + html.arrive(f"saved={made.id}", made.id)}
        _act_on_voice(page, project, evt, query)
        return None

    def upload(project: Project | None, path: str | None, query: str) -> Updates:
        current = _open(project, query) if project else None
        if project is None or current is None or not path:
            return {}
        try:
            say_place(page, start_picture(project, current.id, Path(path), Path(path).name))
        except UserError as error:
            # Said here, so that the file does not stay in the field as if it had been taken.
            gr.Warning(html.e(page.say(error)), title=t("common.not_done"), duration=12)
        return {picture: None}

    page.on(picture.upload, upload, [picture, page.view], [picture, jobs])
    for part in (panel, jobs, opened, exported):
        page.on(part.act, act, [page.view], [panel])
    return Tab("voices", outputs, refresh, tick, [page.view])


def _act_on_voice(page: Page, project: Project, evt: Any, query: str) -> None:
    if evt.do == "rename-voice":
        change_voice(project, evt.id, name=evt.value)
    elif evt.do == "delete-voice":
        discard_voice(project, evt.id)
    elif evt.do == "change-voice":
        change_voice(project, evt.id, **fields_of(project, json.loads(evt.value)))
    elif evt.do == "drop-picture":
        change_voice(project, evt.id, picture="")
    elif evt.do == "best-references":
        change_voice(project, evt.id, reference_clip_ids=())
    elif evt.do == "toggle-reference" and (kept_voice := _open(project, query)):
        change_voice(project, kept_voice.id, reference_clip_ids=_toggled(project, kept_voice, evt.id))
    elif evt.do in ("hear-voice", "export-voice"):
        _start(page, project, saved_voice(project, evt.id), evt.do)
    elif evt.do == "delete-export":
        discard_export(project, evt.id)
    elif evt.do == "rename-export":
        rename_export(project, evt.id, evt.value)


def _start(page: Page, project: Project, kept: SavedVoice, do: str) -> None:
    choice, device = voice(project, kept.id), page.settings.device
    if choice is None or choice.id != kept.id:
        raise UserError(
            "voice.speaker_gone",
            "What spoke as “{name}” is no longer there.",
            "Choose another checkpoint for it, then save.",
            name=kept.name,
        )
    if do == "export-voice":
        say_place(page, start_export(project, choice.wish(ExportArgs, name=kept.name, device=device)))
        return
    language = kept.language or project.info.language
    text = sample_text(project, choice.checkpoint, language)
    say_place(page, start_speak(project, choice.wish(SynthesizeArgs, text=text, device=device)))


def _toggled(project: Project, kept: SavedVoice, clip_id: str) -> tuple[str, ...]:
    """The references with one more or less; those that were taken by themselves are what is changed first."""
    chosen = [id for id in kept.reference_clip_ids if project.clip_file(id).is_file()]
    if not chosen:
        run = Run(project, kept.checkpoint.run_id) if kept.checkpoint else None
        chosen = (run_references(run) if run else []) or best_references(project)
    if clip_id not in chosen:
        return (*chosen, clip_id)
    if len(chosen) == 1:
        raise UserError(
            "voice.last_reference",
            "A voice needs at least one reference.",
            "Add another one first, or let the best be chosen.",
        )
    return tuple(id for id in chosen if id != clip_id)


def _open(project: Project, query: str) -> SavedVoice | None:
    """The voice whose parts are shown: that of the address, the only one there is, or none."""
    wish = view_of(query).get("saved")
    kept = saved_voices(project)
    if wish is None and len(kept) == 1:
        return kept[0]
    return next((entry for entry in kept if entry.id == wish), None)
