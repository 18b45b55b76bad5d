"""TensorBoard over a project's runs, inside this server: behind the same login and host checks, to read only."""

from __future__ import annotations

import importlib.util
import re
import threading
import time
from collections import OrderedDict
from pathlib import Path

from a2wsgi import WSGIMiddleware
from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import Message, Receive, Scope, Send

from core.errors import UserError
from core.project.workspace import Workspace

_MAX_BOARDS = 2  # projects whose numbers stay in memory
_FRESH_S = 5.0  # between two looks at the files
_QUESTION = re.compile(
    r"(experiment/\w+/)?data/plugin/(timeseries/timeSeries|scalars/scalars_multirun|hparams/(experiment|session_groups))"
)
_LONGEST = 1 << 20  # bytes of a question
_REQUEST_HEADERS = (b"content-type", b"content-length", b"accept-encoding")
_HEADERS = (b"content-type", b"content-length", b"content-encoding", b"cache-control", b"expires", b"location")


def is_installed() -> bool:
    """Whether there is a TensorBoard to show."""
    return importlib.util.find_spec("tensorboard") is not None


def board_url(slug: str) -> str:
    """Where a page finds it, relative to a page (``/en/``)."""
    return f"../tensorboard/{slug}/"


def routes(workspace: Workspace) -> APIRouter:
    """``/tensorboard/<project>/…``; only reading."""
    router = APIRouter()
    boards: OrderedDict[str, _Board] = OrderedDict()
    lock = threading.Lock()

    def board(slug: str) -> _Board:
        with lock:
            board_ = boards.pop(slug, None) or _Board(workspace.project(slug).runs)
            boards[slug] = board_
            while len(boards) > _MAX_BOARDS:
                boards.popitem(last=False)
            return board_

    @router.get("/tensorboard/{slug}")
    def home(slug: str) -> Response:
        # Relative, so that it holds behind any prefix: the page's own addresses need the slash at the end.
        return RedirectResponse(f"./{slug}/", status_code=307)

    @router.get("/tensorboard/{slug}/{path:path}")
    def page(slug: str, path: str) -> Response:
        return give(slug, path)

    @router.post("/tensorboard/{slug}/{path:path}")
    def ask(request: Request, slug: str, path: str) -> Response:
        # Questions too long for an address; they change nothing.
        if not _QUESTION.fullmatch(path):
            return PlainTextResponse("Only reading.", status_code=405)
        if int(request.headers.get("content-length") or 0) > _LONGEST:
            return PlainTextResponse("Too long.", status_code=413)
        return give(slug, path)

    def give(slug: str, path: str) -> Response:
        if not is_installed():
            return PlainTextResponse("The package “tensorboard” is not installed.", status_code=501)
        try:
            workspace.project(slug)
        except UserError as error:
            return PlainTextResponse(error.text, status_code=404)
        return board(slug).answer(f"/{path}")

    return router


class _Board:
    """TensorBoard's own application over one folder; reads what is new when it is asked for data."""

    def __init__(self, folder: Path) -> None:
        # Imported when somebody opens it: it takes a second, and most people never do.
        from tensorboard import program
        from tensorboard.backend import application
        from tensorboard.backend.event_processing.data_ingester import LocalDataIngester
        from tensorboard.plugins.audio.audio_plugin import AudioPlugin
        from tensorboard.plugins.core.core_plugin import CorePluginLoader
        from tensorboard.plugins.hparams.hparams_plugin import HParamsPlugin
        from tensorboard.plugins.metrics.metrics_plugin import MetricsPlugin
        from tensorboard.plugins.scalar.scalars_plugin import ScalarsPlugin

        # No others: some of the rest read files that a log names.
        plugins = [CorePluginLoader(), MetricsPlugin, ScalarsPlugin, AudioPlugin, HParamsPlugin]
        board = program.TensorBoard(plugins=plugins)
        board.configure(argv=["tensorboard", "--logdir", str(folder), "--window_title", "Voicewright"])
        source = LocalDataIngester(board.flags)
        self.folder, self.runs = folder, source.deprecated_multiplexer
        self.app = WSGIMiddleware(
            application.TensorBoardWSGIApp(
                board.flags, board.plugin_loaders, source.data_provider, board.assets_zip_provider, self.runs
            )
        )
        self.read_at = -_FRESH_S
        self.lock = threading.Lock()

    def answer(self, path: str) -> Response:
        """What TensorBoard says."""
        if "data/" in path:
            self._read()
        return _Answer(self.app, path)

    def _read(self) -> None:
        with self.lock:
            if time.monotonic() - self.read_at >= _FRESH_S:
                self.runs.AddRunsFromDirectory(str(self.folder), None)
                self.runs.Reload()
                self.read_at = time.monotonic()


class _Answer(Response):
    """An application's own answer at ``path``: it is told no cookies and no addresses, and its headers are sifted."""

    def __init__(self, app: WSGIMiddleware, path: str) -> None:
        super().__init__()
        self.app, self.path = app, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_filtered(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [header for header in message["headers"] if header[0] in _HEADERS]
            await send(message)

        headers = [header for header in scope["headers"] if header[0] in _REQUEST_HEADERS]
        inner = {"type": "http", "path": self.path, "headers": headers}
        for name in ("method", "query_string", "http_version"):
            inner[name] = scope[name]
        await self.app(inner, receive, send_filtered)  # type: ignore[arg-type]
