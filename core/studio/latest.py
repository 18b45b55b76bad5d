"""Latest state of files that grow: what was read last of each, and nothing of what it was before.

`core.damage.read_once` keeps every version it has read, of thousands of small files. A long text with its history, or
the log of its takes, is megabytes, and is written again and again.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from core.damage import reading

T = TypeVar("T")
_MOST_BYTES = 64 << 20  # of all files together whose content is kept


class Latest(Generic[T]):
    """Reads files by ``read(path, size, former)``, where ``former`` is what it made of the beginning of the same file.

    ``grows`` says that files are only added to: then ``former`` is handed on with how many bytes that was.
    """

    def __init__(self, read: Callable[[Path, tuple[int, T] | None], tuple[int, T]], *, grows: bool = False) -> None:
        self._read, self._grows = read, grows
        self._kept: OrderedDict[Path, tuple[tuple[int, int, int], int, T]] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, path: Path, kind: str, thing: Path) -> T:
        """The same object as before, as long as the file is the same; it must not be changed.

        Raises:
            DamagedFile: it is missing, or what reads it has raised something.
        """
        with reading(path, kind, thing):
            about = os.stat(path)
            version = about.st_ino, about.st_mtime_ns, about.st_size
            with self._lock:
                entry = self._kept.get(path)
            if entry and entry[0] == version:
                return entry[2]
            is_longer = self._grows and entry and entry[0][0] == version[0] and entry[1] <= about.st_size
            former = (entry[1], entry[2]) if entry and is_longer else None
            length, value = self._read(path, former)
        with self._lock:
            self._kept[path] = version, length, value
            self._kept.move_to_end(path)
            while len(self._kept) > 1 and sum(size for (_, _, size), *_ in self._kept.values()) > _MOST_BYTES:
                self._kept.popitem(last=False)
        return value
