"""Gradio's event queue, running only while there are events: as it comes it looks for some 1,100 times a second."""

from __future__ import annotations

import asyncio
from typing import Any

from gradio.queueing import Queue
from gradio.utils import run_coro_in_background

_IDLE_CHECK_S = 0.05


class EventQueue(Queue):
    """Starts Gradio's two loops with the first event and ends them when the last one is answered."""

    _is_closed = False
    _loops: asyncio.Task[None] | None = None

    @classmethod
    def replace(cls, queue: Queue) -> None:
        """Make a queue that `Blocks` has already made one of these."""
        queue.__class__ = cls
        queue.ANALYTICS_MAX_EVENTS = 1  # kept of events that have ended, for the same page as below

    @property
    def stopped(self) -> bool:
        """Whether the server is closing: open streams then say so. An idle queue has not stopped."""
        return self._is_closed

    @stopped.setter
    def stopped(self, value: bool) -> None:
        """Gradio's loop says it whenever it ends; only `close` means it."""

    def start(self) -> None:
        """Make ready for events; nothing runs before the first."""
        self.active_jobs = [None] * self.max_thread_count

    def close(self) -> None:
        """End for good."""
        self._is_closed = True

    async def push(self, *arguments: Any, **kwargs: Any) -> Any:
        """Take an event in, as Gradio does, and see to it that somebody works on it."""
        answer = await super().push(*arguments, **kwargs)
        if self._loops is None or self._loops.done():
            self._loops = run_coro_in_background(self._run)
        return answer

    def compute_analytics_summary(self, records: Any) -> dict[str, Any]:
        """Nothing: a table made with pandas at each event, for a page of Gradio's that is closed here."""
        return {}

    @property
    def is_running(self) -> bool:
        """Whether any of its loops is."""
        return self._loops is not None and not self._loops.done()

    async def _run(self) -> None:
        loops = [asyncio.ensure_future(super().start_processing())]
        loops.append(asyncio.ensure_future(super().start_progress_updates()))
        try:
            # No event can come in between the last look and the end: both are on this one event loop.
            while self._has_work() and not loops[0].done():
                await asyncio.sleep(_IDLE_CHECK_S)
        finally:
            for loop in loops:
                loop.cancel()

    def _has_work(self) -> bool:
        return not self._is_closed and bool(len(self) or any(self.active_jobs) or self._asyncio_tasks)
