"""Learning-rate schedule: linear warm-up, then cosine decay to a tenth."""

from __future__ import annotations

import math

from core.engines.options import TrainConfig

_FLOOR = 0.1  # of the learning rate, where the cosine ends


def learning_rate(config: TrainConfig, step: int) -> float:
    """The rate of the update after ``step`` others: a linear rise, then half a cosine down to a tenth."""
    warmup = min(config.warmup_steps, config.max_steps // 2)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, config.max_steps - warmup)
    return config.learning_rate * (_FLOOR + (1 - _FLOOR) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))
