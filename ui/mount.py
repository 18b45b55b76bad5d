"""One language's Gradio page as an ASGI app that is built when it is first asked for."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
from fastapi import FastAPI
from gradio.route_utils import _lifespan_handler
from gradio.routes import App
from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.project.workspace import Workspace
from core.settings import Settings
from ui import gradio_files, gradio_queue, gradio_session, live
from ui.http import address_check, incoming, upload_parser
from ui.http.security import prefix

Build = Callable[[Settings, Workspace, str], gr.Blocks]
# Gradio keeps the page being built in a global, so two must never be built at once.
_BUILDING = threading.Lock()
# Uploads and cached files are looked over once an hour and deleted after a day.
_DELETE_CACHE_S = (3600, 86400)
# What a page needs of Gradio's own routes. Left out: its proxy, monitoring, deep links, run history, code editing, its
# login, its API description, streams, functions of components, and the processing of recordings, which decodes.
_GRADIO_PATHS = re.compile(
    r"/(config|theme\.css|robots\.txt|favicon\.ico)?/?"
    r"|/(static|assets|svelte)/.*"
    r"|/gradio_api/(info|app_id|startup-events|cancel|reset|upload|upload_progress)/?"
    r"|/gradio_api/(queue/(join|data)|run/.+|heartbeat/[^/]+)",
    re.IGNORECASE,
)
_FILE = "/gradio_api/file="
# Gradio's document names it at the root of the site, where nothing of ours lies, and perhaps somebody else's page.
_MANIFEST_LINK = b'<link rel="manifest" href="/manifest.json" />'


@contextlib.contextmanager
def _no_throwaway_apps() -> Iterator[None]:
    """Keep `Blocks` from making a web app of its own, twice a page; ours is made once, when it is mounted.

    Gradio uses that app only in ``launch()``. Making its 120 routes is most of the time a page takes to build.
    """
    make = vars(App)["create_app"]
    App.create_app = staticmethod(lambda *_, **__: None)  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        App.create_app = make  # type: ignore[method-assign]


def _with_first_script(send: Send, scope: Scope, lang: str) -> Send:
    """Put our first script into the document that is sent; what Gradio calls ``head`` comes after its own.

    Its link to a manifest is left out.
    """
    from ui import theme

    starts: list[Message] = []
    body = bytearray()

    async def send_changed(message: Message) -> None:
        if message["type"] == "http.response.start":
            starts.append(message)
            return
        if message["type"] != "http.response.body":
            await send(message)
            return
        body.extend(message.get("body", b""))
        if message.get("more_body"):
            return
        first = theme.first_script(lang) + address_check.script(scope, lang)
        script = f"<head><script>{first}</script>".encode()
        document = bytes(body).replace(b"<head>", script, 1).replace(_MANIFEST_LINK, b"")
        headers = MutableHeaders(raw=starts[0]["headers"])
        if "content-length" in headers:
            headers["content-length"] = str(len(document))
        await send({**starts[0], "headers": headers.raw})
        await send({"type": "http.response.body", "body": document})

    return send_changed


class LanguagePage:
    """Builds the page at the first request for it (or by `build_now`) and passes requests on to it.

    Handlers of a page that is already open must not create components: they would land in the page being built.
    """

    def __init__(self, settings: Settings, workspace: Workspace, lang: str, build: Build) -> None:
        self.settings, self.workspace = settings, workspace
        self.lang, self.build = lang, build
        self.root = f"{prefix(settings)}/{lang}"
        self._app: ASGIApp | None = None
        self._living: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._stop = asyncio.Event()
        self._live_page: live.Live | None = None

    @property
    def is_built(self) -> bool:
        """Whether the page is there already."""
        return self._app is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        path = scope["path"][len(scope.get("root_path", "")) :] if scope["type"] == "http" else ""
        upload = path.startswith(_FILE) and gradio_files.is_upload(path[len(_FILE) :])
        piece = incoming.PATH.fullmatch(path)
        if scope["type"] != "http" or not (upload or piece or path == live.PATH or _GRADIO_PATHS.fullmatch(path)):
            await PlainTextResponse("Not found", status_code=404)(scope, receive, send)
            return
        app = await self._ready()
        if piece:
            files = app.get_blocks().upload_file_set  # type: ignore[attr-defined]
            answer = await incoming.Incoming(self.settings, self.lang, files.add).answer(
                Request(scope, receive), piece[1]
            )
            await answer(scope, receive, send)
            return
        if path == live.PATH:
            await self._live_answer(Request(scope, receive), scope, receive, send)
            return
        # Gradio's app knows its public address and finds its routes below that, whatever the proxy left of it.
        full = f"{self.root}{path}"
        inner = {**scope, "root_path": self.root, "path": full, "raw_path": full.encode()}
        await app(inner, receive, _with_first_script(send, scope, self.lang) if path in ("", "/") else send)

    def build_now(self) -> Any:
        """Build the page if it is not there yet; takes as long as that takes."""
        with _BUILDING:
            if self._app is None:
                self._app = self._build_app()
        return self._app

    async def _live_answer(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        if self._live_page is None or request.method != "POST":
            await PlainTextResponse("Not found", status_code=404)(scope, receive, send)
            return
        answer = await self._live_page.respond(request)
        await answer(scope, receive, send)

    async def close(self) -> None:
        """End what the page runs in the background."""
        self._stop.set()
        if self._living:
            await self._living

    async def _ready(self) -> ASGIApp:
        if self._living is None:
            async with self._starting:
                if self._living is None:
                    app = self._app or await asyncio.to_thread(self.build_now)
                    ready = asyncio.Event()
                    self._living = asyncio.create_task(self._run(app, ready))
                    await ready.wait()
        assert self._app is not None
        return self._app

    async def _run(self, app: Any, ready: asyncio.Event) -> None:
        """Gradio's start-up and clean-up around the page's life; one task, because it must leave where it entered."""
        # Not its own lifespan: that also looks every second for state to delete, of which there is none.
        async with _lifespan_handler(app, *_DELETE_CACHE_S):
            blocks = app.get_blocks()
            blocks.run_startup_events()
            await blocks.run_extra_startup_events()
            ready.set()
            await self._stop.wait()
            blocks._queue.close()

    def _build_app(self) -> Any:
        from ui import theme

        with _no_throwaway_apps():
            blocks = self.build(self.settings, self.workspace, self.lang)
        upload_parser.install()
        path = f"/{self.lang}"
        # Gradio mounts the page into the app it is given; a scratch one keeps our own routes and their order. Where
        # that app has a CORS policy, Gradio leaves out its own, which would answer to any origin.
        scratch = FastAPI()
        scratch.add_middleware(CORSMiddleware, allow_origins=[])
        gr.mount_gradio_app(
            scratch,
            blocks,
            path=path,
            root_path=self.root,
            allowed_paths=[],
            blocked_paths=[],
            footer_links=[],
            run_history=False,
            # Gradio's own errors name paths; what we say to people comes as notices.
            show_error=False,
            ssr_mode=False,
            mcp_server=False,
            pwa=False,
            theme=theme.theme(),
            css=theme.css(),
            head=theme.head(),
        )
        app: Any = next(route.app for route in scratch.routes if isinstance(route, Mount) and route.path == path)
        gradio_files.accept_uploads_only(blocks)
        gradio_queue.EventQueue.replace(blocks._queue)
        gradio_session.pass_over_unchanged(blocks)
        app.state_holder = gradio_session.Sessions(blocks)
        self._live_page = getattr(blocks, "live", None)
        if self._live_page:
            self._live_page.version = live.version_of(blocks.config)
        return app
