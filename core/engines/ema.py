"""Exponential moving average of the weights that learn, exchanged with them in place."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class ExponentialMovingAverage:
    """A running mean of weights, exchanged with them in place while it is wanted."""

    def __init__(self, parameters: Sequence[nn.Parameter], decay: float) -> None:
        self.parameters, self.decay = list(parameters), decay
        self.values = [parameter.detach().clone() for parameter in parameters] if decay else []
        self.holds_mean = False

    def update(self, step: int) -> None:
        """Move towards the weights after update number ``step`` (from 1); faster at first, when there is no past."""
        if not self.values:
            return
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.values, [p.detach() for p in self.parameters], 1 - decay)

    def show(self, mean: bool) -> None:
        """Let the model hold the mean, or the weights themselves again."""
        if not self.values or mean == self.holds_mean:
            return
        with torch.no_grad():
            # One room for all, taken before anything is exchanged: memory must not run out half way.
            largest = max(self.parameters, key=torch.numel)
            room = torch.empty(largest.numel(), dtype=largest.dtype, device=largest.device)
            for parameter, value in zip(self.parameters, self.values, strict=True):
                weights = room[: parameter.numel()].view_as(parameter).copy_(parameter)
                parameter.copy_(value)
                value.copy_(weights)
        self.holds_mean = mean

    def inactive(self) -> list[Tensor]:
        """Whichever of the two the model does not hold now."""
        return self.values
