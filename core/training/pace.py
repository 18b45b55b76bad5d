"""Throughput of a run: seconds an update, time left (ETA), peak memory."""

from __future__ import annotations

import resource
import statistics
import sys
from collections import deque
from dataclasses import dataclass, field

from core.engines.options import TrainConfig

_WINDOW = 21  # times; half as many odd ones in a row change nothing


def _times_taken() -> deque[float]:
    return deque(maxlen=_WINDOW)


def usual(times: deque[float], seconds: float) -> float:
    """Take one more of ``times`` into account; their median."""
    times.append(seconds)
    return statistics.median_low(times)


@dataclass
class Pace:
    """Seconds an update and an evaluation usually take, and what the rest of the run will cost.

    Usually is the median of the latest: the first update, or what came while the machine was busy, may take many times
    as long.
    """

    step_s: float = 0.0
    eval_s: float = 0.0
    _updates: deque[float] = field(default_factory=_times_taken, init=False)
    _evaluations: deque[float] = field(default_factory=_times_taken, init=False)

    def add_step(self, seconds: float) -> None:
        """Take one update's time into account."""
        self.step_s = usual(self._updates, seconds)

    def add_evaluation(self, seconds: float) -> None:
        """Take one evaluation's time into account."""
        self.eval_s = usual(self._evaluations, seconds)

    def left_s(self, config: TrainConfig, step: int, sample_s: float) -> float:
        """Seconds until the end: updates, evaluations and samples still to come."""
        total = config.max_steps
        evaluations = _times(step, total, config.eval_every)
        saves = _times(step, total, config.save_every)
        # Before the first update nothing is known of its time but that it is of an evaluation's order.
        return (total - step) * (self.step_s or self.eval_s) + evaluations * self.eval_s + saves * sample_s


def memory_mb() -> float:
    """The most memory used so far: the card's if there is one in use, else this process's, in MiB."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        return float(torch.cuda.max_memory_reserved() / 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _times(step: int, total: int, interval: int) -> int:
    """How often ``every`` comes up in ``step + 1 … total``, the end always counted."""
    between = total // interval - step // interval
    return between + (1 if total % interval and step < total else 0)
