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
from core.synthesis.start import sample_text, start_export, start_speak, takes
from core.synthesis.voice_picture import KINDS, start_picture
from core.synthesis.voices import speakers, voice
from ui import html
from ui.job_panel import act_on_job
from ui.page import Page, Tab, Updates, view_of
from ui.parts import Panel
from ui.parts.queue_strip import say_place
from ui.tabs.voices.card import new_voice, voice_cards
from ui.tabs.voices.editor import editor, fields_of, usual_references, voice_exports, voice_jobs


def build(page: Page) -> Tab:
    """Lay the tab out."""
    t = page.t
    panel, jobs, opened = Panel(), Panel(), Panel()
    with gr.Row(visible=False, elem_classes=["vw-drop"]) as drop:
        picture = gr.File(
            label=t("voices.picture_files"), file_count="single", height=110, elem_id="voice-picture",
            file_types=list(KINDS),
        )  # fmt: skip
    exports = Panel()
    outputs: list[Any] = [panel, jobs, opened, exports, drop]

    def refresh(project: Project | None, query: str, is_whole: bool = True) -> Updates:
        heading = html.heading(t("tabs.voices"), t("voices.purpose"))
        nothing: Updates = {**dict.fromkeys((jobs, opened, exports), ""), drop: gr.update(visible=False)}
        if project is None:
            return {
                panel: heading + html.empty(t("voices.no_project"), html.go(t("common.to_home"), "home")),
                **nothing,
            }
        choices, voices = speakers(project), saved_voices(project)
        lead = html.empty(t("voices.no_voice"), html.go(t("common.go_to", tab=t("tabs.train")), "train"))
        if not choices and not voices:
            return {panel: heading + lead, **nothing}
        current = _open(project, query)
        form = new_voice(t, project, choices, is_first=not voices) if choices else lead
        cards = voice_cards(t, project, voices, choices, takes(project), current.id if current else "")
        empty = "" if voices else html.notice(t("voices.none_yet"))
        content = f'<div class="vw-voices">{form if not voices else ""}{cards}{form if voices else ""}</div>'
        updates: Updates = {
            panel: heading + empty + content,
            jobs: voice_jobs(t, project) if current else "",
            exports: voice_exports(t, project, current) if current else "",
        }
        if is_whole:
            updates[opened] = editor(t, project, current, choices) if current else ""
            updates[drop] = gr.update(visible=current is not None)
        return updates

    def tick(project: Project | None, query: str) -> Updates:
        # What somebody types in stays as it is.
        return {part: value for part, value in refresh(project, query, is_whole=False).items() if part is not drop}

    def act(project: Project | None, evt: Any, query: str) -> Updates | None:
        if project is None or act_on_job(project, evt.do, evt.id):
            return None
        if evt.do == "save-voice":
            form = json.loads(evt.value)
            voice = save_voice(project, form["name"], form["speaker"])
            return {panel: refresh(project, query)[panel] + html.arrive(f"saved={voice.id}", voice.id)}
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
    for part in (panel, jobs, opened, exports):
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


def _toggled(project: Project, voice: SavedVoice, clip_id: str) -> tuple[str, ...]:
    """The references with one more or less; those that were taken by themselves are what is changed first."""
    reference_ids = [id for id in voice.reference_clip_ids if project.clip_file(id).is_file()]
    if not reference_ids:
        reference_ids = usual_references(project, voice)
    if clip_id not in reference_ids:
        return (*reference_ids, clip_id)
    if len(reference_ids) == 1:
        raise UserError(
            "voice.last_reference",
            "A voice needs at least one reference.",
            "Add another one first, or let the best be chosen.",
        )
    return tuple(id for id in reference_ids if id != clip_id)


def _open(project: Project, query: str) -> SavedVoice | None:
    """The voice whose parts are shown: that of the address, the only one there is, or none."""
    wish = view_of(query).get("saved")
    voices = saved_voices(project)
    if wish is None and len(voices) == 1:
        return voices[0]
    return next((entry for entry in voices if entry.id == wish), None)
