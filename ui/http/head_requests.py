"""Middleware that answers HEAD wherever GET is answered: the same status and headers, and no body."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadRequests:
    """Asks the application as if for GET, sends its headers, and ends it there, so that nothing is read or streamed."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        has_answer = False

        async def headers_only(message: Message) -> None:
            nonlocal has_answer
            if has_answer:
                raise _EndOfAnswer
            if message["type"] == "http.response.start":
                has_answer = True
                await send(message)
                await send({"type": "http.response.body", "body": b""})
                raise _EndOfAnswer

        try:
            await self.app({**scope, "method": "GET"}, receive, headers_only)
        except Exception:
            # What the application makes of being ended here is no news.
            if not has_answer:
                raise


class _EndOfAnswer(Exception):
    """Nothing more is wanted of the application."""
