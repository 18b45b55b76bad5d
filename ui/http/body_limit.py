"""Middleware that ends a request whose body is larger than any event needs; files have a way of their own."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import UserError
from ui.http.refusal import refuse
from ui.http.upload_room import announced_bytes, is_upload

MOST_BYTES = 1 << 20  # the longest list of sentences or links that anybody pastes is far shorter
_LARGER = {"/v1/audio/transcriptions": 25 << 20}  # as much as OpenAI's takes


class BodyLimit:
    """Refuses a body over the limit: at once where its length is announced, else as soon as so much has come."""

    def __init__(self, app: ASGIApp, max_bytes: int = MOST_BYTES) -> None:
        self.app, self.max_bytes = app, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or is_upload(scope):
            await self.app(scope, receive, send)
            return
        content_length, limit = announced_bytes(scope), max(self.max_bytes, _LARGER.get(scope["path"], 0))
        if content_length is not None and content_length > limit:
            await refuse(_too_large(limit), 413, scope, receive, send)
            return
        came, began = 0, False

        async def counting_receive() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > limit:
                raise _TooLarge
            return message

        async def sender(message: Message) -> None:
            nonlocal began
            # What the application makes of the broken body is not what the client should read.
            if came <= limit or began:
                began = True
                await send(message)

        try:
            await self.app(scope, counting_receive, sender)
        except Exception:
            if came <= limit or began:
                raise
        if came > limit and not began:
            await refuse(_too_large(limit), 413, scope, receive, send)


def _too_large(limit: int) -> UserError:
    return UserError(
        "server.body_too_large",
        "This is more than {limit} MB at once, so it was not taken.",
        "Send it in smaller parts.",
        limit=f"{limit / (1 << 20):g}",
    )


class _TooLarge(Exception):
    """More came than is allowed."""
