"""What updates came to, fetched from a card without leaving it idle."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

_BY_DESIGN = 20  # overflows in a row: a scale of 65536, halved so often, is none any more


class Told:
    """Values of updates: at once from the processor; from a card those of the update before, but the first waits.

    Args:
        scaled: gradients are scaled, and overflow now and then by design; too many times in a row they are broken.
    """

    def __init__(self, scaled: bool) -> None:
        self.scaled = scaled
        self.step = 0  # the update that was told last
        self._newest: tuple[int, float, Tensor, Any] | None = None
        self._overflows = 0  # in a row

    def take(self, step: int, lr: float, values: Tensor) -> dict[str, float]:
        """Take update ``step``'s loss per code and per token and its gradient's norm; returns what can be told."""
        if not values.is_cuda:
            return self._values(step, lr, values)
        fetched = torch.empty(values.shape, pin_memory=True)
        fetched.copy_(values, non_blocking=True)
        done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        done.record()
        now = step, lr, fetched, done
        before, self._newest = self._newest or now, now
        return self._waited(before)

    def last(self) -> dict[str, float] | None:
        """Wait for the newest values; None if they were told."""
        return None if self._newest is None or self._newest[0] == self.step else self._waited(self._newest)

    def forget(self) -> None:
        """The newest update is taken back."""
        self._newest = None
        self._overflows = 0

    def _waited(self, one: tuple[int, float, Tensor, Any]) -> dict[str, float]:
        step, lr, fetched, done = one
        done.synchronize()
        return self._values(step, lr, fetched)

    def _values(self, step: int, lr: float, values: Tensor) -> dict[str, float]:
        self.step = step
        mel, text, norm = values.tolist()
        found = {"loss": mel, "text_loss": text, "lr": lr, "grad_norm": norm}
        self._overflows = 0 if math.isfinite(norm) else self._overflows + 1
        sound = math.isfinite(mel) and self._overflows <= (_BY_DESIGN if self.scaled else 0)
        return found if sound else {**found, "skipped": 1.0}
