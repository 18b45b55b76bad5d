"""Measures of a run's samples while it trains: how clear they are and how like the speaker, as metrics of the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from core.measures.noticed import NOTICED

CER, LIKENESS = "sample_cer", "sample_likeness"  # metrics of the update that was measured
_MEASURES = {CER: "cer", LIKENESS: "likeness"}


class SampleMeasures(Protocol):
    """Measures samples beside the training, as far as the processor is free, and says so as metrics of their update."""

    def add(self, step: int) -> None:
        """Have the samples of a checkpoint measured."""
        ...

    def poll(self) -> bool:
        """Say what has been measured meanwhile, without waiting; whether there was anything."""
        ...

    def wait(self, most_s: float) -> bool:
        """Say what is still to be measured, for at most so many seconds; whether there was anything."""
        ...

    def discard_later(self, keep_to: int) -> None:
        """Forget what was to be measured of later updates: another course's."""
        ...

    def close(self) -> None:
        """Measure no more."""
        ...


class Unmeasured:
    """No measures: the run says nothing of how its samples sound."""

    def add(self, step: int) -> None:
        """Nothing."""

    def poll(self) -> bool:
        """Nothing was measured."""
        return False

    def wait(self, most_s: float) -> bool:
        """Nothing is."""
        return False

    def discard_later(self, keep_to: int) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


def unmeasured_steps(steps: Sequence[int], metrics: Mapping[int, Mapping[str, float]]) -> list[int]:
    """Those of the steps that have spoken and of which no measure is known."""
    return [step for step in sorted(set(steps)) if _MEASURES.keys().isdisjoint(metrics.get(step, {}))]


def distances(metrics: Mapping[int, Mapping[str, float]]) -> list[tuple[int, float]]:
    """How far each measured checkpoint is below the base, in steps that a listener notices: the less the better.

    Clarity and likeness together; the base itself is 0. Empty without measures of the base.
    """
    base = metrics.get(0, {})
    names = [name for name in _MEASURES if name in base]
    return [
        (step, -sum((values[name] - base[name]) / NOTICED[_MEASURES[name]] for name in names))
        for step, values in sorted(metrics.items())
        if names and all(name in values for name in names)
    ]
