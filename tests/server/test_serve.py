"""webui.py from start to end: it names its address, refuses in one sentence, and stops when it is asked to."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.server.conftest import REPOSITORY, wait_for, wait_until_up


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """webui.py, saying what it says into ``folder/said``."""
    with open(folder / "said", "wb") as said:
        return subprocess.Popen(
            [sys.executable, REPOSITORY / "webui.py", "--workspace", "my voices", *arguments],
            cwd=folder,
            stdout=said,
            stderr=subprocess.STDOUT,
        )


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_names_its_address_serves_and_stops_though_a_page_is_open(tmp_path: Path, how: signal.Signals) -> None:
    port = free_port()
    process = start(tmp_path, "--port", str(port), "--root-path", "voice")
    try:
        address = f"http://127.0.0.1:{port}/voice/"
        wait_until_up(address, process)
        wait_for(lambda: address in (tmp_path / "said").read_text())
        assert httpx.get(address, follow_redirects=True).status_code == 200
        assert (tmp_path / "my voices" / "tmp").is_dir(), "a relative workspace is below where it was started"
        with httpx.stream("GET", f"{address}en/gradio_api/heartbeat/someone", timeout=30) as stream:
            next(stream.iter_raw())
            asked = time.monotonic()
            process.send_signal(how)
            process.wait(30)
        assert time.monotonic() - asked < 15
        assert "Traceback" not in (tmp_path / "said").read_text()
    finally:
        process.kill()
        process.wait()


def refused(folder: Path, *arguments: str) -> str:
    """What it says before it ends with code 2."""
    process = start(folder, *arguments)
    assert process.wait(60) == 2
    return (folder / "said").read_text()


def test_a_port_in_use_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = refused(tmp_path, "--port", str(taken.getsockname()[1]))
    assert said.count("\n") == 1
    assert "--port" in said


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--port", "99999"], "port"),
        (["--workspace", "/proc/voices"], "--workspace"),
        (["--host", "no.such.name.invalid"], "VOICEWRIGHT_PASSWORD"),
    ],
)
def test_what_does_not_allow_a_start_is_said_in_one_line(tmp_path: Path, arguments: list[str], hint: str) -> None:
    said = refused(tmp_path, *arguments)
    assert said.count("\n") == 1
    assert hint in said
