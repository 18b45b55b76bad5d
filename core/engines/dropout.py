"""Dropout as training draws it: on the processor a random byte an element decides, eight times fewer draws."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def drop(values: Tensor, share: float) -> Tensor:
    """``values`` with a share of them zero and the others larger by as much; on the processor in 256ths.

    Compiled it is torch's own, which can be traced.
    """
    if share <= 0:
        return values
    if values.is_cuda or torch.compiler.is_compiling():
        return F.dropout(values, share)
    least = round(share * 256)
    random_bytes = torch.empty(-(-values.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
    mask = (random_bytes.view(torch.uint8)[: values.numel()] >= least).view(values.shape)
    return values * mask.to(values.dtype).mul_(256 / (256 - least))


class ByteDropout(nn.Dropout):
    """`drop` where a library's model has a layer for it."""

    def forward(self, input: Tensor) -> Tensor:
        """As of `torch.nn.Dropout`."""
        return drop(input, self.p) if self.training else input
