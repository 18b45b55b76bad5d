"""First-come queue of the jobs that wait for locks: each a live process that holds a ticket.

A ticket is a file in the workspace's ``queue`` folder, locked by the process that waits. So nobody keeps the queue: a
restarted page finds it as it was, a killed job leaves it, and a killed holder lets the next one go.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import Busy
from core.jobs import locks

_DRAFT = ".tmp-"


@dataclass(frozen=True)
class Ticket:
    """A place in the queue: who waits (``kind``, ``title``, ``path`` of the job), and for which locks."""

    path: Path
    holder: dict[str, Any]

    @property
    def wants(self) -> set[str]:
        """Paths of the locks it waits for."""
        wants = self.holder.get("wants", ())
        return set(map(str, wants)) if isinstance(wants, list) else set()


def draw(queue: Path, holder: dict[str, Any], lock_paths: Iterable[Path]) -> tuple[Path, int]:
    """Take the last place.

    Returns:
        The ticket's path and an open descriptor; the place is kept until its last copy is closed.
    """
    queue.mkdir(parents=True, exist_ok=True)
    draft_handle, draft = tempfile.mkstemp(prefix=_DRAFT, dir=queue)
    os.close(draft_handle)
    handle = locks.try_lock(Path(draft), {**holder, "wants": [str(lock) for lock in lock_paths]})
    assert handle is not None, "nobody knows this file yet"
    # Seen only now that it is locked: an unlocked ticket is a dead one's.
    ticket = queue / f"{time.time_ns():020d}-{secrets.token_hex(3)}"
    Path(draft).rename(ticket)
    return ticket, handle


def acquire(
    own: Path, other_locks: Sequence[Path], me: dict[str, Any], queue: Path | None, wait: bool
) -> tuple[list[int], list[Path]]:
    """Acquire a job's ``own`` lock and the others; or with ``wait`` its own alone, and return what it has to wait for.

    Raises:
        Busy: one is held, or somebody waits for one already. None was acquired.
    """
    first = locks.try_lock(own, me)
    if first is None:
        raise locks.busy(locks.holder(own))
    handles = [first]
    try:
        before = tickets(queue, other_locks) if queue is not None and other_locks else []
        if before:
            raise locks.busy(before[0].holder)
        for lock in other_locks:
            handle = locks.try_lock(lock, me)
            if handle is None:
                raise locks.busy(locks.holder(lock))
            handles.append(handle)
    except BaseException as error:
        waits = wait and queue is not None and isinstance(error, Busy)
        locks.release(handles[1:] if waits else handles)
        if not waits:
            raise
        return [first], list(other_locks)
    return handles, []


def tickets(queue: Path, lock_paths: Iterable[Path] = ()) -> list[Ticket]:
    """Those who wait, first come first; with ``lock_paths`` only for one of these. Clears dead ones away."""
    names = {str(lock) for lock in lock_paths}
    waiting = []
    for path in sorted(queue.glob("[!.]*")):
        if not locks.is_locked(path):
            with contextlib.suppress(OSError):  # what is no ticket is left alone
                path.unlink(missing_ok=True)
            continue
        ticket = Ticket(path, locks.holder(path))
        if not ticket.holder:
            continue  # gone meanwhile
        if not names or ticket.wants & names:
            waiting.append(ticket)
    return waiting


def ahead(queue: Path, own_ticket: Path, lock_paths: Sequence[Path]) -> list[Ticket]:
    """Who comes before this ticket."""
    return [ticket for ticket in tickets(queue, lock_paths) if ticket.path.name < own_ticket.name]


def in_the_way(queue: Path, own_ticket: Path, lock_paths: Sequence[Path]) -> dict[str, Any]:
    """Who is at work, or else waits ahead; empty if nobody."""
    for lock in lock_paths:
        if locks.is_locked(lock):
            return locks.holder(lock)
    before = ahead(queue, own_ticket, lock_paths)
    return before[0].holder if before else {}
