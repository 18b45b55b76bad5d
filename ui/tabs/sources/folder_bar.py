"""The field for a folder of the computer that the page is served from."""

from __future__ import annotations

from core.jobs.args.sources import ImportArgs
from core.project.workspace import Project
from ui import html
from ui.i18n import Translator


def folder_bar(t: Translator, project: Project, busy: str = "") -> str:
    """HTML for a `Panel`, closed until asked for; its form sends ``folder``. ``busy``: why nothing can be added now.

    Whoever sees the page may read the folders: it is served to this computer alone, or behind a password.
    """
    # Once a folder was taken the field is a new one, and empty.
    key = next((job.id for job, args in project.jobs_of(ImportArgs) if args.folders), "")
    form = (
        f'<form data-key="folder{html.e(key)}" data-do="folder"><label class="vw-field">'
        f"<span>{html.e(t('sources.folder'))}</span>"
        '<input type="text" name="path" required autocomplete="off" spellcheck="false" maxlength="1000"'
        ' placeholder="/mnt/recordings" id="folder-path">'
        f'<small class="vw-dim">{html.e(t("sources.folder_help"))}</small></label>'
        f'<div class="vw-row"><button type="submit" class="vw-btn" id="add-folder"{" disabled" if busy else ""}>'
        f"{html.e(t('sources.folder_add'))}</button></div>{html.reason(busy)}</form>"
    )
    return html.details(t("sources.folder_title"), form)
