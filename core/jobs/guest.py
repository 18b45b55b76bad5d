"""Guest on the card: who uses it while no job does, and leaves when one has taken its lock.

The job takes its lock, then looks for a guest; a guest says that it is there, then looks for a job. So one of them
always sees the other. A job never waits longer for a guest than `WAIT_S`: after that the guest is ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from core.jobs import locks, queue
from core.jobs.args.speech import SynthesizeArgs
from core.jobs.args.studio import SpeakDocumentArgs

HOSTS = (
    SynthesizeArgs.kind,
    SpeakDocumentArgs.kind,
)  # jobs that have the guest work for them, instead of sending it away
WAIT_S = 60.0
_LOOK_S = 0.1


def enter(lock: Path, tickets: Path) -> int | None:
    """Be the guest of a lock that no job holds or waits for.

    Returns:
        A descriptor; one is the guest until it is closed. None: a job is there, or about to be, or another guest.
    """
    if any(ticket.holder.get("kind") not in HOSTS for ticket in queue.tickets(tickets, [lock])):
        return None
    try:
        handle = locks.try_lock(_guest_lock(lock), {"kind": "guest", "pid": os.getpid()})
    except OSError:  # no room to say so
        return None
    if handle is not None and is_wanted(lock):
        os.close(handle)
        return None
    return handle


def is_wanted(lock: Path) -> bool:
    """Whether a job has taken the lock that no guest is to be beside."""
    return locks.is_locked(lock) and locks.holder(lock).get("kind") not in HOSTS


def wait_until_gone(lock: Path, wait_s: float = WAIT_S) -> None:
    """Of a job that holds ``lock``: wait until no guest is there any more; one that does not leave is killed."""
    guest_lock, until = _guest_lock(lock), time.monotonic() + wait_s
    while locks.is_locked(guest_lock):
        if time.monotonic() > until:
            with contextlib.suppress(ProcessLookupError, PermissionError, KeyError):
                os.kill(int(locks.holder(guest_lock)["pid"]), signal.SIGKILL)
            until = time.monotonic() + wait_s
        time.sleep(_LOOK_S)


def _guest_lock(lock: Path) -> Path:
    return lock.with_suffix(".guest")
