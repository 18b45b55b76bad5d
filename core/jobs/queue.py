"""Jobs that wait for their turn: each a live process that holds a ticket; served in the order they came.

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

_HIDDEN = ".tmp-"


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


def draw(queue: Path, holder: dict[str, Any], wanted: Iterable[Path]) -> tuple[Path, int]:
    """Take the last place.

    Returns:
        The ticket's path and an open descriptor; the place is kept until its last copy is closed.
    """
    queue.mkdir(parents=True, exist_ok=True)
    made, hidden = tempfile.mkstemp(prefix=_HIDDEN, dir=queue)
    os.close(made)
    handle = locks.try_lock(Path(hidden), {**holder, "wants": [str(lock) for lock in wanted]})
    assert handle is not None, "nobody knows this file yet"
    # Seen only now that it is locked: an unlocked ticket is a dead one's.
    ticket = queue / f"{time.time_ns():020d}-{secrets.token_hex(3)}"
    Path(hidden).rename(ticket)
    return ticket, handle


def take(
    own: Path, others: Sequence[Path], me: dict[str, Any], queue: Path | None, wait: bool
) -> tuple[list[int], list[Path]]:
    """A job's ``own`` lock and ``others``, all of them; or with ``wait`` its own alone, and what is to be waited for.

    Raises:
        Busy: one is held, or somebody waits for one already. None was taken.
    """
    first = locks.try_lock(own, me)
    if first is None:
        raise locks.busy(locks.holder(own))
    held = [first]
    try:
        before = tickets(queue, others) if queue is not None and others else []
        if before:
            raise locks.busy(before[0].holder)
        for lock in others:
            handle = locks.try_lock(lock, me)
            if handle is None:
                raise locks.busy(locks.holder(lock))
            held.append(handle)
    except BaseException as error:
        waits = wait and queue is not None and isinstance(error, Busy)
        locks.let_go(held[1:] if waits else held)
        if not waits:
            raise
        return [first], list(others)
    return held, []


def tickets(queue: Path, wanted: Iterable[Path] = ()) -> list[Ticket]:
    """Those who wait, first come first; of ``wanted`` only who waits for one of these locks. Clears dead ones away."""
    asked = {str(lock) for lock in wanted}
    found = []
    for path in sorted(queue.glob("[!.]*")):
        if not locks.is_locked(path):
            with contextlib.suppress(OSError):  # what is no ticket is left alone
                path.unlink(missing_ok=True)
            continue
        ticket = Ticket(path, locks.holder(path))
        if not ticket.holder:
            continue  # gone meanwhile
        if not asked or ticket.wants & asked:
            found.append(ticket)
    return found


def ahead(queue: Path, mine: Path, wanted: Sequence[Path]) -> list[Ticket]:
    """Who comes before the ticket ``mine``."""
    return [ticket for ticket in tickets(queue, wanted) if ticket.path.name < mine.name]


def in_the_way(queue: Path, mine: Path, wanted: Sequence[Path]) -> dict[str, Any]:
    """Who is at work, or else waits ahead; empty if nobody."""
    for lock in wanted:
        if locks.is_locked(lock):
            return locks.holder(lock)
    before = ahead(queue, mine, wanted)
    return before[0].holder if before else {}
