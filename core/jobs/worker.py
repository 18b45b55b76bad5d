"""The only child entry: ``python -m core.jobs.worker JOB_DIR [LOCK_FD …]`` runs ``core.tasks.<kind>.run``."""

from __future__ import annotations

import contextlib
import errno
import faulthandler
import importlib
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from core.errors import Cancelled, UserError
from core.jobs import events, locks
from core.jobs.job import Job
from core.jobs.reporter import Reporter, _plain

_RESERVE = 16_384  # bytes


def run(job: Job) -> events.Finished:
    """Run the job's task and say how it ended."""
    spec = job.spec()
    reporter = Reporter(job)
    reporter.started()
    try:
        task = importlib.import_module(f"core.tasks.{spec['kind']}")
        result: dict[str, Any] | None = task.run(job, {**spec["arguments"], **where(job)}, reporter)
        return events.Finished(outcome="done", result=result or {})
    except Cancelled as cancelled:
        result = cancelled.args[0] if cancelled.args and isinstance(cancelled.args[0], dict) else {}
        return events.Finished(outcome="cancelled", result=result)
    except UserError as error:
        _write_traceback()
        return events.Finished(
            outcome="failed", code=error.code, text=error.text, hint=error.hint, values=_plain(error.values)
        )
    except OSError as error:
        _write_traceback()
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            values = {"path": str(error.filename or job.path)}
            text = f"The disk is full: {values['path']} could not be written."
            hint = "Free some space, then resume."
            return events.Finished(outcome="failed", code="disk.full", text=text, hint=hint, values=values)
        return _bug(job, error)
    except Exception as error:
        _write_traceback()
        return _bug(job, error)


def _write_traceback() -> None:
    # The log may lie on the very disk that is full.
    with contextlib.suppress(OSError):
        traceback.print_exc()


def where(job: Job) -> dict[str, str]:
    """The arguments ``workspace`` and ``project`` by where the job lies now.

    What ``job.json`` says was true when it was written; since then the workspace may have moved, or the project come
    back from the trash under another name, and the old name may be another project's.
    """
    folders = job.path.parents
    if len(folders) < 4 or folders[2].name != "projects" or folders[0].name not in ("jobs", "runs"):
        return {}
    return {"workspace": str(folders[3]), "project": folders[1].name}


def _bug(job: Job, error: Exception) -> events.Finished:
    values = {"what": f"{type(error).__name__}: {error}"[:500], "log": str(job.log_path)}
    text = f"Something went wrong inside Voicewright ({values['what']})."
    return events.Finished(
        outcome="failed", code="bug", text=text, hint=f"The full story is in {values['log']}.", values=values
    )


def _reserve(job: Job) -> Path:
    """A little room kept back, so that a job on a full disk can still say why it failed."""
    path = job.path / "reserve"
    path.write_bytes(os.urandom(_RESERVE))
    return path


def main() -> None:
    """Run one job; exits 0 whenever the outcome could be written down."""
    faulthandler.enable()
    # Before any task imports torch: OpenMP threads that spin while they wait make work on a busy machine six times
    # slower (measured: a training step of 1.5 s took 9.6 s), and cost little on an idle one.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    job = Job(Path(sys.argv[1]).resolve())
    for handle in map(int, sys.argv[2:]):
        # Kept by this process alone: an ffmpeg that outlives it must not look like a running job.
        os.set_inheritable(handle, False)
        written = json.loads(os.pread(handle, 65_536, 0) or b"{}")
        written["pid"] = os.getpid()
        locks.tell(handle, written)
    signal.signal(signal.SIGTERM, lambda *_: job.stop())
    signal.signal(signal.SIGINT, lambda *_: job.stop())
    reserve = _reserve(job)
    finished = run(job)
    reserve.unlink(missing_ok=True)
    events.end_torn_line(job.events_path)
    events.append(job.events_path, finished)
    # At once: taking torch and its threads down in order holds the locks, and so the next job, for seconds.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
