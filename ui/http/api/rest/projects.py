"""Projects and their jobs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, Field

from core.engines import registry
from core.jobs import events
from core.jobs.job import Job
from core.project.workspace import Workspace
from core.settings import Settings
from ui.http.api import in_threads
from ui.http.api.problem import NO_STORE
from ui.http.api.rest.route import Route, event
from ui.http.api.rest.shape import Fact, Limit, Offset, Page, job_fact, page, project_fact

_LOOK_S = 0.5
_SILENCE_S = 15.0  # after which a comment keeps proxies from taking the connection for dead


class NewProject(BaseModel):
    """A project to be made."""

    name: str = Field(max_length=200)
    language: str = Field("en", max_length=20, description="Of the voice, such as en or pt-BR.")
    engine: str = Field(registry.DEFAULT, max_length=40)


class ProjectChange(BaseModel):
    """What of a project is changed."""

    name: str | None = Field(None, max_length=200)
    rights: str | None = Field(None, max_length=2000, description="Why the voice may be used.")


def routes(workspace: Workspace, settings: Settings) -> APIRouter:
    """``/projects`` and ``/projects/{slug}/jobs``."""
    router = APIRouter(route_class=Route, tags=["projects"])

    @router.get("/projects")
    def list_projects(offset: Offset = 0, limit: Limit = 100) -> Page:
        """All projects, newest first."""
        return page(workspace.projects(), project_fact, offset, limit)

    @router.post("/projects", status_code=201)
    def create_project(body: NewProject) -> Fact:
        """Make an empty project."""
        registry.language_code(body.language, body.engine)  # refused before there is one
        return project_fact(workspace.create(body.name, body.language, body.engine))

    @router.get("/projects/{slug}")
    def read_project(slug: str) -> Fact:
        """One project."""
        return project_fact(workspace.project(slug))

    @router.patch("/projects/{slug}")
    def change_project(slug: str, body: ProjectChange) -> Fact:
        """Rename a project, or note its rights."""
        project = workspace.project(slug)
        project.change(**body.model_dump(exclude_none=True))
        return project_fact(project)

    @router.delete("/projects/{slug}", status_code=204)
    def delete_project(slug: str) -> Response:
        """Move a project to the trash, from which the page brings it back."""
        workspace.delete(workspace.project(slug))
        return Response(status_code=204)

    @router.get("/projects/{slug}/jobs")
    def list_jobs(slug: str, offset: Offset = 0, limit: Limit = 100) -> Page:
        """Jobs and runs of a project, newest first."""
        project = workspace.project(slug)
        return page(project.all_jobs(), lambda job: job_fact(project, job), offset, limit)

    @router.get("/projects/{slug}/jobs/{job}")
    def read_job(slug: str, job: str) -> Fact:
        """A job as it stands."""
        project = workspace.project(slug)
        return job_fact(project, project.job(job))

    @router.post("/projects/{slug}/jobs/{job}/stop", status_code=202)
    def stop_job(slug: str, job: str) -> Fact:
        """Ask a job to save what it has and end."""
        project = workspace.project(slug)
        project.job(job).stop()
        return job_fact(project, project.job(job))

    @router.get("/projects/{slug}/jobs/{job}/events")
    async def follow_job(slug: str, job: str, last_event_id: Annotated[int, Header(ge=0)] = 0) -> StreamingResponse:
        """Everything that a job says, as server-sent events, until it has ended."""
        project = await in_threads.run(lambda: workspace.project(slug).job(job))
        return StreamingResponse(_events(project, last_event_id), media_type="text/event-stream", headers=NO_STORE)

    return router


async def _events(job: Job, passed_over: int) -> AsyncIterator[str]:
    reader, number, told_at = events.EventReader(job.events_path), 0, time.monotonic()
    while True:
        # Asked first: what it says last before it ends is read then.
        alive = await in_threads.run(job.alive)
        for told in await in_threads.run(reader.read):
            number += 1
            if number > passed_over:
                yield event(told.type, told.model_dump(mode="json"), number)
                told_at = time.monotonic()
        if not alive:
            return
        if time.monotonic() - told_at >= _SILENCE_S:
            yield ": still here\n\n"
            told_at = time.monotonic()
        await asyncio.sleep(_LOOK_S)
