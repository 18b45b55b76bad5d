"""Silent and slow connections are closed, too many make room, and those at work go on."""

from __future__ import annotations

import contextlib
import functools
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from tests.server.conftest import running, wait_for
from ui.http import connections
from ui.http.connections import BudgetedProtocol, ConnectionLimit

Serve = Callable[..., int]


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Says how many bytes came; ``/stream`` goes on until the client leaves, ``/deaf`` answers without listening."""
    if scope["type"] != "http":
        return
    came, more = 0, scope["path"] != "/deaf"
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        came += len(message["body"])
        more = message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/stream":
        await send({"type": "http.response.body", "body": b"began\n", "more_body": True})
        await receive()
    await send({"type": "http.response.body", "body": b"%d" % came})


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """``serve(most=…, HEAD_S=…)``: a server with that many connections and those times; gives its port."""
    running_servers: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(most: int = 100, **times: float) -> int:
        for name, value in times.items():
            monkeypatch.setattr(connections, name, value)
        protocol = functools.partial(BudgetedProtocol, limit=ConnectionLimit(most))
        config = uvicorn.Config(application, http=protocol, ws="none", log_level="warning", lifespan="off")  # type: ignore[arg-type]
        server = uvicorn.Server(config)
        listening = socket.create_server(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        running_servers.append((server, thread))
        wait_for(lambda: server.started)
        return int(listening.getsockname()[1])

    yield start
    for server, thread in running_servers:
        server.should_exit = server.force_exit = True
        thread.join(20)


def opened(port: int, sent: bytes = b"", within_s: float = 20) -> socket.socket:
    """A connection on which something was sent."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=within_s)
    connection.sendall(sent)
    return connection


def read_until(connection: socket.socket, wanted: bytes) -> None:
    """Read until these bytes have come."""
    came = b""
    while not came.endswith(wanted):
        block = connection.recv(65536)
        assert block, came
        came += block


def rest(connection: socket.socket) -> bytes:
    """What comes until the server closes the connection; fails by its timeout if it does not."""
    came = b""
    with contextlib.suppress(ConnectionResetError):
        while block := connection.recv(65536):
            came += block
    return came


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"G",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /again HT",
        b"\r\n\r\n",
    ],
    ids=["silent", "a letter", "half a head", "half a second head", "empty lines"],
)
def test_who_asks_nothing_whole_is_closed(serve: Serve, sent: bytes) -> None:
    port = serve(HEAD_S=0.3)
    assert b"408" in rest(opened(port, sent)) or sent == b"\r\n\r\n"


def test_a_head_that_comes_letter_by_letter_has_no_more_time(serve: Serve) -> None:
    port = serve(HEAD_S=0.4)
    connection = opened(port, b"GET / HTTP/1.1\r\n")
    with contextlib.suppress(ConnectionError):
        for _ in range(200):
            connection.sendall(b"X")
            time.sleep(0.02)
        pytest.fail("it was listened to for ever")


@pytest.mark.parametrize("pause_s", [0.05, None])
def test_a_body_that_trickles_is_ended(serve: Serve, pause_s: float | None) -> None:
    port = serve(BODY_S=0.5)
    connection = opened(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        for _ in range(100 if pause_s else 0):
            connection.sendall(b"1")
            time.sleep(pause_s or 0)
    assert b"408" in rest(connection) or pause_s


def test_a_body_that_comes_steadily_goes_on_however_long_it_takes(serve: Serve) -> None:
    port = serve(BODY_S=0.3, BODY_BYTES=1000)
    connection = opened(port, b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 24000\r\n\r\n")
    for _ in range(12):
        connection.sendall(b"1" * 2000)
        time.sleep(0.1)
    assert rest(connection).endswith(b"24000\r\n0\r\n\r\n")


def test_an_answer_may_stream_as_long_as_it_likes(serve: Serve) -> None:
    port = serve(HEAD_S=0.2, BODY_S=0.2, LINGER_S=0.2)
    connection = opened(port, b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
    read_until(connection, b"began\n\r\n")
    connection.settimeout(1.0)
    with pytest.raises(TimeoutError):
        connection.recv(1)


def test_a_body_that_nobody_wants_is_read_for_a_moment_only(serve: Serve) -> None:
    port = serve(LINGER_S=0.3)
    connection = opened(port, b"POST /deaf HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n")
    read_until(connection, b"0\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        for _ in range(400):
            connection.sendall(b"1" * 10)
            time.sleep(0.02)
        pytest.fail("it was listened to for ever")


def test_where_there_are_too_many_the_one_that_waits_longest_makes_room(serve: Serve) -> None:
    port = serve(most=8)
    busy = [opened(port, b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(3)]
    for connection in busy:
        read_until(connection, b"began\n\r\n")
    silent = [opened(port) for _ in range(20)]
    assert httpx.get(f"http://127.0.0.1:{port}/", timeout=20).status_code == 200
    assert all(rest(connection) == b"" for connection in silent[:15]), "the oldest were closed"
    for http in busy:
        http.settimeout(0.3)
        with pytest.raises(TimeoutError):
            http.recv(1)


def test_where_all_are_at_work_one_more_is_told_so(serve: Serve) -> None:
    port = serve(most=6)
    busy = [opened(port, b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(3)]
    for connection in busy:
        read_until(connection, b"began\n\r\n")
    answer = rest(opened(port))
    assert answer.startswith(b"HTTP/1.1 503") and b"too many connections" in answer
    busy.pop().close()

    def let_in() -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"http://127.0.0.1:{port}/", timeout=20).status_code == 200
        return False

    wait_for(let_in)


def test_the_soft_limit_of_descriptors_is_raised_to_what_is_allowed() -> None:
    code = (
        "import resource; from ui.http.connections import raise_descriptor_limit as go;"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 700));"
        "print(go(), go(500), resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=2) == ["700", "700", "(700, 700)\n"]


@pytest.mark.slow
def test_1100_silent_connections_leave_the_page_open(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 4096)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))  # for this side of them
    silent: list[socket.socket] = []
    try:
        with running(tmp_path / "workspace", descriptors=1024) as port:
            silent += [opened(port) for _ in range(1100)]
            for path in ("health", "en/", "en/config"):
                assert httpx.get(f"http://127.0.0.1:{port}/{path}", timeout=60).status_code == 200
    finally:
        for connection in silent:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
