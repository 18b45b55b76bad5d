"""Blocking iterators for asynchronous answers: in threads of their own, so that pages never wait for them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from fastapi import Request

T = TypeVar("T")
_END = object()
_LOOK_S = 0.25
_threads = ThreadPoolExecutor(96, "voicewright-api")  # more than the speaking process lets wait


async def run(function: Callable[[], T]) -> T:
    """The result of a blocking function; whoever no longer waits for it leaves it to itself."""
    return await asyncio.get_running_loop().run_in_executor(_threads, function)


async def first(request: Request, items: Iterator[T], stop: threading.Event) -> T | None:
    """The first item; None if there is none, or who asked has gone before it came.

    ``stop`` is set where the item is not wanted any more, and has to make a waiting ``items`` give up.
    """
    waiting = asyncio.ensure_future(run(lambda: next(items, None)))
    try:
        while not (await asyncio.wait([waiting], timeout=_LOOK_S))[0]:
            if await request.is_disconnected():
                stop.set()
                waiting.add_done_callback(lambda future: future.cancelled() or future.exception())  # heard by nobody
                return None
        return waiting.result()
    except BaseException:
        stop.set()
        raise


async def iterate(items: Iterator[T], on_end: Callable[[], object], first: T | None = None) -> AsyncIterator[T]:
    """Items as they come, after the ``first`` if that was taken already.

    ``on_end`` is called when nobody wants more, and has to make a waiting ``items`` give up.
    """
    try:
        if first is not None:
            yield first
        while (item := await run(lambda: next(items, _END))) is not _END:
            yield item  # type: ignore[misc]
    finally:
        on_end()
