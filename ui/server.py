"""The FastAPI app: health, languages, login, audio, and the Gradio page of each language; and its serving."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, RedirectResponse
from starlette.middleware.cors import CORSMiddleware

from core import leftovers
from core.errors import UserError
from core.notifications import start as notifications
from core.project.workspace import Workspace
from core.reasons import reason_of
from core.settings import Settings
from core.synthesis import speaking
from core.system.connection import parse_trusted_proxies
from core.system.process import make_new_files_private, refuse_unsafe_loading
from core.training.auto_resume import resume_interrupted
from ui import ASSETS, language
from ui.gradio_import import import_gradio
from ui.http import (
    audio_routes,
    clip_routes,
    connections,
    health,
    live_sound,
    login,
    news,
    security,
    tensorboard,
    voice_routes,
)
from ui.http.api import openai_speech, openai_transcriptions, wyoming_server
from ui.http.api.rest import app as rest
from ui.http.api_keys import ApiKeys
from ui.http.body_limit import BodyLimit
from ui.http.head_requests import HeadRequests
from ui.http.proxy_headers import ProxyHeaders
from ui.http.sessions import Sessions
from ui.http.upload_room import UploadRoom

if TYPE_CHECKING:
    import gradio as gr
    import uvicorn

    from ui.mount import Build

# A stream that a closed laptop left open must not keep the server from stopping.
_SHUTDOWN_S = 3
log = logging.getLogger("voicewright")
_ICON = ASSETS / "icon.svg"


def prepare(settings: Settings) -> None:
    """Make the private folders and set what Gradio reads from the environment; call before importing it."""
    temporary = settings.workspace_folder() / "tmp"
    for folder in (temporary, temporary / "gradio", temporary / "empty"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(PermissionError):  # a folder of another account, which may be written all the same
        settings.workspace_folder().chmod(0o700)
    os.environ["GRADIO_TEMP_DIR"] = str(temporary / "gradio")
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_MCP_SERVER"] = "False"
    for name in ("GRADIO_ROOT_PATH", "GRADIO_ALLOWED_PATHS", "GRADIO_SHARE", "GRADIO_LOCAL_DEV_MODE"):
        os.environ.pop(name, None)


def create_app(settings: Settings, build: Build | None = None) -> FastAPI:
    """The whole application.

    Args:
        settings: checked here: no password on a reachable address is refused.
        build: makes the page of a language; `ui.app.build` if not given.

    Raises:
        UserError: ``server.no_password``, or ``server.trusted_…`` for a setting that names no proxies.
    """
    security.check_exposure(settings)
    parse_trusted_proxies(settings.trusted_proxies)
    prepare(settings)
    # Gradio reads the environment when it is imported.
    import_gradio()
    from ui.mount import LanguagePage

    workspace = Workspace(settings.workspace_folder())
    root = security.prefix(settings)
    sessions = Sessions(settings)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # One that an earlier version of this program has started would go on speaking as that.
        await asyncio.to_thread(speaking.dismiss, workspace)
        if settings.resume_runs:
            threading.Thread(target=resume_interrupted, args=[workspace], daemon=True).start()
        cleaning = asyncio.create_task(_clean_now_and_then(workspace))
        explaining = asyncio.create_task(_explain_now_and_then(workspace))
        async with wyoming_server.serving(workspace, settings):
            yield
        cleaning.cancel()
        explaining.cancel()
        await asyncio.to_thread(speaking.dismiss, workspace)
        for page in pages.values():
            await page.close()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    pages = {lang: LanguagePage(settings, workspace, lang, build or _page) for lang in language.LANGUAGES}

    @app.get("/favicon.ico")
    def icon() -> FileResponse:
        return FileResponse(_ICON, headers={"Cache-Control": "private, max-age=86400"})

    @app.get("/")
    def home(request: Request) -> RedirectResponse:
        return _to_page(root, language.choose(request, settings), request)

    app.include_router(health.routes(workspace))
    app.include_router(login.routes(settings, sessions))
    app.include_router(audio_routes.routes(workspace))
    app.include_router(news.routes(workspace))
    app.include_router(live_sound.routes(workspace))
    app.include_router(voice_routes.routes(workspace, settings))
    app.include_router(tensorboard.routes(workspace))
    app.include_router(clip_routes.routes(workspace))
    app.include_router(openai_speech.routes(workspace, settings))
    app.include_router(openai_transcriptions.routes(workspace))
    app.mount("/api/v1", rest.Rest(workspace, settings))
    for lang, page in pages.items():
        app.add_api_route(f"/{lang}", _slash(root, lang), methods=["GET"])
        app.mount(f"/{lang}", page)

    # The last one added is the first to see a request.
    app.add_middleware(CORSMiddleware, allow_origins=[])
    app.add_middleware(UploadRoom, settings=settings)
    app.add_middleware(login.LoginGuard, sessions=sessions, keys=ApiKeys(settings), root=root)
    app.add_middleware(BodyLimit)
    app.add_middleware(security.Guard, settings=settings)
    app.add_middleware(security.Prefix, prefix=root)
    app.add_middleware(ProxyHeaders, trusted_proxies=settings.trusted_proxies)
    app.add_middleware(HeadRequests)
    app.state.pages = pages
    return app


async def _clean_now_and_then(workspace: Workspace) -> None:
    while True:
        await asyncio.to_thread(leftovers.delete_leftovers, workspace)
        await asyncio.to_thread(_catch_up, workspace)
        await asyncio.sleep(leftovers.EVERY_S)


async def _explain_now_and_then(workspace: Workspace) -> None:
    from ui.explain_due import EVERY_S, explain_due

    while True:
        await asyncio.sleep(EVERY_S)
        try:
            await asyncio.to_thread(explain_due, workspace)
        except (UserError, OSError):
            log.exception("runs were not looked through for what is to be explained")


def _catch_up(workspace: Workspace) -> None:
    try:
        notifications.catch_up(workspace)
    except (UserError, OSError):
        log.exception("notifications were not looked through")


def _page(settings: Settings, workspace: Workspace, lang: str) -> gr.Blocks:
    from ui.app import build

    return build(settings, workspace, lang)


def _to_page(root: str, lang: str, request: Request) -> RedirectResponse:
    query = f"?{request.url.query}" if request.url.query else ""
    answer = RedirectResponse(f"{root}/{lang}/{query}", status_code=303)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Vary"] = "Cookie, Accept-Language"
    return answer


def _slash(root: str, lang: str) -> Callable[[Request], RedirectResponse]:
    def add_slash(request: Request) -> RedirectResponse:
        return _to_page(root, lang, request)

    return add_slash


def listen(settings: Settings) -> socket.socket:
    """Take the port.

    Raises:
        UserError: ``server.port_taken``, ``server.no_address``.
    """
    host = settings.host.strip("[]")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except socket.gaierror:
        raise UserError(
            "server.no_address", "{host} is not an address of this computer.", "Choose another --host.", host=host
        ) from None
    except OSError as error:
        raise UserError(
            "server.port_taken",
            "Port {port} on {host} cannot be used: {reason}.",
            "Choose another with --port.",
            port=settings.port,
            host=host,
            reason=reason_of(error),
        ) from None
    return listening


def address(settings: Settings) -> str:
    """Where a browser on this computer finds the page."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"http://{host}:{settings.port}{security.prefix(settings)}/"


def serve(settings: Settings) -> None:
    """Serve until a signal stops it; prints the address once the page can be opened.

    Raises:
        UserError: the settings or the machine do not allow it.
    """
    make_new_files_private()
    refuse_unsafe_loading()
    security.check_exposure(settings)
    parse_trusted_proxies(settings.trusted_proxies)
    settings = settings.model_copy(update={"workspace": _usable(settings)})
    listening = listen(settings)
    print("Starting …", flush=True)
    app = create_app(settings)
    import uvicorn

    config = server_config(app)

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            app.state.pages[_likely(settings)].build_now()
            await super().startup(sockets)
            print(f"Voicewright is at {address(settings)}   (Ctrl+C stops it; running jobs go on)", flush=True)

    # Gradio serves files of the working directory to itself: give it one that is empty.
    os.chdir(settings.workspace / "tmp" / "empty")
    # After a clean end uvicorn raises the signal that ended it once more; Ctrl+C needs no traceback.
    with contextlib.suppress(KeyboardInterrupt):
        Server(config).run(sockets=[listening])


def server_config(app: FastAPI) -> uvicorn.Config:
    """How uvicorn serves the application: HTTP/1.1 by connections with a budget."""
    import uvicorn

    limit = connections.ConnectionLimit.for_descriptors(connections.raise_descriptor_limit())
    return uvicorn.Config(
        app,
        http=functools.partial(connections.BudgetedProtocol, limit=limit),  # type: ignore[arg-type]
        ws="none",
        log_level="warning",
        server_header=False,
        proxy_headers=False,  # ui/http/proxy_headers.py reads them
        backlog=connections.BACKLOG,
        timeout_keep_alive=connections.KEEP_ALIVE_S,
        timeout_graceful_shutdown=_SHUTDOWN_S,
    )


def _likely(settings: Settings) -> str:
    wish = settings.language or os.environ.get("LC_ALL") or os.environ.get("LANG") or ""
    return language.match_tag(wish) or language.LANGUAGES[0]


def _usable(settings: Settings) -> Path:
    folder = settings.workspace_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            (folder / ".writable").unlink()
        (folder / ".writable").touch()
        (folder / ".writable").unlink()
    except OSError as error:
        raise UserError(
            "server.workspace",
            "The workspace {folder} cannot be written: {reason}.",
            "Choose another folder with --workspace.",
            folder=folder,
            reason=reason_of(error),
        ) from None
    return folder
