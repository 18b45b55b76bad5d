"""Blocking iterators for asynchronous answers: in threads of their own, so that pages never wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
_END = object()
_threads = ThreadPoolExecutor(96, "voicewright-api")  # more than the speaking process lets wait


async def run(function: Callable[[], T]) -> T:
    """The result of a blocking function; whoever no longer waits for it leaves it to itself."""
    return await asyncio.get_running_loop().run_in_executor(_threads, function)


async def iterate(items: Iterator[T], on_end: Callable[[], object]) -> AsyncIterator[T]:
    """Items as they come. ``on_end`` is called when nobody wants more, and has to make a waiting ``items`` give up."""
    try:
        while (item := await run(lambda: next(items, _END))) is not _END:
            yield item  # type: ignore[misc]
    finally:
        on_end()
