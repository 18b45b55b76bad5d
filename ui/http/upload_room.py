"""Middleware that takes an upload only as far as there is room for it on the disk."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import UserError
from core.files import is_full
from core.settings import Settings
from ui.http.refusal import refuse
from ui.language import LANGUAGES

_PAGES = "|".join(LANGUAGES)
_UPLOAD = re.compile(rf"/({_PAGES})/gradio_api/upload/?|/api/v1/projects/[^/]+/(sources|imports|voices/[^/]+/picture)")
_UPLOAD_OR_JSON = re.compile(r"/api/v1/finetune/[^/]+")
_PIECE = re.compile(rf"(/({_PAGES})/incoming|/api/v1/uploads)/[0-9a-f]{{32}}")  # of a file, see `ui.http.incoming`
_FRAME_BYTES = 1 << 20  # what a form adds to the files in it, at most
_RESERVE_BYTES = 512 << 20  # never filled by an upload, nor is
_RESERVE_SHARE = 0.05  # of a small disk; jobs, settings and votes still have to be written
_LOOK_BYTES = 4 << 20  # between two looks at the disk


def is_upload(scope: Scope) -> bool:
    """Whether a request brings files, and so may be large."""
    if scope["method"] == "PATCH":
        return _PIECE.fullmatch(scope["path"]) is not None
    if scope["method"] != "POST":
        return False
    if _UPLOAD_OR_JSON.fullmatch(scope["path"]):
        return not is_json(Headers(scope=scope))
    return _UPLOAD.fullmatch(scope["path"]) is not None


def is_json(headers: Headers) -> bool:
    """Whether a body is said to be JSON, or nothing is said of it."""
    kind = headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    return kind == "application/json"


def announced_bytes(scope: Scope) -> int | None:
    """A request's Content-Length, if it has one that can be read."""
    value = Headers(scope=scope).get("content-length", "")
    return int(value) if value.isascii() and value.isdecimal() else None


def usable_bytes(folder: Path) -> int:
    """What may still be written to a folder's disk without touching the reserve; never negative."""
    disk = shutil.disk_usage(folder)
    return max(0, disk.free - min(_RESERVE_BYTES, int(disk.total * _RESERVE_SHARE)))


class UploadRoom:
    """Refuses an upload that is too large (413) or has no room (507).

    At once where its length is announced, else as soon as the limit is reached. What others have announced and not
    sent yet counts as taken. What came of a refused or broken-off upload is deleted by `ui.http.upload_parser`.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.folder = settings.workspace_folder() / "tmp" / "gradio"
        self.most_mb = settings.max_upload_mb
        self.max_bytes = (settings.max_upload_mb << 20) + _FRAME_BYTES
        self.expected_bytes = 0  # bytes that running uploads have announced and not sent yet

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or not is_upload(scope):
            await self.app(scope, receive, send)
            return
        upload = _Upload(self, announced_bytes(scope), receive)
        answer: list[Message] = []

        async def hold(message: Message) -> None:
            answer.append(message)

        try:
            upload.begin()
            await self.app(scope, upload.receive, hold)
        except ClientDisconnect:
            return
        except Exception as error:
            if upload.refusal is None and not is_full(error):
                raise
            upload.refusal = upload.refusal or (self.no_room(), 507)
        finally:
            upload.end()
        # Gradio's own, where a single file is over the limit.
        if any(message.get("body", b"").startswith(b"File size exceeded") for message in answer):
            upload.refusal = self.too_large(), 413
        if upload.refusal:
            await refuse(*upload.refusal, scope, receive, send)
            return
        for message in answer:
            await send(message)

    def too_large(self) -> UserError:
        """More than is taken at once."""
        return UserError(
            "upload.too_large",
            "This is more than {limit} MB at once, so it was not taken.",
            "Send fewer files at a time, or allow more with VOICEWRIGHT_MAX_UPLOAD_MB.",
            limit=self.most_mb,
        )

    def no_room(self) -> UserError:
        """More than the disk takes."""
        return UserError(
            "upload.no_room",
            "There is not enough room on the disk for this: {free} MB can still be used.",
            "Free some space, then send it again.",
            free=max(0, usable_bytes(self.folder) - self.expected_bytes) >> 20,
        )


class _Upload:
    """One upload while it comes in."""

    def __init__(self, room: UploadRoom, content_length: int | None, receive: Receive) -> None:
        self.room, self.content_length, self.receive_more = room, content_length, receive
        self.refusal: tuple[UserError, int] | None = None
        self.expected_bytes = 0
        self.came = self.looked_at = 0

    def begin(self) -> None:
        """Refuse it by its announced length, or set that much room aside."""
        if self.content_length is None:
            self._check_room(0)
            return
        if self.content_length > self.room.max_bytes:
            self._refuse(self.room.too_large(), 413)
        self._check_room(self.content_length)
        self._await(self.content_length)

    def end(self) -> None:
        """Give back what was set aside and not used."""
        self._await(0)

    async def receive(self) -> Message:
        """The next part of it, counted."""
        message = await self.receive_more()
        self.came += len(message.get("body", b""))
        if self.content_length is not None:
            self._await(max(0, self.content_length - self.came))
        if self.came > self.room.max_bytes:
            self._refuse(self.room.too_large(), 413)
        if self.came - self.looked_at >= _LOOK_BYTES:
            self.looked_at = self.came
            # Others on this computer write as well.
            self._check_room(0)
        return message

    def _await(self, amount: int) -> None:
        self.room.expected_bytes += amount - self.expected_bytes
        self.expected_bytes = amount

    def _check_room(self, size: int) -> None:
        free = usable_bytes(self.room.folder)
        if free == 0 or size > free - self.room.expected_bytes:
            self._refuse(self.room.no_room(), 507)

    def _refuse(self, error: UserError, status: int) -> None:
        self.refusal = error, status
        raise UploadRefusal


class UploadRefusal(Exception):
    """Ends the reading of an upload."""
