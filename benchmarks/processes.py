"""What the processes take that a benchmark starts, and those that they start."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import psutil


class Watch:
    """Processor time and memory of this process's descendants, as of the latest `look`.

    A process that has ended counts with what it had taken when it was last seen.
    """

    def __init__(self) -> None:
        self.peak_mb = 0.0  # the most that all of them together held at one look; memory they share counts for each
        self._taken: dict[tuple[int, float], tuple[float, list[str]]] = {}  # seconds and command line of each process

    def look(self) -> None:
        """Note what each has taken by now."""
        resident = 0
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):  # it ends meanwhile
                resident += process.memory_info().rss
                times = process.cpu_times()
                key = process.pid, process.create_time()
                self._taken[key] = times.user + times.system, process.cmdline()
        self.peak_mb = max(self.peak_mb, resident / 1e6)

    def cpu_s(self, matches: Callable[[list[str]], bool] = lambda command: True) -> float:
        """Seconds of processor that those took whose command line matches."""
        return sum(seconds for seconds, command in self._taken.values() if matches(command))
