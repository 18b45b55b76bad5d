"""``/news``: which jobs are at work, and how those ended that a browser saw before; asked by pages that may notify."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse

from core.errors import UserError
from core.jobs.job import Job
from core.project.workspace import Project, Workspace
from ui.i18n import LANGUAGES, Translator

_MOST_JOBS = 20
_OUTCOMES = ("done", "failed", "interrupted")  # a person who stopped a job knows


def routes(workspace: Workspace) -> APIRouter:
    """``/news?lang=en&jobs=PROJECT/JOB,…``."""
    router = APIRouter()

    @router.get("/news")
    def news(lang: str = "en", jobs: str = "") -> JSONResponse:
        running = [_key(project, job) for project, job in workspace.running()]
        t = Translator(lang if lang in LANGUAGES else "en")
        keys = [key for key in jobs.split(",")[:_MOST_JOBS] if key and key not in running]
        messages = [message for key in keys if (message := _message(t, workspace, key))]
        return JSONResponse({"running": running, "ended": messages}, headers={"Cache-Control": "no-store"})

    return router


def _key(project: Project, job: Job) -> str:
    return f"{project.slug}/{job.id}"


def _message(t: Translator, workspace: Workspace, key: str) -> dict[str, Any] | None:
    """What a notification says of a job that is over; None of one that was stopped, is gone, or goes on."""
    slug, _, job_id = key.partition("/")
    try:
        project = workspace.project(slug)
        view, name = project.job(job_id).read(), project.info.name
    except (UserError, OSError):
        return None
    if view.status not in _OUTCOMES:
        return None
    text = t(f"notify.browser_{view.status}", job=t.job_name(view.kind, view.title))
    return {"key": key, "title": f"Voicewright · {name}", "text": text, "project": slug}
