"""Files of a spoken text: which kinds are written, the job, and those that are there to be downloaded."""

from __future__ import annotations

from pathlib import Path

from core.jobs.args.studio import WriteDocumentArgs
from core.jobs.job import Job
from core.project.workspace import Project
from core.studio.document import Document
from core.studio.files import FORMATS, written_files
from core.studio.state import Overview
from ui import html
from ui.http.audio_routes import text_file_url
from ui.i18n import Translator
from ui.job_panel import job_panel
from ui.tabs.speak.takes import download


def outputs(t: Translator, project: Project, document: Document, total: Overview) -> str:
    """HTML of the part, closed until asked for; open while files are written."""
    job = _job(project, document)
    is_running = bool(job and job.alive())
    reason = ""
    if not total.spoken:
        reason = t("studio.files_none")
    elif is_running:
        reason = t("studio.files_running")
    ticks = "".join(_tick(t, format) for format in FORMATS)
    rest = ""
    if total.to_speak:
        rest = (
            '<label class="vw-tick"><input type="checkbox" name="incomplete" value="1">'
            f"<span>{html.e(t('studio.incomplete', count=t.number(total.to_speak)))}</span></label>"
        )
    off = f' disabled title="{html.e(reason)}"' if reason else ""
    form = (
        f'<form data-key="files" data-do="write-files"><div class="vw-halves vw-tight">{ticks}</div>{rest}'
        f'<button type="submit" class="vw-btn primary"{off}>{html.e(t("studio.write"))}</button>{html.reason(reason)}'
        "</form>"
    )
    files = "".join(_file(t, project, document, path) for path in written_files(project, document.id))
    panel = job_panel(t, job, done_text=t("studio.files_done")) if job else ""
    body = f'<p class="vw-dim">{html.e(t("studio.files_help"))}</p>{form}{panel}<ul class="vw-changes">{files}</ul>'
    return html.details(t("studio.files"), body)


def _tick(t: Translator, format: str) -> str:
    about = f'<small class="vw-dim">{html.e(t(f"studio.format_{format}"))}</small>'
    return (
        f'<label class="vw-tick"><input type="checkbox" name="{format}" value="1">'
        f"<span>{html.e(format.upper())}{about}</span></label>"
    )


def _file(t: Translator, project: Project, document: Document, path: Path) -> str:
    about = path.stat()
    facts = [t.megabytes(about.st_size), t.moment(about.st_mtime)]
    if document.at > about.st_mtime:
        facts.append(t("studio.file_old"))
    link = download(text_file_url(project.slug, document.id, path.name), path.name, t("speak.download"))
    delete = html.action(
        t("speak.delete"), "delete-file", path.name, style="quiet", title=f"{t('speak.delete')}: {path.name}"
    )
    return (
        f'<li class="vw-spread" data-key="{html.e(path.name)}"><span><b>{html.e(path.name)}</b> '
        f'<span class="vw-dim">{html.e(" · ".join(facts))}</span></span><span class="vw-row">{link}{delete}</span></li>'
    )


def _job(project: Project, document: Document) -> Job | None:
    for job, args in project.jobs_of(WriteDocumentArgs):
        if args.document == document.id:
            return job
    return None
