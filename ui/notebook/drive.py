"""Drive of the notebook: the syncer that keeps the project's mirror, and files that are to be taken home."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from core import REPOSITORY
from core.errors import DiskFull
from core.files import TEMP_PREFIX, is_full
from core.jobs import locks
from core.project.workspace import Project
from core.sync.ledger import erase, lock_path, notes_folder, read_state
from core.sync.syncer import is_running, watch
from ui.notebook import pictures
from ui.notebook.cell import LOOK_S, Cell

_SYNC_S = 600.0  # that a cell waits for the drive after its work is done
_END_S = 30.0  # for a syncer that was asked to end


def keep_mirror(cell: Cell, project: Project) -> None:
    """Have a syncer at work with the limits that are wished.

    It looks for news as long as this session lives, what is done on the page among them; then it brings over what is
    left, and ends.
    """
    wish = cell.wish
    if wish.drive is None:
        return
    if project.slug not in cell.watched:
        cell.watched[project.slug] = watch(project)
    options = ["--drive", str(wish.drive), "--mb-per-s", str(wish.mb_per_s), "--most-gb", str(wish.most_gb)]
    if is_running(project):
        holder = locks.holder(lock_path(project))
        if holder.get("options") == options:
            return
        _end(project, int(holder.get("pid", 0)))
    command = [sys.executable, "-m", "core.sync", project.slug, "--workspace", str(cell.workspace.path), *options]
    notes_folder(cell.workspace).mkdir(parents=True, exist_ok=True)
    with open(notes_folder(cell.workspace) / f"{project.slug}.log", "ab") as log:
        subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log, start_new_session=True)


def wait_for_mirror(cell: Cell, project: Project) -> None:
    """Until what is here now is on the drive, or it is known that it cannot be; then the machine may go."""
    if cell.wish.drive is None:
        return
    began = time.time()
    keep_mirror(cell, project)
    while time.time() - began < _SYNC_S and not cell.stop_requested:
        state = read_state(project)
        cell.show("drive", pictures.sync_line(cell.t, state))
        if state and (state.at >= began or state.state in ("no_room", "taken")):
            return
        time.sleep(LOOK_S)


def write_zip(target: Path, files: Sequence[tuple[str, Path | bytes]], check_stop: Callable[[], object]) -> None:
    """A zip that appears whole; of one that was broken off nothing stays, as it would take room on the drive.

    Raises:
        Cancelled: of ``check_stop``. DiskFull: ``notebook.no_room``.
    """
    temporary = target.with_name(f"{TEMP_PREFIX}{target.name}")
    size = sum(len(content) if isinstance(content, bytes) else content.stat().st_size for _, content in files)
    if size > shutil.disk_usage(target.parent).free:
        raise _no_room(target, size)
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            for name, content in files:
                check_stop()
                if isinstance(content, bytes):
                    archive.writestr(name, content)
                else:
                    archive.write(content, name)
        os.replace(temporary, target)
    except BaseException as error:
        erase(temporary)
        if is_full(error):
            raise _no_room(target, size) from error
        raise


def _no_room(target: Path, size: int) -> DiskFull:
    return DiskFull(
        "notebook.no_room",
        "“{name}” takes {needed_mb} MB, and {free_mb} MB are free where it is to lie: {folder}.",
        "Free some space there (the bin of a drive counts too), then run the cell again.",
        name=target.name,
        needed_mb=-(-size >> 20),
        free_mb=shutil.disk_usage(target.parent).free >> 20,
        folder=str(target.parent),
    )


def _end(project: Project, pid: int) -> None:
    """Have a syncer end that goes by other limits; what it was copying comes over once more."""
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + _END_S
    while is_running(project) and time.monotonic() < until:
        time.sleep(LOOK_S / 5)
