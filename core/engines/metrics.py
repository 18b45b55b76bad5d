"""Metrics of updates, copied from a card asynchronously so that it is not left idle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

_BY_DESIGN = 20  # overflows in a row: a scale of 65536, halved so often, is none any more


class DeferredMetrics:
    """Values of updates: at once from the processor; from a card those of the update before, but the first waits.

    Args:
        uses_scaler: gradients are scaled, and overflow now and then by design; too many times in a row they are broken.
        names: of an update's values, in their order; the first is what it learns by, the gradient's norm comes last.
    """

    def __init__(self, uses_scaler: bool, names: Sequence[str] = ("loss",)) -> None:
        self.uses_scaler = uses_scaler
        self.names = [*names, "grad_norm"]
        self.step = 0  # the update whose values were returned last
        self._newest: tuple[int, float, Tensor, Any] | None = None
        self._overflows = 0  # in a row

    def push(self, step: int, lr: float, values: Tensor) -> dict[str, float]:
        """Queue update ``step``'s values, (len(names) + 1,); returns the newest there are."""
        if not values.is_cuda:
            return self._values(step, lr, values)
        host_values = torch.empty(values.shape, pin_memory=True)
        host_values.copy_(values, non_blocking=True)
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record()
        now = step, lr, host_values, event
        before, self._newest = self._newest or now, now
        return self._resolve(before)

    def wait(self) -> dict[str, float] | None:
        """Wait for the newest values; None if they were returned."""
        return None if self._newest is None or self._newest[0] == self.step else self._resolve(self._newest)

    def drop(self) -> None:
        """The newest update is taken back."""
        self._newest = None
        self._overflows = 0

    def _resolve(self, entry: tuple[int, float, Tensor, Any]) -> dict[str, float]:
        step, lr, host_values, event = entry
        event.synchronize()
        return self._values(step, lr, host_values)

    def _values(self, step: int, lr: float, values: Tensor) -> dict[str, float]:
        self.step = step
        metrics = {"lr": lr, **dict(zip(self.names, values.tolist(), strict=True))}
        self._overflows = 0 if math.isfinite(metrics["grad_norm"]) else self._overflows + 1
        sound = math.isfinite(metrics[self.names[0]]) and self._overflows <= (_BY_DESIGN if self.uses_scaler else 0)
        return metrics if sound else {**metrics, "skipped": 1.0}
