"""Live sound: what a job has said so far, in a file that grows beside it, so that a page plays while it is spoken."""

from __future__ import annotations

import contextlib
import os
import struct
import time
from collections.abc import Iterator
from types import TracebackType
from typing import BinaryIO

import numpy as np

from core.audio.samples import Samples, as_16_bit
from core.engines.callbacks import ShouldStop, never
from core.files import TEMP_PREFIX
from core.jobs.job import Job

NAME = f"{TEMP_PREFIX}live.pcm"  # left over by a job that was killed, it is swept as what is half made
_RATE = struct.Struct("<I")  # in Hz, before the samples: 16 bit, mono
_BLOCK_BYTES = 1 << 16
_LOOK_S = 0.1


class LiveSound:
    """Written by the job: `add` as samples come. What plays it is only a convenience, so a full disk ends it silently.

    When the job leaves the block the file goes: whoever listens already hears it to the end.
    """

    def __init__(self, job: Job) -> None:
        self._path = job.path / NAME
        self._is_over = False

    def add(self, samples: Samples, rate: int) -> None:
        """Float32 mono in [-1, 1]; ``rate`` in Hz is the same throughout."""
        if self._is_over:
            return
        head = b"" if self._path.exists() else _RATE.pack(rate)
        try:
            with open(self._path, "ab") as file:
                file.write(head + as_16_bit(samples))
        except OSError:
            self._is_over = True

    def __enter__(self) -> LiveSound:
        self._path.unlink(missing_ok=True)  # of one that was killed
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


def is_live(job: Job) -> bool:
    """Whether a job has said something and goes on."""
    return (job.path / NAME).is_file() and job.alive()


def follow(job: Job, should_stop: ShouldStop = never) -> Iterator[tuple[Samples, int]]:
    """What the job has said, and what it says until it is done with that; float32 mono and the rate in Hz.

    Waits for its beginning; nothing comes of a job that has ended.
    """
    file = _opened(job, should_stop)
    if file is None:
        return
    with file:
        rate, rest = 0, b""
        while True:
            # Asked first: what it writes last is read then.
            goes_on = os.fstat(file.fileno()).st_nlink > 0 and job.alive()
            while block := file.read(_BLOCK_BYTES):
                rest += block
                if not rate and len(rest) >= _RATE.size:
                    rate, rest = _RATE.unpack_from(rest)[0], rest[_RATE.size :]
                size = len(rest) // 2 * 2
                if rate and size:
                    yield np.divide(np.frombuffer(rest[:size], dtype="<i2"), 32767, dtype=np.float32), rate
                    rest = rest[size:]
                if should_stop():
                    return
            if not goes_on or should_stop():
                return
            time.sleep(_LOOK_S)


def _opened(job: Job, should_stop: ShouldStop) -> BinaryIO | None:
    while True:
        alive = job.alive()
        with contextlib.suppress(FileNotFoundError):
            return open(job.path / NAME, "rb", buffering=0)
        if not alive or should_stop():
            return None
        time.sleep(_LOOK_S)
