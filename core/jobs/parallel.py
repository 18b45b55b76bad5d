"""Thread pool for a task that goes on watching for Stop meanwhile."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

_I = TypeVar("_I")
_R = TypeVar("_R")
_LOOK_S = 0.2


def map_in_threads(
    items: Sequence[_I], work: Callable[[_I], _R], at_once: int, check_stop: Callable[[], None]
) -> Iterator[tuple[_I, _R | Exception]]:
    """Yield every item with what ``work`` made of it, or the exception it raised, as they are done.

    ``check_stop`` is called several times a second and may raise to end it all, however long ``work`` still takes:
    threads at work are left behind and die with the process, so a task should end soon after.
    """
    waiting: queue.SimpleQueue[_I] = queue.SimpleQueue()
    results: queue.SimpleQueue[tuple[_I, _R | Exception]] = queue.SimpleQueue()
    is_stopped = threading.Event()
    for item in items:
        waiting.put(item)

    def serve() -> None:
        while not is_stopped.is_set():
            try:
                item = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                results.put((item, work(item)))
            except Exception as error:  # handed to the caller, who knows which ones it may pass over
                results.put((item, error))

    for _ in range(min(at_once, len(items))):
        threading.Thread(target=serve, daemon=True).start()
    try:
        remaining = len(items)
        while remaining:
            check_stop()
            try:
                result = results.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            remaining -= 1
            yield result
    finally:
        is_stopped.set()
