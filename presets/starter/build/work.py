"""Where the build keeps its files (outside the repository), and how its long processes behave."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WORK = Path(os.environ.get("STARTER_WORK", "/tmp/starter"))
MODELS = WORK / "models"  # what the packages hold
SPEECH = WORK / "speech"  # clips as 16 kHz samples
TRAINED = WORK / "trained"  # weights, resumable

RATE_HZ = 16_000
MOST_S = 60 * float(os.environ.get("STARTER_MINUTES", "inf"))  # of the clock, for a training that has to end in time


def background(name: str) -> None:
    """Take part as a quiet, pausable process: its own process group, lowest priority, one thread.

    The group's id stands in ``WORK/pids`` while it runs (``kill -STOP -- -ID`` pauses it, ``-CONT`` goes on). On a
    processor its time is what is counted, so that a pause costs nothing.
    """
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = "1"
    import torch

    torch.set_num_threads(1)  # the variables come too late for what is imported already
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    os.nice(19)
    WORK.mkdir(parents=True, exist_ok=True)
    pids = WORK / "pids"
    with pids.open("a") as file:
        file.write(f"{os.getpid()}\n")

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that it is taken from the list too

    @atexit.register
    def leave() -> None:
        others = [line for line in pids.read_text().splitlines() if line != str(os.getpid())]
        pids.write_text("".join(f"{line}\n" for line in others))

    print(f"{name}: process group {os.getpid()}", flush=True)


def bfloat16(device: Any) -> Any:
    """A context in which products are made in bfloat16, unless that takes far longer: on processors without it."""
    import torch

    from core.engines.precision import processor_has_bfloat16

    is_quick = device.type == "cuda" or processor_has_bfloat16()
    return torch.autocast(device.type, torch.bfloat16, enabled=is_quick)


def machine() -> tuple[Any, Callable[[], float]]:
    """The torch device to train on, and the clock that counts: of the processor, or on a graphics card of the wall."""
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    if torch.cuda.is_available():
        return torch.device("cuda"), time.monotonic
    return torch.device("cpu"), time.process_time


class Team:
    """Processes that train one model, each on batches of its own: as many as ``torchrun`` has started, or one.

    On a processor two of them with a thread each get on faster than one with two threads.
    """

    def __init__(self) -> None:
        self.rank, self.size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        if self.size > 1:
            import torch.distributed as group

            group.init_process_group("gloo")

    def share_gradients(self, parameters: list[Any]) -> None:
        """Let every process have the mean of all gradients."""
        if self.size == 1:
            return
        import torch
        from torch import distributed as group

        gradients = [torch.zeros_like(value) if value.grad is None else value.grad for value in parameters]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        group.all_reduce(flat)
        for value, part in zip(
            parameters, flat.div_(self.size).split([value.numel() for value in parameters]), strict=True
        ):
            value.grad = part.view_as(value)

    def agreed(self, share: float) -> float:
        """How far the first process is: all end at the same step."""
        if self.size == 1:
            return share
        import torch
        from torch import distributed as group

        value = torch.tensor(share, dtype=torch.float64)
        group.broadcast(value, 0)
        return float(value)


class Allowance:
    """The time that a training may take in all, sittings before this one included; this one at most ``MOST_S``."""

    def __init__(self, seconds: float, spent: float, clock: Callable[[], float], team: Team) -> None:
        """
        Args:
            seconds: what it may take, by ``clock``.
            spent: what earlier sittings took of that.
            clock: what counts, see `machine`.
            team: the processes that train, which end together.
        """
        self.seconds, self.spent, self.clock, self.team = seconds, spent, clock, team
        self._began, self._start = clock(), time.monotonic()

    def used(self) -> float:
        """Seconds taken by now, of all sittings."""
        return self.spent + self.clock() - self._began

    def share(self) -> float:
        """How much of it is used up; at 1 it is time to end. The same in every process of the team."""
        return self.team.agreed(max(self.used() / self.seconds, (time.monotonic() - self._start) / MOST_S))


def store(state: Any, file: Path) -> None:
    """Save for ``torch.load``. Whoever reads, or goes on after a kill, finds the old state or the new one whole."""
    import torch

    temporary = file.with_suffix(f".{os.getpid()}.tmp")
    torch.save(state, temporary)
    temporary.replace(file)


def command(*words: object, folder: Path | None = None, text: str | None = None) -> str:
    """Run a program to its end and return what it printed."""
    completed = subprocess.run([str(word) for word in words], cwd=folder, input=text, capture_output=True, text=True)
    if completed.returncode:
        raise SystemExit(f"{words[0]} failed: {completed.stderr[-2000:]}")
    return completed.stdout
