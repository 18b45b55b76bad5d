"""The whole application around a stand-in page: in this process, and as a process of its own."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import uvicorn
from fastapi.testclient import TestClient

from core.settings import Settings
from tests import warm

REPOSITORY = Path(__file__).resolve().parents[2]
HERE = "http://127.0.0.1:7860"

Client = Callable[..., TestClient]
Result = TypeVar("Result")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """``client(password="…", …)``: the application with these settings; redirects are not followed.

    ``peer`` is the address that its requests come from.
    """
    opened: list[TestClient] = []

    def make(*, peer: str = "testclient", **settings: object) -> TestClient:
        from tests.server.stand_in import build
        from ui.server import create_app

        chosen = Settings(_env_file=None, **{"workspace": tmp_path / "workspace", **settings})  # type: ignore
        app = create_app(chosen, build)
        http = TestClient(app, base_url=HERE, follow_redirects=False, client=(peer, 50000))
        http.__enter__()
        opened.append(http)
        return http

    yield make
    for http in opened:
        http.__exit__(None, None, None)


@contextmanager
def running(workspace: Path, *, descriptors: int = 0, **settings: str) -> Iterator[int]:
    """A server process, which may open no more than so many descriptors if that is given; gives its port."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    environment = {f"VOICEWRIGHT_{name.upper()}": value for name, value in settings.items()}
    process = subprocess.Popen(
        [warm.python(warm.PAGE), "-m", "tests.server.stand_in", str(listening.fileno())],
        cwd=REPOSITORY,
        pass_fds=[listening.fileno()],
        env={**os.environ, **environment, "VOICEWRIGHT_WORKSPACE": str(workspace)},
    )
    if descriptors:
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (descriptors, descriptors))
    try:
        wait_until_up(f"http://127.0.0.1:{port}/health", process)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        listening.close()


@contextmanager
def serving(workspace: Path, *, real_page: bool = False, **settings: str) -> Iterator[int]:
    """A server on a port of its own in this process, which costs less than a process; gives the port."""
    from tests.server.stand_in import build
    from ui.server import create_app

    chosen = Settings(_env_file=None, workspace=workspace, **settings)  # type: ignore
    app = create_app(chosen, None if real_page else build)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none", proxy_headers=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_for(lambda: server.started)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)


def wait_for(true: Callable[[], bool], within_s: float = 60) -> None:
    """Wait until something is so, or fail."""
    until = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < until, f"not so within {within_s} s"
        time.sleep(0.05)


def wait_until_up(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until something answers there; fail if the process ends first."""

    def answers() -> bool:
        assert process.poll() is None, f"ended with {process.returncode}"
        with suppress(httpx.TransportError):
            httpx.get(url, timeout=2)
            return True
        return False

    wait_for(answers)


def finish(work: Coroutine[Any, Any, Result]) -> Result:
    """What ``work`` returns, in a thread of its own: a browser test of the same process leaves a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
