"""Uploads: files that programs send in pieces, so that a connection that breaks loses no more than one of them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from core.errors import Busy, UserError
from core.project.incoming import IncomingFile
from core.project.workspace import Workspace
from core.settings import Settings
from ui.http.api import in_threads
from ui.http.api.rest.route import Route
from ui.http.api.rest.shape import Fact
from ui.http.incoming import Announcement, Pieces

UploadId = Annotated[str, Query(max_length=32, description="An upload that is complete, in place of a body.")]
_MARK = "program "  # its files are not those of a page, of the same name


def upload_fact(file: IncomingFile) -> Fact:
    """A file that comes in; the next piece begins at ``offset``."""
    return {
        "id": file.id,
        "name": file.name,
        "bytes": file.size,
        "offset": file.offset,
        "complete": file.is_complete,
    }


def routes(settings: Settings) -> APIRouter:
    """``/uploads``."""
    router = APIRouter(route_class=Route, tags=["uploads"])
    pieces = Pieces(settings)

    @router.post("/uploads", status_code=201)
    async def begin_upload(body: Announcement) -> Fact:
        """Begin a file that comes in pieces, or find it again: the same name, size and `mark` are the same file."""
        return upload_fact(await pieces.begin(body.model_copy(update={"mark": _MARK + body.mark})))

    @router.get("/uploads/{upload}")
    def read_upload(upload: str) -> Fact:
        """How much of a file is here."""
        return upload_fact(IncomingFile.open(pieces.folder, upload))

    @router.patch("/uploads/{upload}")
    async def send_piece(request: Request, upload: str, offset: Annotated[int, Query(ge=0)]) -> Fact:
        """Add a piece (the body), which begins at `offset`. Whole, a file is named by `upload` where it is used."""
        async with pieces.append(request, upload, str(offset)) as file:
            return upload_fact(file)

    @router.delete("/uploads/{upload}", status_code=204)
    def delete_upload(upload: str) -> Response:
        """Delete what is here of a file; what nobody uses goes by itself after a day."""
        file = IncomingFile.open(pieces.folder, upload)
        with _held(file):
            file.forget()
        return Response(status_code=204)

    return router


@contextlib.asynccontextmanager
async def uploaded(workspace: Workspace, id: str) -> AsyncIterator[tuple[Path, str]]:
    """A file that is whole, and its name; where the block ends well it is used up, else it waits as before.

    Raises:
        UserError: ``incoming.gone``, ``incoming.incomplete``.
        Busy: ``incoming.busy``: another request is at it.
    """
    file = await in_threads.run(lambda: IncomingFile.open(workspace.path / "tmp" / "incoming", id))
    with _held(file):
        if not file.is_complete:
            raise UserError(
                "incoming.incomplete",
                "Of “{name}” {offset} of {bytes} bytes are here.",
                "Send the rest of it first.",
                name=file.name,
                offset=file.offset,
                bytes=file.size,
            )
        yield file.data, file.name
        file.forget()


@contextlib.contextmanager
def _held(file: IncomingFile) -> Iterator[None]:
    handle = file.lock()
    if handle is None:
        raise Busy("incoming.busy", "Another request is at “{name}”.", "Wait until it is done.", name=file.name)
    try:
        yield
    finally:
        os.close(handle)
