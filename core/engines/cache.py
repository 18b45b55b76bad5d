"""Feature cache on disk: large files that are mapped into memory, and an index that is only ever appended to."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from core.files import append_line

_INDEX, _LOCK = "index.jsonl", "lock"


class Stream(NamedTuple):
    """A file of rows of one width and type; the ``name`` is the file's."""

    name: str
    dtype: str
    width: int

    @property
    def row_bytes(self) -> int:
        """What a row takes."""
        return self.width * np.dtype(self.dtype).itemsize


class Span(NamedTuple):
    """The rows of a sound in a stream."""

    first: int
    rows: int


class ArrayCache:
    """Arrays of sounds by their content, whatever dataset they are in; each has one array (rows, width) in each stream.

    A batch is written, flushed to disk, and only then named in the index; what a kill left behind unnamed is
    overwritten by the next batch. Memory stays the same however much is stored: files are mapped, not read.
    """

    def __init__(self, folder: Path, streams: Sequence[Stream]) -> None:
        self.folder, self.streams = folder, tuple(streams)
        self.places: dict[str, tuple[Span, ...]] = {}
        self._read = 0
        self._maps: dict[int, npt.NDArray[Any]] = {}
        self.refresh()

    def refresh(self) -> None:
        """Learn of what was written since; an unfinished last line is left for later."""
        path = self.folder / _INDEX
        if not path.exists():
            return
        with open(path, "rb") as file:
            file.seek(self._read)
            text = file.read()
        lines = text[: text.rfind(b"\n") + 1]
        self._read += len(lines)
        for line in lines.splitlines():
            key, *numbers = json.loads(line)
            self.places[key] = tuple(Span(*numbers[at : at + 2]) for at in range(0, len(numbers), 2))
        self._maps.clear()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Alone among all processes; waits for another to finish, then knows what it wrote."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / _LOCK, "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._mend()
            self.refresh()
            yield

    def append_arrays(self, batch: Sequence[tuple[str, Sequence[npt.NDArray[Any]]]]) -> None:
        """Add sounds, each its key and an array for each stream; only inside `writing`."""
        lines: list[list[str | int]] = [[key] for key, _ in batch]
        for number, stream in enumerate(self.streams):
            first, path = self._end(number), self.folder / stream.name
            path.touch()
            with open(path, "r+b") as file:
                file.seek(first * stream.row_bytes)
                for line, (_, arrays) in zip(lines, batch, strict=True):
                    array = np.ascontiguousarray(arrays[number], dtype=stream.dtype)
                    file.write(array.tobytes())
                    line += [first, len(array)]
                    first += len(array)
                file.flush()
                os.fsync(file.fileno())
        for line in lines:
            append_line(self.folder / _INDEX, json.dumps(line))
        self.refresh()

    def array(self, key: str, stream: int) -> npt.NDArray[Any]:
        """A sound's array, (rows, width), or (rows,) where the width is 1; a view of the file."""
        span = self.places[key][stream]
        return self._map(stream)[span.first : span.first + span.rows]

    def _map(self, number: int) -> npt.NDArray[Any]:
        if number not in self._maps:
            stream, rows = self.streams[number], self._end(number)
            shape = (rows,) if stream.width == 1 else (rows, stream.width)
            # Not the whole file: what lies behind may be half an item that a kill left.
            array = np.memmap(self.folder / stream.name, dtype=stream.dtype, mode="r", shape=shape)
            self._maps[number] = np.asarray(array)
        return self._maps[number]

    def _end(self, stream: int) -> int:
        if not self.places:
            return 0
        return max(spans[stream].first + spans[stream].rows for spans in self.places.values())

    def _mend(self) -> None:
        """Cut off a line that a kill left unfinished: the next one would be glued to it."""
        path = self.folder / _INDEX
        if path.exists():
            with open(path, "r+b") as file:
                text = file.read()
                file.truncate(text.rfind(b"\n") + 1)
