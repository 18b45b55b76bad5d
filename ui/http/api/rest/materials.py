"""What a voice is made of: recordings, and datasets of their clips."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request, UploadFile
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, Field

from core.audio.options import SegmentOptions
from core.clips.cut import start_segment, usual_options
from core.dataset.freeze import dataset, datasets, freeze
from core.errors import UserError
from core.jobs.args.sources import ImportArgs
from core.project.workspace import Workspace
from core.settings import Settings
from core.sources import recordings
from core.sources.links.start import follow
from ui.http.api import in_threads
from ui.http.api.rest.route import Route
from ui.http.api.rest.shape import Fact, Limit, Offset, Page, dataset_fact, job_fact, page, source_fact
from ui.http.api.rest.uploads import UploadId, uploaded
from ui.http.file_names import plain_name

_BLOCK_BYTES = 1 << 20


class Link(BaseModel):
    """A video or audio to be fetched."""

    url: str = Field(max_length=2000)
    rights: str = Field("", max_length=2000)


class Cutting(BaseModel):
    """Recordings to be cut; all of them if none is named. ``options`` change what suits the engine."""

    source_ids: list[str] | None = None
    options: dict[str, float | int | bool | str] = {}


def routes(workspace: Workspace, settings: Settings) -> APIRouter:
    """``/projects/{slug}/sources`` and ``datasets``, and the jobs that bring in and cut recordings."""
    router = APIRouter(route_class=Route, tags=["materials"])
    limits = ImportArgs(max_hours=settings.max_source_hours, max_mb=settings.max_upload_mb)

    @router.get("/projects/{slug}/sources")
    def list_sources(slug: str, offset: Offset = 0, limit: Limit = 100) -> Page:
        """All recordings."""
        return page(workspace.project(slug).store.sources(), source_fact, offset, limit)

    @router.post("/projects/{slug}/sources", status_code=202)
    async def upload_source(
        request: Request,
        slug: str,
        name: Annotated[str, Query(max_length=200)] = "recording",
        rights: str = "",
        upload: UploadId = "",
    ) -> Fact:
        """Add a recording: the file is the body of the request, `name` what it is called, or an `upload`. Gives the
        job."""
        project = await in_threads.run(lambda: workspace.project(slug))
        async with received(request, workspace, name, upload) as (path, plain):
            wish = limits.having(files=((path, plain),), rights=rights)
            return await in_threads.run(lambda: job_fact(project, recordings.add(project, wish)))

    @router.post("/projects/{slug}/sources/links", status_code=202)
    def add_link(slug: str, body: Link) -> Fact:
        """Fetch a recording from an address. Gives the job."""
        project = workspace.project(slug)
        return job_fact(project, follow(project, body.url, limits.having(rights=body.rights)))

    @router.delete("/projects/{slug}/sources/{source}", status_code=204)
    def delete_source(slug: str, source: str) -> Response:
        """Move a recording and its clips to the trash."""
        recordings.remove(workspace.project(slug), source)
        return Response(status_code=204)

    @router.post("/projects/{slug}/cut", status_code=202)
    def cut(slug: str, body: Cutting) -> Fact:
        """Cut recordings into clips. Gives the job."""
        project = workspace.project(slug)
        options = SegmentOptions(**{**usual_options(project).model_dump(), **body.options})
        return job_fact(project, start_segment(project, body.source_ids, options))

    @router.get("/projects/{slug}/datasets")
    def list_datasets(slug: str, offset: Offset = 0, limit: Limit = 100) -> Page:
        """Frozen datasets, the newest first."""
        return page(datasets(workspace.project(slug)), dataset_fact, offset, limit)

    @router.post("/projects/{slug}/datasets", status_code=201)
    def freeze_dataset(slug: str) -> Fact:
        """Freeze the approved clips."""
        return dataset_fact(freeze(workspace.project(slug)))

    @router.get("/projects/{slug}/datasets/{id}")
    def read_dataset(slug: str, id: str) -> Fact:
        """One dataset."""
        return dataset_fact(dataset(workspace.project(slug), id))

    return router


@contextlib.asynccontextmanager
async def received(
    request: Request, workspace: Workspace, name: str, upload: str = ""
) -> AsyncIterator[tuple[Path, str]]:
    """The body of a request as a file, and its name made plain; gone afterwards unless it was moved away.

    Where an ``upload`` is named that is the file, see `uploaded`.
    """
    if upload:
        async with uploaded(workspace, upload) as whole:
            yield whole
        return
    plain = plain_name(name)
    async with _written(request.stream(), workspace, plain) as path:
        yield path, plain


@contextlib.asynccontextmanager
async def kept(file: UploadFile, workspace: Workspace, name: str) -> AsyncIterator[Path]:
    """A file of a form under a name of ours, gone afterwards."""

    async def blocks() -> AsyncIterator[bytes]:
        while block := await file.read(_BLOCK_BYTES):
            yield block

    async with _written(blocks(), workspace, name) as path:
        yield path


@contextlib.asynccontextmanager
async def _written(blocks: AsyncIterator[bytes], workspace: Workspace, name: str) -> AsyncIterator[Path]:
    handle, path = tempfile.mkstemp(suffix=Path(name).suffix[:8], dir=workspace.path / "tmp")
    try:
        with open(handle, "wb") as file:
            async for block in blocks:
                await in_threads.run(lambda block=block: file.write(block))  # type: ignore[misc]
        yield Path(path)
    finally:
        if os.path.exists(path):
            os.unlink(path)


def sound(path: Path) -> FileResponse:
    """A file's sound.

    Raises:
        UserError: ``api.sound_missing``.
    """
    if not path.is_file():
        raise UserError("api.sound_missing", "This sound is no longer there.", "List what there is again.")
    headers = {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
    return FileResponse(path, media_type="audio/wav", headers=headers)
