"""Worker process, the only child entry: ``python -m core.jobs.worker JOB_DIR [LOCK_FD …]`` runs `core.tasks`."""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from core.errors import Cancelled, UserError, described_bug
from core.jobs import events, locks, queue
from core.jobs.job import Job
from core.jobs.reporter import Reporter, plain
from core.reasons import failure_of
from core.system.process import make_new_files_private, refuse_unsafe_loading

_RESERVE = 16_384  # bytes
_LOOK_S = 0.3  # at the queue


def run(job: Job) -> events.Finished:
    """Run the job's task and say how it ended."""
    reporter = Reporter(job)
    reporter.start()
    try:
        refuse_unsafe_loading()
        return events.Finished(outcome="done", result=importlib.import_module("core.tasks").run(job, reporter))
    except Cancelled as stop:
        result = stop.args[0] if stop.args and isinstance(stop.args[0], dict) else {}
        return events.Finished(outcome="cancelled", result=result)
    except UserError as error:
        _write_traceback()
        return _failure(error)
    except Exception as error:
        _write_traceback()
        failure = failure_of(error)
        return _failure(failure) if failure else _bug(job, error)


def _failure(error: UserError) -> events.Finished:
    return events.Finished(
        outcome="failed", code=error.code, text=error.text, hint=error.hint, values=plain(error.values)
    )


def _write_traceback() -> None:
    # The log may lie on the very disk that is full.
    with contextlib.suppress(OSError):
        traceback.print_exc()


def _bug(job: Job, error: Exception) -> events.Finished:
    values = {"what": described_bug(error), "log": str(job.log_path)}
    text = f"Something went wrong inside Voicewright ({values['what']})."
    return events.Finished(
        outcome="failed", code="bug", text=text, hint=f"The full story is in {values['log']}.", values=values
    )


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Descriptors that were handed over, and after ``--turn`` the ticket, its descriptor and the wanted locks."""
    at = arguments.index("--turn") if "--turn" in arguments else len(arguments)
    return arguments[:at], arguments[at + 1 :]


def _hold(handle: int) -> None:
    """Say in a lock that this process holds it, and hand it to no other."""
    # An ffmpeg that outlives this process must not look like a running job.
    os.set_inheritable(handle, False)
    holder = json.loads(os.pread(handle, 65_536, 0) or b"{}")
    holder["pid"] = os.getpid()
    locks.write_holder(handle, holder)


def _wait(job: Job, ticket: Path, place: int, lock_paths: list[Path]) -> bool:
    """Wait for this job's turn and take the locks; False if Stop was pressed meanwhile."""
    _hold(place)
    me = locks.holder(job.path / "lock")
    last_state: tuple[int, str] | None = None
    while not job.stop_requested():
        before = queue.ahead(ticket.parent, ticket, lock_paths)
        if not before and _acquire_all(lock_paths, me):
            events.append(job.events_path, events.State(state="running"))
            # Last, so that nobody finds the place empty and the locks free.
            ticket.unlink(missing_ok=True)
            os.close(place)
            return True
        behind = queue.in_the_way(ticket.parent, ticket, lock_paths)
        if behind and (now := (len(before) + 1, str(behind.get("path", "")))) != last_state:
            last_state = now
            behind_fields = {key: str(behind.get(key, "")) for key in ("kind", "title", "path")}
            events.append(job.events_path, events.State(state="waiting", place=now[0], behind=behind_fields))
        time.sleep(_LOOK_S)
    ticket.unlink(missing_ok=True)
    return False


def _acquire_all(lock_paths: list[Path], me: dict[str, Any]) -> bool:
    """All of the locks, or none; they stay open until the process ends."""
    handles: list[int] = []
    for lock in lock_paths:
        handle = locks.try_lock(lock, me)
        if handle is None:
            locks.release(handles)
            return False
        handles.append(handle)
    return True


def _reserve(job: Job) -> Path:
    """A little room kept back, so that a job on a full disk can still say why it failed."""
    path = job.path / "reserve"
    path.write_bytes(os.urandom(_RESERVE))
    return path


def _tell(job: Job, end: events.Finished) -> None:
    """Notify; the worker stands below the room that does it, so it is imported by name, as tasks are."""
    importlib.import_module("core.notifications.start").on_end(job, end)


def main() -> None:
    """Run one job; exits 0 whenever the outcome could be written down."""
    faulthandler.enable()
    make_new_files_private()
    # Before any task imports torch: OpenMP threads that spin while they wait make work on a busy machine six times
    # slower (measured: a training step of 1.5 s took 9.6 s), and cost little on an idle one.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    job = Job(Path(sys.argv[1]).resolve())
    lock_handles, turn = _split(sys.argv[2:])
    for handle in map(int, lock_handles):
        _hold(handle)
    signal.signal(signal.SIGTERM, lambda *_: job.stop())
    signal.signal(signal.SIGINT, lambda *_: job.stop())
    ready = not turn or _wait(job, Path(turn[0]), int(turn[1]), [Path(lock) for lock in turn[2:]])
    # After the pid was written: `Job.force_stop` leaves a process that it does not know yet to end here.
    if not ready or job.stop_requested():
        events.append(job.events_path, events.Finished(outcome="cancelled"))
        os._exit(0)
    reserve = _reserve(job)
    last_event = run(job)
    reserve.unlink(missing_ok=True)
    events.end_torn_line(job.events_path)
    events.append(job.events_path, last_event)
    _tell(job, last_event)
    # At once: taking torch and its threads down in order holds the locks, and so the next job, for seconds.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
