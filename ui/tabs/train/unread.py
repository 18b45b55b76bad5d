"""A folder whose weights only a job may read: what that means, and the button for each such file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.jobs.args.bases import RewriteBaseArgs
from core.project.engine import start_rewriting
from core.project.workspace import Project
from ui import html
from ui.i18n import Translator
from ui.job_panel import job_panel


def unread_view(t: Translator, project: Project, folder: Path, names: Sequence[str]) -> str:
    """A button for each of the files, and the job that reads one."""
    job = next((job for job, args in project.jobs_of(RewriteBaseArgs) if args.folder == folder), None)
    busy = t("unread.running") if job and job.alive() else ""
    buttons = "".join(
        html.action(t("unread.start", name=name), "rewrite-base", str(folder / name), off_reason=busy) for name in names
    )
    panel = job_panel(t, job) if job else ""
    return (
        f'<section class="vw-card"><p>{html.e(t("unread.about", name=folder.name))}</p>'
        f'<div class="vw-row">{buttons}</div>{html.reason(busy)}</section>{panel}'
    )


def act_on_unread(project: Project, evt: Any) -> bool:
    """Answer the part's buttons; False if ``evt.do`` is not its own.

    Raises:
        UserError, Busy: as of `start_rewriting`.
    """
    if evt.do != "rewrite-base":
        return False
    path = Path(evt.id)
    start_rewriting(project, path.parent, path.name)
    return True
