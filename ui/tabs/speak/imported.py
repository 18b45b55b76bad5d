"""Voices that were brought in: the form that takes one, how its job goes, and a card for each."""

from __future__ import annotations

import json
from typing import Any

from core.engines.registry import engines
from core.project.workspace import Project, Workspace
from core.sources.voice_import import Arrival, bring_in_folder
from core.synthesis.exports import Export, discard_imported, imported_voices, rename_imported
from core.synthesis.voices import IMPORTED
from ui import html
from ui.http.audio_routes import voice_url
from ui.i18n import Translator
from ui.job_panel import job_panel
from ui.page import Page
from ui.parts.voice_face import imported_face
from ui.tabs.speak.takes import download
from ui.tabs.train.base_model import license_note


def arrival(page: Page, project: Project | None) -> Arrival:
    """Where a voice is brought in on this page."""
    t = page.t
    return Arrival(page.workspace, project, t("speak.import_project"), t("home.default_language"), page.settings.device)


def import_head(t: Translator) -> str:
    """What the form above the field for files is for."""
    return f'<h3>{html.e(t("speak.import_title"))}</h3><p class="vw-dim">{html.e(t("speak.import_help"))}</p>'


def import_below(t: Translator, workspace: Workspace, project: Project | None) -> str:
    """Under the field for files: the field for a folder, the job, and the voices that are there."""
    job = project.latest("import_voice") if project else None
    panel = ""
    if job:
        result = job.read().result
        voice = next((voice for voice in imported_voices(workspace) if voice.id == result.get("voice")), None)
        use = html.place(t("speak.import_use"), f"voice={IMPORTED}:{voice.id}") if voice else ""
        if voice or job.read().status != "done":
            panel = job_panel(t, job, done_text=t("speak.import_done", name=voice.name if voice else ""), next_step=use)
    form = (
        f'<form data-key="voice-folder" data-do="voice-folder"><label class="vw-field">'
        f"<span>{html.e(t('speak.import_folder'))}</span>"
        '<input type="text" name="path" required autocomplete="off" spellcheck="false" maxlength="1000"'
        ' placeholder="/mnt/voices/ana" id="voice-folder">'
        f'<small class="vw-dim">{html.e(t("speak.import_folder_help"))}</small></label>'
        f'<button type="submit" class="vw-btn">{html.e(t("speak.import_add"))}</button></form>'
    )
    voices = imported_voices(workspace)
    cards = "".join(voice_card(t, voice) for voice in voices)
    title = f"<h3>{html.e(t('speak.imported_title'))}</h3>" if voices else ""
    return f"{panel}{html.details(t('speak.import_folder'), form)}{title}{cards}"


def act_on_imported(page: Page, project: Project | None, evt: Any) -> str | None:
    """Answer the part's buttons; None if ``evt.do`` is not one of them, else HTML that moves the page, or nothing.

    Raises:
        UserError: what was typed is no voice, or the voice is gone.
    """
    if evt.do == "voice-folder":
        return arrive_at(project, bring_in_folder(arrival(page, project), json.loads(evt.value)["path"]).path.parts[-3])
    if evt.do == "rename-voice":
        rename_imported(page.workspace, evt.id, evt.value)
    elif evt.do == "delete-voice":
        discard_imported(page.workspace, evt.id)
    else:
        return None
    return ""


def arrive_at(project: Project | None, slug: str) -> str:
    """The move to the project that was made for a voice; none where one was open."""
    return "" if project else html.arrive(f"project={slug}&tab=speak", slug)


def voice_card(t: Translator, voice: Export) -> str:
    noise = "" if voice.manifest.get("trained", True) else html.notice(t("base.starter"), "warn")
    broken = html.notice(t("voices.picture_broken"), "warn") if voice.is_picture_broken else ""
    license_ = str(voice.manifest.get("license", ""))
    for engine in engines():  # in the page's words, where it is that of an engine's model
        if license_ == engine.license_note:
            license_ = license_note(t, engine)
    delete = html.action(
        t("speak.delete"), "delete-voice", voice.id, style="quiet", title=f"{t('speak.delete')}: {voice.name}",
        confirm=t("speak.imported_delete_sure", name=voice.name),
    )  # fmt: skip
    size = t("speak.download_zip", size=t.megabytes(voice.size))
    return (
        f'<article class="vw-card vw-take" data-key="{html.e(voice.id)}">'
        f'<div class="vw-row vw-voice-name">{imported_face(voice)}'
        f"{html.title_field('rename-voice', voice.id, voice.name, t('speak.name'))}"
        f'<span class="vw-dim">{html.e(t.moment(voice.at))}</span></div>'
        f"{html.player(voice_url(voice.id, 'sample.wav'), voice.name)}{noise}{broken}"
        f'<p class="vw-dim">{html.e(t("speak.imported_license", license=license_))}</p>'
        f'<div class="vw-row">{download(voice_url(voice.id, "download"), f"{voice.id}.zip", size)}{delete}</div>'
        "</article>"
    )
