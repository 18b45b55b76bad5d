"""Health check of this computer: room, workspace, databases, child processes; tells no secrets."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from core.files import TEMP_PREFIX, is_full
from core.project.workspace import Workspace

LOW_BYTES = 5 << 30  # below it a training may not end
FULL_BYTES = 64 << 20  # below it hardly anything can be saved
_DATABASES = 20  # the projects used last
_FRESH_S = {"disk": 5.0, "workspace": 5.0, "database": 15.0, "worker": 60.0}
_START_S = 10.0  # a child that does nothing has to start within


@dataclass(frozen=True)
class Health:
    """What each check came to: ``ok``, or in a word what is amiss; ``status`` is ok, degraded or failed."""

    status: str
    checks: dict[str, str]


class HealthCheck:
    """Asks each thing anew only after some seconds, however often it is asked."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._lock = threading.Lock()
        self._results: dict[str, tuple[float, str]] = {}

    def __call__(self) -> Health:
        """The state now."""
        with self._lock:
            checks = {name: self._result(name) for name in _FRESH_S}
        is_down = checks["workspace"] != "ok" or checks["disk"] in ("full", "unreadable")
        well = all(result == "ok" for result in checks.values())
        return Health("failed" if is_down else "ok" if well else "degraded", checks)

    def _result(self, name: str) -> str:
        at, result = self._results.get(name, (float("-inf"), ""))
        if time.monotonic() - at >= _FRESH_S[name]:
            result = _CHECKS[name](self.workspace)
            self._results[name] = time.monotonic(), result
        return result


def _disk(workspace: Workspace) -> str:
    try:
        free = shutil.disk_usage(workspace.path).free
    except OSError:
        return "unreadable"
    return "full" if free < FULL_BYTES else "low" if free < LOW_BYTES else "ok"


def _workspace(workspace: Workspace) -> str:
    try:
        with tempfile.TemporaryFile(dir=workspace.path, buffering=0) as file:
            file.write(b"1" * 4096)
    except OSError as error:
        return "full" if is_full(error) else "not writable"
    return "ok"


def _database(workspace: Workspace) -> str:
    """Whether the databases of the projects used last can be read; one that cannot is named on its page."""
    by_age: list[tuple[float, Path]] = []
    for path in workspace.projects_folder.glob("*/project.db"):
        with contextlib.suppress(OSError):
            if not path.parent.name.startswith(TEMP_PREFIX) and (status := path.stat()).st_size:
                by_age.append((status.st_mtime, path))
    for _, path in sorted(by_age, reverse=True)[:_DATABASES]:
        try:
            with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=1)) as connection:
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error:
            return "unreadable"
    return "ok"


def _worker(_: Workspace) -> str:
    """Whether a child process can be started: a machine without memory or processes left cannot."""
    try:
        subprocess.run([sys.executable, "-I", "-S", "-c", ""], timeout=_START_S, check=True, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError):
        return "not startable"
    return "ok"


_CHECKS = {"disk": _disk, "workspace": _workspace, "database": _database, "worker": _worker}
