"""Early stopping: whether what a run is judged by no longer gets better, by rules that the loop and the page share.

By the validation loss, or by how its samples sound (`core.training.sample_measures`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.measures.noticed import ALIKE
from core.training.sample_measures import distances

SAME = 0.002  # a share of the error; what falls by less has not fallen

Metrics = Mapping[int, Mapping[str, float]]  # by step


def lowest(measurements: Sequence[tuple[int, float]]) -> int | None:
    """Index of the measurement that no later one beats by more than `SAME`; None without any."""
    best: int | None = None
    for index, (_, value) in enumerate(measurements):
        if best is None or value < measurements[best][1] * (1 - SAME):
            best = index
    return best


def measurements_since_lowest(measurements: Sequence[tuple[int, float]]) -> int:
    """How many measurements, given as ``(step, error)`` in step order, there were since the lowest."""
    best = lowest(measurements)
    return 0 if best is None else len(measurements) - 1 - best


def out_of_patience(metrics: Metrics, patience: int) -> bool:
    """Whether a run has waited so many measures for its error on unseen sentences to fall."""
    errors = ((step, values.get("val_loss")) for step, values in sorted(metrics.items()))
    return measurements_since_lowest([(step, error) for step, error in errors if error is not None]) >= patience


def best_sounding(metrics: Metrics) -> int | None:
    """The step whose samples no later one's beat by as much as a listener notices; None without measures."""
    best: tuple[int, float] | None = None
    for step, distance in distances(metrics):
        if best is None or distance < best[1] - ALIKE:
            best = step, distance
    return best[0] if best else None


def samples_out_of_patience(metrics: Metrics, patience: int) -> bool:
    """Whether so many measured checkpoints, counted from the one that sounds best, sounded no better."""
    best = best_sounding(metrics)
    return best is not None and sum(step > best for step, _ in distances(metrics)) >= patience
