"""What was spoken and what was exported, as cards with players."""

from __future__ import annotations

from collections.abc import Sequence

from core.engines.registry import info
from core.project.workspace import Project
from core.synthesis.start import Export, Take
from core.synthesis.voices import how_to_load
from ui import html
from ui.http.audio_routes import audio_url, download_url
from ui.i18n import Translator
from ui.tabs.train.view import voice_name


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
        t.length(take.seconds),
    ]
    facts += [t("speak.seed_fact", seed=take.seed), t.moment(take.at)]
    save = _download(url, f"{take.id}.wav", t("speak.download"))
    drop = html.action(t("speak.delete"), "delete-take", take.id, style="quiet", confirm=t("speak.delete_sure"))
    return (
        f'<article class="vw-card vw-take" data-key="{html.e(take.id)}"><p>“{html.e(take.text)}”</p>'
        f'{html.player(url, take.text)}<div class="vw-spread"><span class="vw-dim">{html.e(" · ".join(facts))}</span>'
        f'<span class="vw-row">{save}{drop}</span></div></article>'
    )


def export_cards(t: Translator, project: Project, exports: Sequence[Export]) -> str:
    """All exported voices, newest first."""
    return "".join(_export(t, project, one) for one in exports)


def _export(t: Translator, project: Project, one: Export) -> str:
    sample = audio_url(project.slug, "export", one.id, one.sample.name)
    noise = "" if one.manifest.get("trained", True) else html.notice(t("base.starter"), "warn")
    package = info(project.info.engine).export_package
    how = html.details(t("speak.how_to_load", package=package), f'<pre class="vw-log">{html.e(how_to_load(one))}</pre>')
    return (
        f'<article class="vw-card vw-take" data-key="{html.e(one.id)}"><div class="vw-spread"><b>{html.e(one.name)}</b>'
        f'<span class="vw-dim">{html.e(t.moment(one.at))}</span></div>{html.player(sample, one.name)}{noise}'
        f'<p class="vw-dim">{html.e(t("speak.lies_in"))} <code>{html.e(one.folder)}</code></p>'
        f'<div class="vw-row">{download_link(t, project, one)}</div>{how}</article>'
    )


def download_link(t: Translator, project: Project, one: Export) -> str:
    """The link that fetches an exported voice as a zip."""
    size = t("speak.download_zip", megabytes=t.number(one.megabytes))
    return _download(download_url(project.slug, one.id), f"{one.id}.zip", size)


def _download(url: str, name: str, label: str) -> str:
    return f'<a class="vw-btn vw-link" href="{html.e(url)}" download="{html.e(name)}">{html.e(label)}</a>'
