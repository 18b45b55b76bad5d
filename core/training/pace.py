"""How fast a run goes and what it takes: seconds an update, time left, memory."""

from __future__ import annotations

import resource
import sys
from dataclasses import dataclass

from core.training.config import TrainConfig

_FORGET = 0.9  # of the running pace, each step: the last ten or so count


@dataclass
class Pace:
    """Seconds an update takes, remembered with a short memory, and what the rest of the run will cost."""

    step_s: float = 0.0
    eval_s: float = 0.0

    def stepped(self, seconds: float) -> None:
        """Take one update's time into account."""
        self.step_s = seconds if self.step_s == 0 else _FORGET * self.step_s + (1 - _FORGET) * seconds

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


def _times(step: int, total: int, every: int) -> int:
    """How often ``every`` comes up in ``step + 1 … total``, the end always counted."""
    between = total // every - step // every
    return between + (1 if total % every and step < total else 0)
