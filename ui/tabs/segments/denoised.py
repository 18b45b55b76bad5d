"""Denoising a recording: making the copy, hearing both at the same place, choosing one."""

from __future__ import annotations

from core.audio.denoise import STRENGTHS
from core.jobs.args.sources import DenoiseArgs
from core.project.records import ClipFilter, Source
from core.project.workspace import Project
from core.sources.recordings import choose_sound, start_denoise
from ui import html
from ui.http.audio_routes import audio_url
from ui.i18n import Translator
from ui.job_panel import is_live, job_panel


def denoise_busy(t: Translator, project: Project) -> str:
    """Why no copy can be made now; empty if one can. The same for all recordings: looks through the jobs."""
    job = project.latest("clean")
    return t("cleaned.busy") if job and job.alive() else ""


def denoise_part(t: Translator, project: Project, source: Source, busy: str) -> str:
    """HTML for a `Panel`, closed until asked for; ``busy`` is what `denoise_busy` says.

    What its buttons send, `act_on_denoise` answers.
    """
    has_copy = project.denoised_file(source.id).exists()
    body = f'<p class="vw-dim">{html.e(t("cleaned.help"))}</p>'
    if has_copy:
        body += _players(t, project, source)
    suffix = "_again" if has_copy else ""
    makers = "".join(
        html.action(t(f"cleaned.{strength}{suffix}"), f"clean-{strength}", source.id, off_reason=busy)
        for strength in STRENGTHS
    )
    body += f'<div class="vw-row">{makers}</div>{html.reason(busy)}'
    return html.details(t("cleaned.title"), body)


def denoise_job(t: Translator, project: Project) -> str:
    """The job that makes a copy, while it runs and a while after."""
    job = project.latest("clean")
    if job is None or not is_live(job):
        return ""
    return job_panel(t, job, done_text=t("cleaned.done", db=t.number(job.read().count("quieter_db"))))


def act_on_denoise(project: Project, do: str, source_id: str) -> bool:
    """Answer the buttons of `denoise_part`; False if ``do`` is not one of them."""
    action, _, value = do.partition("-")
    if action == "clean" and value in STRENGTHS:
        start_denoise(project, DenoiseArgs.model_validate({"source_id": source_id, "strength": value}))
    elif action == "use" and value in ("original", "cleaned"):
        choose_sound(project, source_id, value)
    else:
        return False
    return True


def _players(t: Translator, project: Project, source: Source) -> str:
    """Two players that can be switched at the same place, and which of them is used."""
    players = "".join(_player(t, project, source, sound) for sound in ("original", "cleaned"))
    switch = f'<button type="button" class="vw-btn" data-switch>{html.e(t("cleaned.switch"))}</button>'
    note = ""
    if source.use == "cleaned" and project.store.count(ClipFilter(source_id=source.id)) and _is_older(project, source):
        note = html.notice(t("cleaned.cut_again"), "warn")
    return f'<div class="vw-pair" data-players>{players}<div class="vw-row">{switch}</div></div>{note}'


def _player(t: Translator, project: Project, source: Source, sound: str) -> str:
    url = audio_url(project.slug, "source" if sound == "original" else "cleaned", source.id)
    label = t(f"cleaned.{sound}")
    in_use = source.use == sound
    choose = (
        f'<span class="vw-chip good">{html.e(t("cleaned.in_use"))}</span>'
        if in_use
        else html.action(t(f"cleaned.use_{sound}"), f"use-{sound}", source.id)
    )
    player = html.player(url, f"{source.title}: {label}", preload="metadata")
    return f'<div data-key="{sound}"><div class="vw-spread"><b>{html.e(label)}</b>{choose}</div>{player}</div>'


def _is_older(project: Project, source: Source) -> bool:
    """Whether a clip of it was written before the cleaned copy."""
    clip = project.store.clips(ClipFilter(source_id=source.id), limit=1)[0]
    file = project.clip_file(clip.id)
    return file.exists() and file.stat().st_mtime < project.denoised_file(source.id).stat().st_mtime
