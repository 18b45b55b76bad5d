"""A base that somebody has put on the hub: the form that asks where its files lie, and its job."""

from __future__ import annotations

import json
from typing import Any

from core.engines.registry import bases
from core.project.engine import start_fetch
from core.project.workspace import Project
from ui import html
from ui.i18n import Translator
from ui.job_panel import job_panel


def hub_form(t: Translator, project: Project) -> str:
    """Closed until asked for; open while one is fetched."""
    job = project.latest("fetch_base")
    busy = t("hub.running") if job and job.alive() else ""
    fields = "".join(
        f'<label class="vw-field"><span>{html.e(t("hub.file", name=name))}</span><input type="text" required'
        f' name="{html.e(name)}" value="{html.e(name)}" maxlength="300" autocomplete="off" spellcheck="false"></label>'
        for name in bases(project.info.engine).required_files
    )
    off = " disabled" if busy else ""
    form = (
        f'<form data-do="fetch-base"><p class="vw-dim">{html.e(t("hub.about"))}</p>'
        f'<label class="vw-field"><span>{html.e(t("hub.address"))}</span><input type="text" name="address" required'
        ' maxlength="300" autocomplete="off" spellcheck="false" placeholder="owner/name" id="hub-address"></label>'
        f'{fields}<p class="vw-dim">{html.e(t("hub.other"))}</p>'
        f'<label class="vw-tick"><input type="checkbox" required name="agreed"> {html.e(t("hub.license"))}</label>'
        f'<button type="submit" class="vw-btn"{off}>{html.e(t("hub.fetch"))}</button>{html.reason(busy)}</form>'
    )
    panel = ""
    if job:
        folder = str(job.read().result.get("folder", ""))
        use = html.action(t("hub.use"), "use-fetched", folder, style="primary") if folder else ""
        panel = job_panel(t, job, done_text=t("hub.done", name=job.spec().title), next_step=use)
    return html.details(t("hub.title"), form) + panel


def act_on_hub(project: Project, evt: Any) -> bool:
    """Answer the form; False if ``evt.do`` is not its own.

    Raises:
        UserError: as of `start_fetch`.
    """
    if evt.do != "fetch-base":
        return False
    fields = json.loads(evt.value)
    names = bases(project.info.engine).required_files
    start_fetch(project, fields["address"], {name: fields.get(name, name) for name in names})
    return True
