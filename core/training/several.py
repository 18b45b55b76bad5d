"""One run by several processes, started by ``torchrun`` or ``accelerate launch``.

The first of them is the run's job as ever: it prepares, evaluates, speaks, saves and tells. The others hold the same
model. Before each call that changes what is learnt the first one says which, and all make it together, each on its
share of the clips (`core/engines/xtts/ranks.py`). So neither loop nor recovery need know that there are several.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import signal
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.engines.base import TrainSession
from core.engines.registry import get_engine
from core.errors import Cancelled, UserError
from core.hardware import out_of_memory
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.training.config import TrainConfig

LAUNCHED = "VOICEWRIGHT_LAUNCHED"
# What torch.distributed reads to find the others.
_NAMES = [*("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_USE_AGENT_STORE")]
_NAMES += ["TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT", "TORCHELASTIC_MAX_RESTARTS"]
_PATIENCE = datetime.timedelta(days=7)  # features may take long, and so may a pause
_MEETING = datetime.timedelta(minutes=5)  # for the first one to find the launcher that started it
_GONE = ("connection closed by peer", "connection reset", "connection refused", "broken pipe", "gloo", "nccl")

_together = False


class Apart(RuntimeError):
    """Processes that share a run are no longer at the same place."""


def launched() -> tuple[int, int]:
    """This process's rank and how many a launcher has started; (0, 1) without one."""
    given = [os.environ.get(name, "") for name in ("RANK", "WORLD_SIZE")]
    if all(one.isdigit() for one in given) and int(given[1]) > 1:
        return int(given[0]), int(given[1])
    return 0, 1


def hand_on() -> None:
    """Let the job that this process starts take its place among the others."""
    os.environ[LAUNCHED] = json.dumps({name: os.environ[name] for name in _NAMES if name in os.environ})


def world() -> int:
    """How many processes work on an update."""
    if not _together:
        return 1
    import torch.distributed as dist

    return dist.get_world_size()


def rank() -> int:
    """Which of them this one is; 0 leads."""
    if not _together:
        return 0
    import torch.distributed as dist

    return dist.get_rank()


def join() -> None:
    """Meet the other processes; a process's card is that of its local rank. Each still works alone."""
    import torch
    import torch.distributed as dist
    from torch.distributed.rendezvous import rendezvous

    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if cards:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % cards)
    # The launcher kills who waits in vain; the first one is nobody's child but the job's.
    meeting = _PATIENCE if launched()[0] else _MEETING
    store, number, count = next(iter(rendezvous("env://", timeout=meeting)))
    store.set_timeout(_PATIENCE)
    backend = "cpu:gloo,cuda:nccl" if cards else "gloo"
    dist.init_process_group(backend, store=store, rank=number, world_size=count, timeout=_PATIENCE)


def work_together(yes: bool = True) -> None:
    """From here on updates are shared with all who joined."""
    global _together
    _together = yes


@dataclass(frozen=True)
class Loading:
    """What a session is made of: the engine's name, folders, settings, and the checkpoint to go on from."""

    engine: str
    dataset: Path
    base: Path
    cache: Path
    config: TrainConfig
    state: Path | None
    device: str


class Alone:
    """What a run has where nobody else takes part."""

    def begin(self, what: Loading) -> None:
        """Nobody needs to be told."""

    def lead(self, session: TrainSession) -> Any:
        """The session itself."""
        return session


class Leader(Alone):
    """The first process's hold on the others."""

    def begin(self, what: Loading) -> None:
        """Have them load what this process loads, and share updates from here on."""
        _say(("load", what))
        work_together()

    def lead(self, session: TrainSession) -> Any:
        """The session, whose calls the others make with it; waits until they have it too."""
        _meet()
        return _Led(session)


@contextlib.contextmanager
def gathered() -> Iterator[Alone]:
    """In a run's job: the other processes, until the run ends in one way or another.

    Raises:
        UserError: ``train.partner_lost`` where one of them is gone.
    """
    given = os.environ.pop(LAUNCHED, "")
    if not given:
        yield Alone()
        return
    os.environ.update(json.loads(given))
    clean = False
    try:
        try:
            join()
        except RuntimeError as error:
            raise _lost(error) from error
        yield Leader()
        clean = True
    except (Cancelled, UserError) as error:
        clean = error.__cause__ is None  # what stands for another error may have come amid an update
        raise
    except RuntimeError as error:
        if isinstance(error, Apart) or any(sign in str(error).lower() for sign in _GONE):
            raise _lost(error) from error
        raise
    finally:
        work_together(False)
        if clean:
            with contextlib.suppress(RuntimeError):
                _say(("end",))
            _leave()
        # Else the others may wait in the middle of an update: they see this process end.


def _lost(error: Exception) -> UserError:
    return UserError(
        "train.partner_lost",
        "Another process of this training ended ({what}).",
        "What was saved is kept: resume, in one process or in several. What the other one printed says why it ended.",
        what=str(error).splitlines()[0][:200],
    )


def _leave() -> None:
    import torch.distributed as dist

    if dist.is_initialized():
        dist.destroy_process_group()


class _Led:
    """A session whose calls are made by all processes; what only looks at it or writes it down stays here."""

    def __init__(self, session: TrainSession) -> None:
        self._session, self._number = session, 0
        self._alive: weakref.WeakSet[_Kept] = weakref.WeakSet()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def step(self, should_stop: Callable[[], bool] = lambda: False) -> dict[str, float]:
        _say(("step", self._session.step_number))
        return self._session.step(should_stop)

    def halve_batch(self) -> bool:
        _say(("halve_batch",))
        return self._session.halve_batch()

    def save_memory(self) -> bool:
        _say(("save_memory",))
        return self._session.save_memory()

    def lower_rate(self, factor: float) -> None:
        _say(("lower_rate", factor))
        self._session.lower_rate(factor)

    def set_max_steps(self, steps: int) -> None:
        _say(("set_max_steps", steps))
        self._session.set_max_steps(steps)

    def snapshot(self) -> _Kept:
        self._number += 1
        _say(("snapshot", self._number, [one.number for one in self._alive]))
        kept = _Kept(self._number, self._session.snapshot())
        self._alive.add(kept)
        return kept

    def restore(self, snapshot: _Kept) -> None:
        _say(("restore", snapshot.number))
        self._session.restore(snapshot.state)


class _Kept:
    """A snapshot of the first process, and the number by which the others know theirs."""

    def __init__(self, number: int, state: Any) -> None:
        self.number, self.state = number, state


def follow() -> int:
    """Be one of the others until the first one ends. Returns 0 if it said so; what breaks ends the process with 1."""
    try:
        join()
        # Ctrl+C and a launcher's own end reach every process; this one ends when the first one says so, or is gone.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        call, *given = _heard()
        if call == "load":
            session = _loaded(*given)
            _meet()
            _obey(session)
    except (RuntimeError, MemoryError, OSError, UserError) as error:
        print(f"process {launched()[0]}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(1)  # leaving the others in order would wait for them
    _leave()
    return 0


def _loaded(what: Loading) -> TrainSession:
    """The session that the first process has."""
    engine: Any = get_engine(what.engine)
    with tempfile.TemporaryDirectory() as folder:
        reporter = Reporter(Job.create(Path(folder), "train", {}))  # nobody listens: the first one has said it all
        features = engine.prepare(what.dataset, what.base, what.cache, reporter, device=what.device)
    work_together()
    session: TrainSession = engine.start(what.config, features, what.base, what.state, device=what.device)
    return session


def _obey(session: TrainSession) -> None:
    """Make the calls that the first process makes."""
    kept: dict[int, Any] = {}
    while True:
        call, *given = _heard()
        if call == "end":
            return
        if call == "step":
            if session.step_number != given[0]:
                raise RuntimeError(f"at update {session.step_number}, where the first process is at {given[0]}")
            try:
                session.step()
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
        elif call == "snapshot":
            number, alive = given
            kept = {one: kept[one] for one in alive} | {number: session.snapshot()}
        elif call == "restore":
            session.restore(kept[given[0]])
        else:
            getattr(session, call)(*given)


def _meet() -> None:
    """Wait for all the others: loading may take long, and nobody watches over it as over an update."""
    import torch
    import torch.distributed as dist

    dist.all_reduce(torch.zeros(1))


def _say(what: tuple[Any, ...]) -> None:
    import torch
    import torch.distributed as dist

    dist.broadcast_object_list([what], src=0, device=torch.device("cpu"))


def _heard() -> tuple[Any, ...]:
    import torch
    import torch.distributed as dist

    said: list[Any] = [None]
    dist.broadcast_object_list(said, src=0, device=torch.device("cpu"))
    heard: tuple[Any, ...] = said[0]
    return heard
