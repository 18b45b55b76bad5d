"""Early stopping: whether the validation loss has stopped falling, by rules that the loop and the page share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

SAME = 0.002  # a share of the error; what falls by less has not fallen


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


def out_of_patience(metrics: Mapping[int, Mapping[str, float]], patience: int) -> bool:
    """Whether a run has waited so many measures for its error on unseen sentences to fall; ``metrics`` by step."""
    errors = ((step, values.get("val_loss")) for step, values in sorted(metrics.items()))
    return measurements_since_lowest([(step, error) for step, error in errors if error is not None]) >= patience
