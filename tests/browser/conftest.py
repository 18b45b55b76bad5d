"""A real server in a child process and a real Chromium, for tests that do what a person does."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.audio.samples import write_wav
from core.damage import FOLDER
from core.dataset.freeze import freeze
from core.engines import registry
from core.project.records import Clip, Source
from core.project.workspace import Project, Workspace
from tests import warm
from tests.audio.sounds import tone

REPOSITORY = Path(__file__).resolve().parents[2]
SETTINGS = {"HF_HUB_OFFLINE": "1", "VOICEWRIGHT_ALLOWED_HOSTS": "voice.lan"}
TOY = REPOSITORY / "tests" / "toy"


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listen_to_both(page: Any) -> None:
    """Play both sides of the blind pair by its keys: a switch goes on at the same place, an end begins anew."""
    for key, side in (("1", 0), ("2", 1)):
        page.wait_for_function("window.vw.ab?.buffers")
        page.keyboard.press(key)
        heard = f"window.vw.ab.heardSeconds({side}) >= window.vw.ab.buffers[{side}].duration * 0.7"
        page.wait_for_function(heard)
    page.wait_for_selector("#vote-left:enabled")


class Server:
    """``webui.py`` as a child process, answering on loopback."""

    def __init__(self, workspace: Path, *arguments: str, port: int = 0) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.workspace = workspace
        self.log = workspace.parent / f"server-{self.port}.log"
        command = [
            warm.python(warm.PAGE),
            "webui.py",
            "--port",
            str(self.port),
            "--workspace",
            str(workspace),
            *arguments,
        ]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command, cwd=REPOSITORY, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **SETTINGS}
            )
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + 300  # on a busy machine
        while time.monotonic() < until:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/health", timeout=2):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"the server did not start:\n{self.log.read_text()}")

    def stop(self) -> None:
        """Ask it to end, and make sure it does."""
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Any:
    """Where a browser test fails, its report holds what the page showed."""
    report = yield
    page = getattr(item, "funcargs", {}).get("page")
    if report.when == "call" and report.failed and page is not None:
        with contextlib.suppress(Exception):
            shown = page.inner_text("body", timeout=5_000)
            report.sections.append(("what the page showed", f"{page.url}\n{shown[:3_000]}"))
    return report


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The toy's package is among the installed ones, here and in what is started from here."""
    monkeypatch.syspath_prepend(str(TOY))
    monkeypatch.setenv("PYTHONPATH", str(TOY))
    registry._engines.cache_clear()
    yield
    registry._engines.cache_clear()


def freeze_tones(project: Project) -> None:
    """Give a project of the toy a frozen dataset: six tones."""
    project.store.add_source(Source("a", "Recording", seconds=60.0))
    clips = [Clip(f"a-{n:04d}", "a", 4.0 * n, 4.0 * n + 2, text="Hum a line.", status="approved") for n in range(6)]
    project.store.replace_clips("a", clips)
    for clip in clips:
        write_wav(project.clip_file(clip.id), tone(2.0, 16_000, 220.0), 16_000)
    freeze(project)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    """The server that tests share, once there is one."""
    running: list[Server] = []
    yield running
    for server in running:
        server.stop()


@pytest.fixture
def server(servers: list[Server], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server over an empty workspace: the process of earlier tests, unless one of them has ended it."""
    if servers and servers[0].process.poll() is not None:
        servers.clear()
    if not servers:
        servers.append(Server(tmp_path_factory.mktemp("server") / "workspace"))
    workspace = Workspace(servers[0].workspace)
    _clear(workspace)  # a request of the last test's page may have written since
    yield servers[0]
    for project in workspace.projects():
        for job in project.all_jobs():
            job.force_stop()
            job.wait(10)
    _clear(workspace)


def _clear(workspace: Workspace) -> None:
    for folder in (workspace.projects_folder, workspace.models, workspace.trash, workspace.path / FOLDER):
        _remove(folder)


def _remove(folder: Path) -> None:
    """Remove a folder in which the server may be opening a file at this very moment."""
    end = time.monotonic() + 20
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
        assert time.monotonic() < end, f"{folder} stays"


@pytest.fixture
def page(request: pytest.FixtureRequest, window: Any) -> Iterator[Any]:
    """A page that fails the test if its script breaks; it waits for the test module's ``PATIENCE_MS``."""
    page = window.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_default_timeout(request.module.PATIENCE_MS)
    yield page
    with contextlib.suppress(Exception):  # a test may leave it on no page at all
        page.evaluate("localStorage.clear(); sessionStorage.clear()")
    for tab in window.pages:
        tab.close()
    window.clear_cookies()
    assert complaints == []
