"""Cards of takes and exports, with players."""

from __future__ import annotations

import time
from collections.abc import Sequence

from core.engines.registry import info
from core.jobs.job import Job
from core.project.workspace import Project
from core.synthesis.exports import Export
from core.synthesis.live import is_live
from core.synthesis.start import Take
from core.synthesis.voices import how_to_load
from ui import html
from ui.http.audio_routes import audio_url, download_url
from ui.http.live_sound import live_url
from ui.i18n import Translator
from ui.parts.proof import proof_line
from ui.tabs.train.view import voice_name

_STAYS_S = 30.0  # a player of what has just been spoken, after it has been heard to the end


def take_cards(t: Translator, project: Project, takes: Sequence[Take]) -> str:
    """All takes, newest first."""
    if not takes:
        return f'<div class="vw-empty"><p>{html.e(t("speak.no_takes"))}</p></div>'
    return f"<h3>{html.e(t('speak.takes'))}</h3>" + "".join(_take(t, project, take) for take in takes)


def _take(t: Translator, project: Project, take: Take) -> str:
    url = audio_url(project.slug, "take", take.id)
    facts = [
        voice_name(t, take.voice, take.checkpoint),
        t.get(f"languages.{take.language}", take.language),
        f"{t.number(max(0.1, take.seconds), 1)} s" if take.seconds < 10 else t.length(take.seconds),
    ]
    facts += [t("speak.seed_fact", seed=take.seed), t.moment(take.at)]
    save = download(url, f"{take.id}.wav", t("speak.download"))
    drop = html.action(t("speak.delete"), "delete-take", take.id, style="quiet", confirm=t("speak.delete_sure"))
    return (
        f'<article class="vw-card vw-take" data-key="{html.e(take.id)}"><p>“{html.e(take.text)}”</p>'
        f"{html.player(url, take.text)}{proof_line(t, take.proof)}"
        f'<div class="vw-spread"><span class="vw-dim">{html.e(" · ".join(facts))}</span>'
        f'<span class="vw-row">{save}{drop}</span></div></article>'
    )


def live_player(t: Translator, project: Project, job: Job) -> str:
    """A player that begins with the first sound of what is being spoken, and has the whole take once that is there."""
    view, take = job.read(), project.takes / f"{job.id}.wav"
    is_over = view.finished_at and time.time() > view.finished_at + view.count("seconds") + _STAYS_S
    if is_over or (view.finished_at and not take.exists()):
        return ""
    label, key = html.e(t("speak.live")), html.e(f"live-{job.id}")
    if take.exists():
        url = audio_url(project.slug, "take", job.id)
        return f'<audio controls data-live data-key="{key}" src="{html.e(url)}" aria-label="{label}"></audio>'
    if not is_live(job):
        return ""
    url = live_url(project.slug, job.id)
    begin = f'data-live data-key="{key}" data-begin="{key}"'
    return f'<audio controls {begin} src="{html.e(url)}" aria-label="{label}"></audio>'


def export_cards(t: Translator, project: Project, exports: Sequence[Export]) -> str:
    """All exported voices, newest first."""
    return "".join(_export(t, project, export) for export in exports)


def _export(t: Translator, project: Project, export: Export) -> str:
    sample = audio_url(project.slug, "export", export.id, export.sample.name)
    noise = "" if export.manifest.get("trained", True) else html.notice(t("base.starter"), "warn")
    package = info(project.info.engine).export_package
    rename = html.title_field("rename-export", export.id, export.name, t("speak.name"))
    question = t("speak.delete_export_sure", name=export.name)
    discard = html.action(
        t("speak.delete"), "delete-export", export.id, style="quiet", confirm=question,
        title=f"{t('speak.delete')}: {export.name}",
    )  # fmt: skip
    code = f'<pre class="vw-log" tabindex="0">{html.e(how_to_load(export))}</pre>'
    return (
        f'<article class="vw-card vw-take" data-key="{html.e(export.id)}">'
        f'<div class="vw-spread">{rename}<span class="vw-dim">{html.e(t.moment(export.at))}</span>'
        f"</div>{html.player(sample, export.name)}{noise}"
        f'<p class="vw-dim">{html.e(t("speak.lies_in"))} <code>{html.e(export.folder)}</code></p>'
        f'<div class="vw-row">{download_link(t, project, export)}{discard}</div>'
        f"{html.details(t('speak.how_to_load', package=package), code)}</article>"
    )


def download_link(t: Translator, project: Project, export: Export) -> str:
    """The link that fetches an exported voice as a zip."""
    size = t("speak.download_zip", size=t.megabytes(export.size))
    return download(download_url(project.slug, export.id), f"{export.id}.zip", size)


def download(url: str, name: str, label: str) -> str:
    """A link that saves a file under a name."""
    return f'<a class="vw-btn vw-link" href="{html.e(url)}" download="{html.e(name)}">{html.e(label)}</a>'
