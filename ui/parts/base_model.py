"""The state of a base model: its licence, its download with progress, and what the starter is good for."""

from __future__ import annotations

from typing import Any

from core.engines.registry import bases
from core.jobs.job import Job
from core.workspace import Project
from ui import html
from ui.i18n import Translator
from ui.job_panel import job_panel

XTTS_V2, STARTER = "xtts-v2", "starter"


def base_panel(t: Translator, project: Project, base_id: str) -> str:
    """What a person should know of the chosen base, and the button that makes it ready."""
    if base_id not in (XTTS_V2, STARTER):
        return ""
    state = bases(project.info.engine).state(project.workspace, base_id)
    job = project.latest("download_base")
    parts = []
    if base_id == STARTER and not state.trained:
        parts.append(html.notice(t("base.starter"), "warn"))
    elif state.status == "ready":
        parts.append(html.light("good", t("base.ready", label=state.base.label)))
    if state.status != "ready" and base_id == XTTS_V2:
        parts.append(_download(t, state, job))
    return f'<div class="vw-base">{"".join(parts)}</div>' if parts else ""


def base_ready(project: Project, base_id: str) -> bool:
    """Whether training may begin with it; the starter is made when it is first needed."""
    if base_id != XTTS_V2:
        return True
    return bool(bases(project.info.engine).state(project.workspace, base_id).status == "ready")


def act_on_base(project: Project, do: str) -> bool:
    """Answer the panel's buttons; False if ``do`` is not one of them."""
    known = bases(project.info.engine)
    if do == "accept-license":
        known.accept_license(project.workspace, XTTS_V2)
    elif do in ("download-base", "resume-download"):
        known.start_download(project, XTTS_V2)
    else:
        return False
    return True


def _download(t: Translator, state: Any, job: Job | None) -> str:
    megabytes = t.number(state.total_bytes / 1_000_000)
    if state.needs_license and not state.license_accepted:
        link = (
            f'<a href="{html.e(state.base.license_url)}" target="_blank" rel="noopener noreferrer">'
            f"{html.e(state.base.license)}</a>"
        )
        accept = html.action(t("base.accept"), "accept-license", style="primary", elem_id="accept-license")
        return f'<div class="vw-notice"><p>{html.e(t("base.license"))} {link}</p>{accept}</div>'
    if job is not None and job.read().status != "done":
        again = "" if job.alive() else _button(t("base.go_on"))
        return job_panel(t, job) + again
    text = t("base.missing", label=state.base.label, megabytes=megabytes)
    return html.notice(text) + _button(t("base.download", megabytes=megabytes))


def _button(label: str) -> str:
    return html.action(label, "download-base", style="primary", elem_id="download-base")
