"""Syncer: keeps a project's mirror up to date as long as the project is at work. ``python -m core.sync``."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import signal
import sys
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path

from core.errors import Cancelled, UserError
from core.files import is_full
from core.jobs import locks
from core.notifications.start import on_drive
from core.project.workspace import Project, Workspace
from core.reasons import reason_of
from core.settings import Settings
from core.sync.ledger import SyncState, lock_path, watch_path, write_state
from core.sync.mirror import Mirror, ShouldStop
from core.system.process import make_new_files_private

EVERY_S = 5.0  # between two looks at what is new
_SLOWEST_S = {"away": 300.0, "no_room": 60.0}  # between two tries while the drive takes nothing, or not everything
_IDLE_S = 20.0  # with nothing to do and nobody at work it ends
_GIVE_UP_S = 3600.0  # with nobody at work and a drive that does not take what there is
_LOOK_SHARE = 0.02  # of a processor, that looking for news takes at most


def is_running(project: Project) -> bool:
    """Whether a syncer is at work on a project."""
    return locks.is_locked(lock_path(project))


def watch(project: Project) -> int:
    """Have the syncer of a project stay, and look for news, until the descriptor is closed or this process ends."""
    path = watch_path(project)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(handle, fcntl.LOCK_SH)  # several may
    return handle


def is_watched(project: Project) -> bool:
    """Whether somebody wants the syncer of a project to stay."""
    try:
        handle = os.open(watch_path(project), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def keep_up(mirror: Mirror, should_stop: ShouldStop, *, once: bool = False, every_s: float = EVERY_S) -> SyncState:
    """Keep a mirror up to date until nothing of the project is at work, nobody watches it, and everything is there.

    A drive that is away, or has no room, is tried again, each time a little later, until an hour after the last work.
    Whoever is to have notifications is told once.

    Returns:
        what was said last.
    """
    project, state, pause_s = mirror.project, SyncState("copying"), every_s
    idle_since = time.monotonic()

    def tell(new: SyncState) -> None:
        nonlocal state
        state = replace(new, at=new.at or state.at)
        write_state(project, state)

    while True:
        is_at_work = project.running() is not None or is_watched(project)  # asked first: what it writes last is seen
        began, look_s = time.time(), 0.0
        try:
            mirror.begin()
            processor_s = time.thread_time()
            has_news = mirror.has_news()
            look_s = time.thread_time() - processor_s
            if has_news:
                mirror.push(should_stop, tell)
            tell(mirror.no_room() if has_news and mirror.left_out else SyncState("done", at=began))
        except Cancelled:
            tell(SyncState("stopped"))
        except (UserError, OSError) as error:
            tell(_failure(error))
        if once or not project.path.is_dir() or should_stop() or state.state == "taken":
            return state
        if is_at_work:
            idle_since = time.monotonic()
        elif time.monotonic() - idle_since > (_IDLE_S if state.state == "done" else _GIVE_UP_S):
            return state
        pause_s = min(2 * pause_s, _SLOWEST_S[state.state]) if state.state in _SLOWEST_S else every_s
        if pause_s == _SLOWEST_S.get(state.state):
            on_drive(project, state.state, state.missing_bytes, is_limit=state.is_limit)
        _wait(max(pause_s, look_s / _LOOK_SHARE), should_stop)


def _failure(error: UserError | OSError) -> SyncState:
    if isinstance(error, UserError):
        is_lost = error.code in ("sync.taken", "sync.foreign")
        return SyncState("taken" if is_lost else "away", code=error.code, reason=error.text, values=error.values)
    if is_full(error):
        return SyncState("no_room")
    reason = reason_of(error)
    return SyncState("away", code=reason.code, reason=reason.text, values=reason.values)


def _wait(seconds: float, should_stop: ShouldStop) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and not should_stop():
        time.sleep(0.2)


def main(argv: list[str] | None = None) -> int:
    """Command line; 0 when everything is over there or another syncer is at it, 1 when not, 2 if it cannot begin."""
    parser = argparse.ArgumentParser(prog="python -m core.sync", description=(__doc__ or "").partition("``")[0])
    parser.add_argument("project", help="folder name of the project")
    parser.add_argument("--drive", type=Path, required=True, help="folder on the drive, laid out like a workspace")
    parser.add_argument("--workspace", type=Path, help="folder that holds projects and models (~/voicewright)")
    parser.add_argument("--mb-per-s", type=float, default=0.0, help="the most that is written a second; 0: no limit")
    parser.add_argument("--most-gb", type=float, default=0.0, help="the most that the mirror takes; 0: no limit")
    parser.add_argument("--once", action="store_true", help="end after one look")
    options = parser.parse_args(argv)
    make_new_files_private()
    settings = Settings(**({"workspace": options.workspace} if options.workspace else {}))
    limits = {"bytes_per_s": options.mb_per_s * 2**20, "most_bytes": int(options.most_gb * 2**30)}
    try:
        project = Workspace(settings.workspace_folder()).project(options.project)
        mirror = Mirror(project, options.drive.expanduser().resolve(), **limits)
        flags = ["--drive", str(options.drive), "--mb-per-s", str(options.mb_per_s), "--most-gb", str(options.most_gb)]
        holder = {"kind": "sync", "title": project.slug, "pid": os.getpid(), "options": flags}
        handle = locks.try_lock(lock_path(project), holder)
        if handle is None:
            return 0
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        mirror.begin()
    except (UserError, OSError) as error:
        write_state(project, state := _failure(error))
        if options.once or state.state == "taken":  # a drive that is away is waited for
            os.close(handle)
            print(error, file=sys.stderr)
            return 2
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        state = keep_up(mirror, stop.is_set, once=options.once)
    finally:
        os.close(handle)
    print(json.dumps(asdict(state)))
    return 0 if state.state == "done" else 1
