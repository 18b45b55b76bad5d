"""Warm processes: one process of a test run imports the libraries; jobs, servers and test workers are forks of it.

Torch, coqui, F5-TTS and Gradio take eleven seconds of processor in each process that imports them itself, and a run of
all tests starts a hundred. `python` is what to start in place of Python, `use` has jobs come from there. Where no such
process runs, as when a single file is tested, both do as always.
"""

from __future__ import annotations

import json
import os
import select
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from core import REPOSITORY
from core.jobs import fork_server
from core.jobs.job import worker_environment

FOLDER = "VOICEWRIGHT_TEST_WARM"  # the variable that says where the sockets are
PAGE, ENGINE = "page", "engine"  # what is imported: Gradio and the page's modules, or the engines' libraries as well
_LAUNCHER = Path(__file__).with_name("launcher.py")


def start(tests: Sequence[str]) -> subprocess.Popen[bytes]:
    """Begin to import, and to read these tests; whoever connects meanwhile waits. It ends when its input does."""
    folder = Path(tempfile.mkdtemp(prefix="voicewright-warm-", dir="/tmp"))  # addresses of sockets have to be short
    os.environ[FOLDER] = str(folder)
    for kind in (PAGE, ENGINE):
        command = shlex.join([sys.executable, "-I", "-S", str(_LAUNCHER), str(folder / kind)])
        script = folder / f"python-{kind}"
        script.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        script.chmod(0o700)
    paths = [str(Path(test.split("::")[0]).resolve()) for test in tests]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.warm.server", str(folder), *paths],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None and process.stdout.readline() == b"listening\n"
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    """Let it end; its forks stay."""
    assert process.stdin is not None
    process.stdin.close()
    process.wait(30)
    shutil.rmtree(os.environ.pop(FOLDER), ignore_errors=True)


def python(kind: str = ENGINE) -> str:
    """Path of what takes Python's own arguments and runs them in a fork of the warm process, or of Python itself."""
    folder = os.environ.get(FOLDER)
    return str(Path(folder, f"python-{kind}")) if folder else sys.executable


def use() -> None:
    """Have this process' jobs, and those of its forks, come from the warm process."""
    fork_server.ForkServer = WarmForkServer  # type: ignore[misc]


def have_jobs_forked() -> None:
    """Have this process' jobs come from the warm process from now on, as a page's do that has preloaded an engine."""
    if os.environ.get(FOLDER):
        fork_server.warm(["core.jobs.worker"], worker_environment())


class WarmForkServer(fork_server.ForkServer):
    """A fork of the warm process as this one's fork server; a fork server of its own where libraries would differ."""

    def __init__(self, modules: Sequence[str], environment: Mapping[str, str]) -> None:
        self._is_warm = False
        if folder := os.environ.get(FOLDER):
            self.modules = tuple(modules)
            self._environment = dict(environment)
            self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._connection.connect(str(Path(folder, ENGINE)))
            self._connection.send(json.dumps({"environment": self._environment}).encode())
            self._is_warm = self._ready = self._connection.recv(16) == b"r"
        if not self._is_warm:
            super().__init__(modules, environment)

    @property
    def alive(self) -> bool:
        """Whether the process is there."""
        return not select.select([self._connection], [], [], 0)[0] if self._is_warm else super().alive
