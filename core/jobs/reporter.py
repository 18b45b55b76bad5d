"""Reporter of a task: progress with time left, metrics and warnings as events, and whether to stop."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from core.errors import Cancelled, UserError, filled
from core.jobs import events
from core.jobs.job import Job, JobView
from core.jobs.view import Fold


class Reporter:
    """Handed to every task. Appends events; never prints."""

    MIN_INTERVAL_S = 0.2

    def __init__(self, job: Job) -> None:
        self.job = job
        self._stage = ""
        self._stage_began = 0.0
        self._first_done = 0.0
        self._last_sent = 0.0
        self._last_look = 0.0
        self._stop = False
        self._fold: Fold | None = None
        self.on_event: Callable[[events.Event], None] = lambda event: None  # who else wants to know what was said
        self.on_look: Callable[[], None] = lambda: None  # called whenever the task looks for Stop: it is alive

    def emit(self, event: events.Event) -> None:
        """Append any event."""
        events.append(self.job.events_path, event)
        if self._fold:
            self._fold.apply(event)
        self.on_event(event)

    @property
    def view(self) -> JobView:
        """What was told of the job, by earlier processes too: the log is read once, then what is emitted is added."""
        if self._fold is None:
            self._fold = self.job.fold()
            self._fold.update()
        return self._fold.view

    def start(self, step: int | None = None) -> None:
        """Say that work is under way; with ``step``, that it takes up there: readers drop what came after it."""
        self.emit(events.Started(pid=os.getpid(), step=step))

    def progress(self, stage: str, done: float, total: float, item: str = "", eta_s: float | None = None) -> None:
        """Say how far ``stage`` is. Sent at most five times a second, but always on a new stage and at its end.

        Time left is estimated from the pace of this stage unless ``eta_s`` is given.
        """
        now = time.monotonic()
        new = stage != self._stage
        if new:
            self._stage, self._stage_began, self._first_done = stage, now, done
        if not new and done < total and now - self._last_sent < self.MIN_INTERVAL_S:
            return
        self._last_sent = now
        advance = done - self._first_done
        if eta_s is None and advance > 0 and total > 0:
            eta_s = (now - self._stage_began) / advance * (total - done)
        self.emit(events.Progress(stage=stage, done=done, total=total, item=item, eta_s=eta_s))

    def advance(self, stage: str, done: float, total: float) -> None:
        """`progress`, after `check_stop`."""
        self.check_stop()
        self.progress(stage, done, total)

    def warning(self, code: str, text: str, hint: str = "", **values: Any) -> None:
        """Name something that was set aside; ``text`` and ``hint`` are templates over ``values``."""
        text, hint = filled(text, values), filled(hint, values)
        self.emit(events.Warning(code=code, text=text, hint=hint, values=plain(values)))

    def set_aside(self, error: UserError) -> None:
        """Name an item that failed while the others go on: the error as a warning."""
        values = plain(error.values)
        self.emit(events.Warning(code=error.code, text=error.text, hint=error.hint, values=values))

    def metrics(self, step: int, **values: float) -> None:
        """Numbers of a step."""
        self.emit(events.Metrics(step=step, values=values))

    def stop_requested(self) -> bool:
        """Whether Stop was pressed; looks at the disk at most four times a second."""
        self.on_look()
        now = time.monotonic()
        if not self._stop and now - self._last_look >= 0.25:
            self._last_look = now
            self._stop = self.job.stop_requested()
        return self._stop

    def since_stop_s(self) -> float:
        """Seconds since Stop was pressed; 0 if it was not."""
        try:
            return max(0.0, time.time() - self.job.stop_path.stat().st_mtime)
        except FileNotFoundError:
            return 0.0

    def check_stop(self) -> None:
        """Raise `Cancelled` if Stop was pressed."""
        if self.stop_requested():
            raise Cancelled


def record_of(error: UserError) -> dict[str, Any]:
    """An error as a file keeps it, for a page to tell in its own language later (`ui.i18n.Translator.error`)."""
    return {"code": error.code, "text": error.text, "hint": error.hint, "values": plain(error.values)}


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """Values of an error as JSON can hold them: those that are errors themselves as of `record_of`, others as text."""
    return {key: _plain(value) for key, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, UserError):
        return record_of(value)
    is_record = isinstance(value, dict) and "code" in value
    return value if is_record or isinstance(value, (str, int, float, bool)) else str(value)
