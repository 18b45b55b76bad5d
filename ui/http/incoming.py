"""Uploads in pieces: a large file whose connection breaks goes on where it was, also after a reload of the page.

What a page has sent lies where Gradio puts uploads when it is whole, under the same rules; a program's waits until it
is used (`ui.http.api.rest.uploads`).
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import AsyncIterator, Callable

from pydantic import BaseModel, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from core.errors import UserError
from core.project.incoming import IncomingFile
from core.settings import Settings
from ui.http.file_names import plain_name
from ui.http.upload_room import UploadRoom, usable_bytes
from ui.i18n import Translator

PATH = re.compile(r"/incoming(?:/([0-9a-f]{32}))?")
_MOST_BODY = 4096


class Announcement(BaseModel):
    """What is said of a file before it comes."""

    name: str = Field(min_length=1, max_length=1000)
    bytes: int = Field(ge=1)
    mark: str = Field("", max_length=200)


class Pieces:
    """Files that come in by pieces, be it from a page or from a program.

    Args:
        settings: where, and how large a file may be.
    """

    def __init__(self, settings: Settings) -> None:
        self.temporary = settings.workspace_folder() / "tmp"
        self.folder = self.temporary / "incoming"
        self.room = UploadRoom(PlainTextResponse(""), settings)

    async def begin(self, note: Announcement) -> IncomingFile:
        """Begin a file, or find it again.

        Raises:
            UserError: ``upload.too_large``, ``upload.no_room``.
        """
        if note.bytes > self.room.max_bytes:
            raise self.room.too_large()
        file = await run_in_threadpool(IncomingFile.begin, self.folder, plain_name(note.name), note.bytes, note.mark)
        if file.size - file.offset > usable_bytes(self.temporary):
            raise self.room.no_room()
        return file

    @contextlib.asynccontextmanager
    async def append(self, request: Request, id_: str, offset: str) -> AsyncIterator[IncomingFile]:
        """Add the body of a request, which begins at ``offset``, to a file; nobody else has it within the block.

        Who asks may go away on the way: what has come of the piece stays.

        Raises:
            UserError: ``incoming.gone``, ``incoming.too_long``; ``incoming.offset``, with where it goes on.
        """
        file = await run_in_threadpool(IncomingFile.open, self.folder, id_)
        handle = file.lock()
        if handle is None:  # the broken connection's own request has not noticed yet
            raise _elsewhere(file)
        try:
            if offset != str(file.offset):
                raise _elsewhere(file)
            with contextlib.suppress(ClientDisconnect):
                async for block in request.stream():
                    await run_in_threadpool(file.append, block)
            yield file
        finally:
            os.close(handle)


def _elsewhere(file: IncomingFile) -> UserError:
    return UserError(
        "incoming.offset",
        "“{name}” goes on at byte {offset}, not where this piece begins.",
        "Send the piece that begins there.",
        name=file.name,
        offset=file.offset,
    )


class Incoming:
    """Answers ``POST /incoming`` (begin, or find again) and ``PATCH /incoming/ID?offset=N`` (the next piece).

    Args:
        settings: where, and how large a file may be.
        lang: of the page.
        on_file: told the path of a file that is whole.
    """

    def __init__(self, settings: Settings, lang: str, on_file: Callable[[str], object]) -> None:
        self.pieces = Pieces(settings)
        self.t = Translator(lang)
        self.on_file = on_file

    async def answer(self, request: Request, id_: str | None) -> Response:
        """The answer to a request whose path `PATH` matches; ``id_`` is what it holds."""
        try:
            if id_ is None and request.method == "POST":
                return await self._begin(request)
            if id_ is not None and request.method == "PATCH":
                return await self._append(request, id_)
        except UserError as error:
            if error.code == "incoming.offset":
                return _json({"offset": error.values["offset"]}, 409)
            status = {"upload.too_large": 413, "upload.no_room": 507, "incoming.gone": 404}.get(error.code, 409)
            text = self.t.error(error.code, error.text, error.hint, error.values)
            return PlainTextResponse(text, status, {"Cache-Control": "no-store"})
        return PlainTextResponse("Not found", status_code=404)

    async def _begin(self, request: Request) -> Response:
        try:
            note = Announcement.model_validate_json((await request.body())[: _MOST_BODY + 1])
        except ValidationError:
            return PlainTextResponse("Not understood", status_code=422)
        file = await self.pieces.begin(note)
        return _json({"id": file.id, "offset": file.offset})

    async def _append(self, request: Request, id_: str) -> Response:
        async with self.pieces.append(request, id_, request.query_params.get("offset", "")) as file:
            if not file.is_complete:
                return _json({"offset": file.offset})
            target = self.pieces.temporary / "gradio" / file.id / file.name
            path = str(await run_in_threadpool(file.take, target))
        self.on_file(path)
        return _json({"offset": file.size, "path": path})


def _json(content: dict[str, object], status: int = 200) -> Response:
    return JSONResponse(content, status, headers={"Cache-Control": "no-store"})
