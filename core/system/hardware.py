"""Hardware detection: graphics cards as their own tool reports them, and memory, without loading torch."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

_QUERY = "name,memory.total,memory.free,compute_cap,utilization.gpu"
_KEPT_S = 5.0
_LOOKS, _RECENT_S = 8, 120.0  # so many looks within this time say how busy a card is
_last: tuple[float, tuple[Card, ...]] | None = None
_looks: deque[tuple[float, float]] = deque(maxlen=_LOOKS)  # when, and how busy the first card was


@dataclass(frozen=True)
class Card:
    """One graphics card. Memory in gigabytes; ``capability`` such as 8.6; ``busy`` 0 to 1, None where unknown."""

    name: str
    total_gb: float
    free_gb: float
    capability: float
    busy: float | None = None


def cards() -> tuple[Card, ...]:
    """The NVIDIA cards of this machine; asked at most every five seconds, since it takes tens of milliseconds."""
    global _last
    if _last is None or time.monotonic() - _last[0] > _KEPT_S:
        _last = (time.monotonic(), _ask())
        if _last[1] and _last[1][0].busy is not None:
            _looks.append((_last[0], _last[1][0].busy))
    return _last[1]


def busy_share() -> float | None:
    """How busy the first card was of late, 0 to 1: one look tells nothing, so None until there were enough."""
    since = time.monotonic() - _RECENT_S
    recent = [share for at, share in _looks if at >= since]
    return statistics.fmean(recent) if len(recent) == _LOOKS else None


def free_memory() -> int | None:
    """Bytes of the computer's own memory that are free; None where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    sizes = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    return sizes[0] if sizes else None


def _ask() -> tuple[Card, ...]:
    if shutil.which("nvidia-smi") is None:
        return ()
    command = ["nvidia-smi", f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout
        return tuple(_card(line) for line in answer.splitlines() if line.strip())
    except (OSError, subprocess.SubprocessError, ValueError):
        return ()


def _card(line: str) -> Card:
    name, total, free, capability, busy = (part.strip() for part in line.split(","))
    share = float(busy) / 100 if busy.isdigit() else None  # "[N/A]" of a part of a card
    return Card(name.removeprefix("NVIDIA "), float(total) / 1024, float(free) / 1024, float(capability), share)
