"""Companion of a training: a process of the lowest priority that measures the run's samples while it goes on.

How much it may do is counted: its processor time stays below a twentieth of what the run itself has taken since it
began, so that it costs the run less than that even where both share one core. It waits for the next request on its
standard input and ends when that is closed, so it never outlives the run.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from core import REPOSITORY
from core.jobs.job import worker_environment
from core.jobs.reporter import Reporter
from core.reasons import reason_of

MODULE = "core.evaluation.companion_process"
LOWEST_PRIORITY = 19
SHARE = 0.05  # of the run's processor time
_LOADING_S = 6.0  # of processor that it takes to load what listens and to measure the real voice
_STEP_S = 2.0  # and to measure a checkpoint's samples, until one has been
_LOOK_S = 0.1
_ENDING_S = 2.0


class Channel(Protocol):
    """The process, by its lines of JSON."""

    def send(self, step: int) -> None:
        """Ask for a checkpoint's measures. Raises OSError if it is gone."""
        ...

    def receive(self) -> list[dict[str, Any]]:
        """What it has said since, without waiting. Raises EOFError if it is gone."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class Companion:
    """See `core.training.sample_measures.SampleMeasures`.

    ``open_channel`` starts the process; ``spent_s`` says how many seconds of processor the run has taken.
    """

    def __init__(
        self,
        reporter: Reporter,
        open_channel: Callable[[], Channel] | None = None,
        spent_s: Callable[[], float] = time.process_time,
    ) -> None:
        self.reporter = reporter
        self._open = open_channel or (lambda: Process(reporter.job.path))
        self._spent_s, self._began_s = spent_s, spent_s()
        self._channel: Channel | None = None
        self._pending: list[int] = []
        self._at_work: int | None = None
        self._used_s = 0.0
        self._step_s = _STEP_S
        self._is_over = self._hurries = False

    def add(self, step: int) -> None:
        """Have the samples of a checkpoint measured when there is time."""
        if not self._is_over and step != self._at_work and step not in self._pending:
            self._pending.append(step)

    def poll(self) -> bool:
        """Say what has been measured meanwhile, and begin the next where the budget allows; whether there was news."""
        if self._is_over:
            return False
        is_new = False
        try:
            for message in self._channel.receive() if self._channel else []:
                is_new |= self._on(message)
            self._begin_next()
        except (OSError, EOFError, ValueError) as error:
            self._give_up(
                "train.samples_unmeasured",
                "The samples of this run are measured no longer ({what}).",
                "The training goes on. Score the checkpoints on the Listen page when it has ended.",
                what=reason_of(error),
            )
        return is_new

    def wait(self, most_s: float) -> bool:
        """Measure what is still to be measured, for at most so many seconds and until Stop."""
        until, total, is_new = time.monotonic() + most_s, len(self._pending) + (self._at_work is not None), False
        self._hurries = True  # the training is over: this keeps it from nothing
        while not self._is_over and (self._pending or self._at_work is not None):
            if time.monotonic() >= until or self.reporter.stop_requested():
                break
            is_new |= self.poll()
            remaining = len(self._pending) + (self._at_work is not None)
            self.reporter.progress("measure_samples", total - remaining, total)
            time.sleep(_LOOK_S)
        self._hurries = False
        return is_new

    def discard_later(self, keep_to: int) -> None:
        """Forget later updates; what is being measured of one of them is not told."""
        self._pending = [step for step in self._pending if step <= keep_to]
        if self._at_work is not None and self._at_work > keep_to:
            self._at_work = -1

    def close(self) -> None:
        """End the process."""
        self._is_over, self._pending = True, []
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _on(self, message: dict[str, Any]) -> bool:
        """Take in what the process says: what it can measure, then the measures of each step."""
        spent_s = float(message["processor_s"]) - self._used_s
        self._used_s = float(message["processor_s"])
        if "measures" in message:
            if not message["measures"]:
                self._give_up(
                    "train.samples_unmeasurable",
                    "How the samples sound is not measured: neither a recogniser of this language nor what tells "
                    "voices apart is installed.",
                    "Fetch a model on the Transcripts page, or install Resemblyzer.",
                )
            return False
        self._step_s = max(spent_s, self._step_s if self._step_s != _STEP_S else 0.0)
        step, self._at_work = self._at_work, None
        if step is None or step != message["step"] or not message["values"]:
            return False
        self.reporter.metrics(step, **{str(name): float(value) for name, value in message["values"].items()})
        return True

    def _begin_next(self) -> None:
        if self._at_work is not None or not self._pending or self._is_over:
            return
        cost_s = self._step_s + (0.0 if self._channel else _LOADING_S)
        if not self._hurries and self._used_s + cost_s > SHARE * (self._spent_s() - self._began_s):
            return
        if self._channel is None:
            if self._hurries:
                return self._pending.clear()  # loading all of it takes longer than anybody wants to wait
            self._channel = self._open()
        self._at_work = self._pending.pop(0)
        self._channel.send(self._at_work)

    def _give_up(self, code: str, text: str, hint: str, **values: Any) -> None:
        self.close()
        self.reporter.warning(code, text, hint, **values)


class Process:
    """The process of the run in a folder: light at first, since it loads all by itself."""

    def __init__(self, run: Path, niceness: int = LOWEST_PRIORITY) -> None:
        environment = worker_environment() | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", MODULE, str(run), str(niceness)],
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self._unread = b""

    def send(self, step: int) -> None:
        """See `Channel`."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{step}\n".encode())
        self._process.stdin.flush()

    def receive(self) -> list[dict[str, Any]]:
        """See `Channel`."""
        assert self._process.stdout is not None
        try:
            while data := os.read(self._process.stdout.fileno(), 65_536):
                self._unread += data
        except BlockingIOError:
            pass
        else:
            raise EOFError(f"it ended with {self._process.poll()}")
        *lines, self._unread = self._unread.split(b"\n")
        return [json.loads(line) for line in lines]

    def close(self) -> None:
        """See `Channel`."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):  # it hangs in the kernel: the run does not wait for it
            self._process.wait(_ENDING_S)
        self._process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
