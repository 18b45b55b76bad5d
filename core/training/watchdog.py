"""Watchdog: ends the process of a training that hangs (no sign of life for far longer than ever), to be resumed."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import threading
import time
from collections.abc import Iterator

from core.jobs import events
from core.jobs.reporter import Reporter

_FACTOR = 20.0  # times the longest wait seen in the same stage
_FIRST = 6.0  # times the shortest patience, while a stage has not been seen once: kernels are chosen, caches filled
_GRACE_S = 60.0
_LOOKS = 8  # in the time of the shortest patience
_LOOK_S = 2.0


class Watchdog:
    """A thread that watches named stages (update, evaluate, sample, save, remember) for a sign of life.

    A sign of life is the end of a stage or a look for Stop on the way (between batches, between audio codes).

    Args:
        minutes: the least patience; 0 turns it off.
        factor: how many times the longest wait seen in a stage is waited.
    """

    def __init__(self, reporter: Reporter, minutes: float, factor: float = _FACTOR) -> None:
        self.reporter, self.least_s, self.factor = reporter, 60.0 * minutes, factor
        self.longest_s: dict[str, float] = {}
        self._stage = ""
        self._since = 0.0
        self._is_over = threading.Event()

    def __enter__(self) -> Watchdog:
        if self.least_s > 0:
            self.reporter.on_look = self.alive
            threading.Thread(target=self._run, name="watchdog", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self.reporter.on_look = lambda: None
        if self.least_s > 0:
            faulthandler.cancel_dump_traceback_later()

    @contextlib.contextmanager
    def watch(self, stage: str) -> Iterator[None]:
        """Watch what is done inside."""
        self._since, self._stage = time.monotonic(), stage
        try:
            yield
        finally:
            self.alive()
            self._stage = ""

    def alive(self) -> None:
        """A sign of life."""
        now, stage = time.monotonic(), self._stage
        if stage:
            self.longest_s[stage] = max(self.longest_s.get(stage, 0.0), now - self._since)
        self._since = now

    def patience_s(self, stage: str) -> float:
        """Seconds without a sign of life that a stage may take."""
        longest_s = self.longest_s.get(stage)
        return self.least_s * _FIRST if longest_s is None else max(self.least_s, self.factor * longest_s)

    def _run(self) -> None:
        while not self._is_over.wait(min(_LOOK_S, self.least_s / _LOOKS)):
            stage, since = self._stage, self._since
            if not stage:
                faulthandler.cancel_dump_traceback_later()
                continue
            patience_s, silent_s = self.patience_s(stage), time.monotonic() - since
            if silent_s > patience_s:
                self._end(stage, silent_s)
            # If what hangs never lets another thread run, this one cannot speak either; C code then ends the process.
            faulthandler.dump_traceback_later(patience_s - silent_s + _GRACE_S, exit=True, file=sys.stderr)

    def _end(self, stage: str, silent_s: float) -> None:
        values = {"stage": stage, "minutes": round(silent_s / 60, 1), "usual_s": round(self.longest_s.get(stage, 0), 1)}
        text = "The card does not answer: nothing came back for {minutes} minutes, where {usual_s} s was the longest."
        hint = (
            "What was saved is kept: resume. If it hangs again, restart the computer, so that the driver starts anew."
        )
        faulthandler.dump_traceback(file=sys.stderr, all_threads=True)
        sys.stderr.flush()
        event = events.Finished(
            outcome="failed",
            code="train.hung",
            text=text.format(**values),
            hint=hint,
            values=values,
        )
        self.reporter.emit(event)
        # At once, without waiting for the thread that hangs: with the process go its locks.
        os._exit(1)
