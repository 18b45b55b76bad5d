"""Multi-process (data-parallel) training, started by ``torchrun`` or ``accelerate launch``.

The first of them is the run's job as ever: it prepares, evaluates, speaks, saves and tells. The others hold the same
model. Before each call that changes what is learnt the first one says which, and all make it together, each on its
share of the clips, as the engine divides them. So neither loop nor recovery need know that there are several.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.engines.callbacks import ShouldStop, never
from core.engines.distributed import DesyncError, join, leave, rank_and_world_size, share_updates
from core.engines.options import TrainConfig
from core.engines.registry import get_engine
from core.engines.session import Snapshot, TrainSession
from core.engines.voice import Voice
from core.errors import Cancelled, UserError
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.reasons import out_of_memory, reason_of

LAUNCH_VARIABLES = "VOICEWRIGHT_LAUNCHED"
# What torch.distributed reads to find the others.
_NAMES = [*("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_USE_AGENT_STORE")]
_NAMES += ["TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT", "TORCHELASTIC_MAX_RESTARTS"]
_CUT_OFF = ("connection closed by peer", "connection reset", "connection refused", "broken pipe", "gloo", "nccl")


def pass_environment() -> None:
    """Let the job that this process starts take its place among the others."""
    os.environ[LAUNCH_VARIABLES] = json.dumps({name: os.environ[name] for name in _NAMES if name in os.environ})


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


class SingleProcess:
    """The group of a run that no launcher started: one process."""

    def begin(self, loading: Loading) -> None:
        """Nobody needs to be told."""

    def lead(self, session: TrainSession[object]) -> TrainSession[object]:
        """The session itself."""
        return session


class Leader(SingleProcess):
    """The first process's hold on the others."""

    def begin(self, loading: Loading) -> None:
        """Have them load what this process loads, and share updates from here on."""
        _broadcast(("load", loading))
        share_updates()

    def lead(self, session: TrainSession[object]) -> TrainSession[object]:
        """The session, whose calls the others make with it; waits until they have it too."""
        _barrier()
        return _LedSession(session)


@contextlib.contextmanager
def process_group() -> Iterator[SingleProcess]:
    """In a run's job: the other processes, until the run ends in one way or another.

    Raises:
        UserError: ``train.partner_lost`` where one of them is gone.
    """
    variables = os.environ.pop(LAUNCH_VARIABLES, "")
    if not variables:
        yield SingleProcess()
        return
    os.environ.update(json.loads(variables))
    is_between_updates = False
    try:
        try:
            join()
        except RuntimeError as error:
            raise _partner_lost(error) from error
        yield Leader()
        is_between_updates = True
    except (Cancelled, UserError) as error:
        is_between_updates = error.__cause__ is None  # what stands for another error may have come amid an update
        raise
    except RuntimeError as error:
        if isinstance(error, DesyncError) or any(sign in str(error).lower() for sign in _CUT_OFF):
            raise _partner_lost(error) from error
        raise
    finally:
        share_updates(False)
        if is_between_updates:
            with contextlib.suppress(RuntimeError):
                _broadcast(("end",))
            leave()
        # Else the others may wait in the middle of an update: they see this process end.


def _partner_lost(error: Exception) -> UserError:
    return UserError(
        "train.partner_lost",
        "Another process of this training ended ({what}).",
        "What was saved is kept: resume, in one process or in several. What the other one printed says why it ended.",
        what=reason_of(error),
    )


class _LedSession(TrainSession[object]):
    """A session whose calls are made by all processes; what only looks at it or writes it down stays here."""

    def __init__(self, session: TrainSession[object]) -> None:
        self._session, self._number = session, 0
        self._alive: weakref.WeakValueDictionary[int, _NumberedSnapshot] = weakref.WeakValueDictionary()

    @property
    def step_number(self) -> int:  # type: ignore[override]  # only read here
        return self._session.step_number

    @property
    def values_step(self) -> int:
        return self._session.values_step

    def last_values(self) -> dict[str, float] | None:
        return self._session.last_values()

    @property
    def snapshot_bytes(self) -> int:
        return self._session.snapshot_bytes

    def evaluate(self, should_stop: ShouldStop = never) -> dict[str, float]:
        return self._session.evaluate(should_stop)

    def save(self, folder: Path) -> None:
        self._session.save(folder)

    def voice(self) -> Voice[object]:
        return self._session.voice()

    def step(self, should_stop: ShouldStop = never) -> dict[str, float]:
        _broadcast(("step", self._session.step_number))
        return self._session.step(should_stop)

    def halve_batch(self) -> bool:
        _broadcast(("halve_batch",))
        return self._session.halve_batch()

    def save_memory(self) -> bool:
        _broadcast(("save_memory",))
        return self._session.save_memory()

    def lower_rate(self, factor: float) -> None:
        _broadcast(("lower_rate", factor))
        self._session.lower_rate(factor)

    def set_max_steps(self, steps: int) -> None:
        _broadcast(("set_max_steps", steps))
        self._session.set_max_steps(steps)

    def snapshot(self) -> Snapshot:
        self._number += 1
        _broadcast(("snapshot", self._number, [*self._alive]))
        own_snapshot = _NumberedSnapshot(self._session.snapshot(), number=self._number)
        self._alive[self._number] = own_snapshot
        return own_snapshot

    def restore(self, snapshot: Snapshot) -> None:
        _broadcast(("restore", snapshot["number"]))
        self._session.restore(snapshot)


class _NumberedSnapshot(Snapshot):
    """A snapshot of the first process, with the ``number`` by which the others know theirs."""


def follow() -> int:
    """Be one of the others until the first one ends. Returns 0 if it said so; what breaks ends the process with 1."""
    try:
        join()
        # Ctrl+C and a launcher's own end reach every process; this one ends when the first one says so, or is gone.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        call, *arguments = _receive()
        if call == "load":
            session = _load_session(*arguments)
            _barrier()
            _follow_calls(session)
    except (RuntimeError, MemoryError, OSError, UserError) as error:
        print(f"process {rank_and_world_size()[0]}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(1)  # leaving the others in order would wait for them
    leave()
    return 0


def _load_session(loading: Loading) -> TrainSession[object]:
    """The session that the first process has."""
    engine = get_engine(loading.engine)
    with tempfile.TemporaryDirectory() as folder:
        reporter = Reporter(Job(Path(folder)))  # nobody listens: the first one has said it all
        features = engine.prepare(loading.dataset, loading.base, loading.cache, reporter, device=loading.device)
    share_updates()
    return engine.start(loading.config, features, loading.base, loading.state, device=loading.device)


def _follow_calls(session: TrainSession[object]) -> None:
    """Make the calls that the first process makes."""
    snapshots: dict[int, Snapshot] = {}
    while True:
        call, *arguments = _receive()
        if call == "end":
            return
        if call == "step":
            if session.step_number != arguments[0]:
                raise RuntimeError(f"at update {session.step_number}, where the first process is at {arguments[0]}")
            try:
                session.step()
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
        elif call == "snapshot":
            number, alive = arguments
            snapshots = {index: snapshots[index] for index in alive} | {number: session.snapshot()}
        elif call == "restore":
            session.restore(snapshots[arguments[0]])
        else:
            getattr(session, call)(*arguments)


def _barrier() -> None:
    """Wait for all the others: loading may take long, and nobody watches over it as over an update."""
    import torch
    import torch.distributed as dist

    dist.all_reduce(torch.zeros(1))


def _broadcast(call: tuple[Any, ...]) -> None:
    import torch
    import torch.distributed as dist

    dist.broadcast_object_list([call], src=0, device=torch.device("cpu"))


def _receive() -> tuple[Any, ...]:
    import torch
    import torch.distributed as dist

    buffer: list[Any] = [None]
    dist.broadcast_object_list(buffer, src=0, device=torch.device("cpu"))
    call: tuple[Any, ...] = buffer[0]
    return call
