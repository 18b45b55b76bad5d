"""Hardware detection: graphics cards as their own tool reports them, and memory, without loading torch."""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

_QUERY = "name,memory.total,memory.free,compute_cap"
_KEPT_S = 5.0
# What PyTorch, the libraries of CUDA, CTranslate2 and C++ say when memory runs out.
_NO_MEMORY = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "failed to allocate",
    "alloc_failed",
    "allocation_failed",
    "bad_alloc",
)
_last: tuple[float, tuple[Card, ...]] | None = None


@dataclass(frozen=True)
class Card:
    """One graphics card. Memory in gigabytes; ``capability`` such as 8.6."""

    name: str
    total_gb: float
    free_gb: float
    capability: float


def cards() -> tuple[Card, ...]:
    """The NVIDIA cards of this machine; asked at most every five seconds, since it takes tens of milliseconds."""
    global _last
    if _last is None or time.monotonic() - _last[0] > _KEPT_S:
        _last = (time.monotonic(), _ask())
    return _last[1]


def free_memory() -> int | None:
    """Bytes of the computer's own memory that are free; None where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    sizes = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    return sizes[0] if sizes else None


def out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: a card's, or this computer's."""
    # By name, because torch's own class is not to be imported for it.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _NO_MEMORY)


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
    name, total, free, capability = (part.strip() for part in line.split(","))
    return Card(name.removeprefix("NVIDIA "), float(total) / 1024, float(free) / 1024, float(capability))
