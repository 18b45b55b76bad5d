"""The state of a base model: its licence, its download with progress, and what a small one is good for."""

from __future__ import annotations

from core.engines.bases import BaseState
from core.engines.light import EngineInfo
from core.engines.registry import bases, info
from core.jobs.job import Job
from core.project.engine import start_download
from core.project.workspace import Project
from ui import html
from ui.i18n import Translator
from ui.job_panel import job_panel


def base_panel(t: Translator, project: Project, base_id: str) -> str:
    """What a person should know of the chosen base, and the button that makes it ready."""
    models = bases(project.info.engine)
    if base_id not in models.catalog:
        return ""
    state = models.state(project.workspace.models, base_id)
    parts = []
    if state.base.is_made:
        parts.append(html.notice(t("base.starter_small" if state.is_trained else "base.starter"), "warn"))
    elif state.status == "ready":
        parts.append(html.light("good", t("base.ready", label=state.base.label)))
    if state.needs_license and state.license_accepted:
        parts.append(f'<p class="vw-dim">{html.e(t("base.accepted", license=state.base.license))}</p>')
    if state.status != "ready" and not state.base.is_made:
        parts.append(_download(t, info(project.info.engine), state, project.latest("download_base")))
    return f'<div class="vw-base">{"".join(parts)}</div>' if parts else ""


def base_ready(project: Project, base_id: str) -> bool:
    """Whether training may begin with it; one that is not downloaded is made when it is first needed."""
    models = bases(project.info.engine)
    if base_id not in models.catalog or models.is_made(base_id):
        return True
    return models.state(project.workspace.models, base_id).status == "ready"


def act_on_base(project: Project, do: str, base_id: str) -> bool:
    """Answer the panel's buttons; False if ``do`` is not one of them."""
    if do == "accept-license":
        bases(project.info.engine).accept_license(project.workspace.models, base_id)
    elif do == "download-base":
        start_download(project, base_id)
    else:
        return False
    return True


def base_name(t: Translator, project: Project, base_id: str) -> str:
    """What a person calls a base of the catalogue, and what it is good for."""
    return t.get(f"bases.{base_id}", bases(project.info.engine).label(base_id))


def license_note(t: Translator, engine: EngineInfo) -> str:
    """What may be done with an engine's model, in one sentence."""
    return t.get(f"engines.{engine.name}.license", engine.license_note)


def _download(t: Translator, engine: EngineInfo, state: BaseState, job: Job | None) -> str:
    size = t.megabytes(state.total_bytes)
    base = state.base
    if state.needs_license and not state.license_accepted:
        link = (
            f'<a href="{html.e(base.license_url)}" target="_blank" rel="noopener noreferrer">{html.e(base.license)}</a>'
        )
        accept = html.action(t("base.accept"), "accept-license", base.id, style="primary", elem_id="accept-license")
        text = html.e(t("base.license", label=base.label, note=license_note(t, engine)))
        return f'<div class="vw-notice"><p>{text} {link}</p>{accept}</div>'
    if job is not None and job.read().status != "done":
        retry = "" if job.alive() else _button(t("base.go_on"), base.id)
        return job_panel(t, job) + retry
    text = t("base.missing", label=base.label, size=size)
    return html.notice(text) + _button(t("base.download", size=size), base.id)


def _button(label: str, base_id: str) -> str:
    return html.action(label, "download-base", base_id, style="primary", elem_id="download-base")
