"""Tensors of a file that came from anywhere: only plain ones of the size they claim, with numbers in them, are used."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def check_tensor(key: str, value: Any) -> Tensor:
    """The value, if it is a plain tensor.

    Raises:
        TypeError, ValueError: it is none, poses as a larger one than is stored, or holds values that are no numbers.
    """
    if not isinstance(value, Tensor) or value.layout != torch.strided or value.is_quantized:
        raise TypeError(f"{key} is no plain tensor")
    # A few bytes can pose as a tensor of any size.
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        raise ValueError(f"{key} is larger than what is stored of it")
    if value.is_floating_point() and not bool(torch.isfinite(value).all()):
        raise ValueError(f"{key} holds values that are no numbers")
    return value
