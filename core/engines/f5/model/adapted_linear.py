"""A linear layer with its LoRA adapter, computed without a pass over the frames for each of the adapter's steps."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from peft.tuners.lora.layer import Linear
from torch import Tensor, nn

_ADAPTER = "default"


class AdaptedLinear(Linear):  # type: ignore[misc]
    """peft's layer, whose adapter is added where the layer's product is written; with dropout or DoRA it is peft's.

    For speaking in full precision the adapter is added to the weight first, anew in each pass: so nothing more is
    kept, and live weights say what a loaded checkpoint says, to the last bit.
    """

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """What the layer and its adapter make of ``x``, (…, in) to (…, out)."""
        dropout = self.lora_dropout[_ADAPTER]
        if self.lora_variant or (self.training and getattr(dropout, "p", 0)):
            output: Tensor = super().forward(x, *args, **kwargs)
            return output
        layer, scale = self.get_base_layer(), self.scaling[_ADAPTER]
        down, up = self.lora_A[_ADAPTER].weight, self.lora_B[_ADAPTER].weight
        if torch.is_autocast_enabled(x.device.type):
            x = x.to(torch.get_autocast_dtype(x.device.type))  # at once, not in both of the products
        elif not torch.is_grad_enabled():
            return F.linear(x, torch.addmm(layer.weight, up, down, alpha=scale), layer.bias)
        rows = x.flatten(0, -2)
        factor = up.to(x.dtype).t()
        total = F.linear(rows, layer.weight, layer.bias).addmm_(F.linear(rows, down), factor, alpha=scale)
        return total.view(*x.shape[:-1], -1)


def quicken(module: nn.Module) -> None:
    """Let every adapted linear layer of a module compute so."""
    for layer in module.modules():
        if type(layer) is Linear:
            layer.__class__ = AdaptedLinear
