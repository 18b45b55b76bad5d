"""TensorBoard over a project's runs, inside this server: behind the same login and host checks, to read only."""

from __future__ import annotations

import importlib.util
import io
import re
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from core.errors import UserError
from core.workspace import Workspace

_KEPT = 2  # projects whose numbers stay in memory
_FRESH_S = 5.0  # between two looks at the files
_QUESTION = re.compile(
    r"(experiment/\w+/)?data/plugin/(timeseries/timeSeries|scalars/scalars_multirun|hparams/(experiment|session_groups))"
)
_LONGEST = 1 << 20  # bytes of a question
_SENT = ("content-type", "content-encoding", "cache-control", "expires", "location")


def installed() -> bool:
    """Whether there is a TensorBoard to show."""
    return importlib.util.find_spec("tensorboard") is not None


def board_url(slug: str) -> str:
    """Where a page finds it, relative to a page (``/en/``)."""
    return f"../tensorboard/{slug}/"


def routes(workspace: Workspace) -> APIRouter:
    """``/tensorboard/<project>/…``; only reading."""
    router = APIRouter()
    shown: OrderedDict[str, _Board] = OrderedDict()
    lock = threading.Lock()

    def board(slug: str) -> _Board:
        with lock:
            one = shown.pop(slug, None) or _Board(workspace.project(slug).runs)
            shown[slug] = one
            while len(shown) > _KEPT:
                shown.popitem(last=False)
            return one

    @router.get("/tensorboard/{slug}")
    def home(slug: str) -> Response:
        # Relative, so that it holds behind any prefix: the page's own addresses need the slash at the end.
        return RedirectResponse(f"./{slug}/", status_code=307)

    @router.get("/tensorboard/{slug}/{path:path}")
    def page(request: Request, slug: str, path: str) -> Response:
        return give(request, slug, path)

    @router.post("/tensorboard/{slug}/{path:path}")
    async def ask(request: Request, slug: str, path: str) -> Response:
        # Questions too long for an address; they change nothing.
        if not _QUESTION.fullmatch(path):
            return PlainTextResponse("Only reading.", status_code=405)
        length = int(request.headers.get("content-length") or 0)
        if length > _LONGEST:
            return PlainTextResponse("Too long.", status_code=413)
        body = await request.body()
        return await run_in_threadpool(give, request, slug, path, body)

    def give(request: Request, slug: str, path: str, body: bytes = b"") -> Response:
        if not installed():
            return PlainTextResponse("The package “tensorboard” is not installed.", status_code=501)
        try:
            workspace.project(slug)
        except UserError as error:
            return PlainTextResponse(error.text, status_code=404)
        return board(slug).answer(f"/{path}", request, body)

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
        self.app: Callable[..., Iterable[bytes]] = application.TensorBoardWSGIApp(
            board.flags, board.plugin_loaders, source.data_provider, board.assets_zip_provider, self.runs
        )
        self.read_at = -_FRESH_S
        self.lock = threading.Lock()

    def answer(self, path: str, request: Request, body: bytes) -> Response:
        """What TensorBoard says."""
        if "data/" in path:
            self._read()
        status, headers, said = _call(self.app, path, request, body)
        return Response(said, status, {name: value for name, value in headers if name.lower() in _SENT})

    def _read(self) -> None:
        with self.lock:
            if time.monotonic() - self.read_at >= _FRESH_S:
                self.runs.AddRunsFromDirectory(str(self.folder), None)
                self.runs.Reload()
                self.read_at = time.monotonic()


def _call(
    app: Callable[..., Iterable[bytes]], path: str, request: Request, sent: bytes
) -> tuple[int, list[tuple[str, str]], bytes]:
    """One request by the rules of WSGI (PEP 3333)."""
    said: dict[str, Any] = {}

    def start(status: str, headers: list[tuple[str, str]], problem: object = None) -> Callable[[bytes], object]:
        said.update(status=int(status.split()[0]), headers=headers)
        return lambda block: None

    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": request.url.query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_ACCEPT_ENCODING": request.headers.get("accept-encoding", ""),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(sent)),
        "wsgi.input": io.BytesIO(sent),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    blocks = app(environ, start)
    try:
        body = b"".join(blocks)
    finally:
        close = getattr(blocks, "close", None)
        if close:
            close()
    return said["status"], said["headers"], body
