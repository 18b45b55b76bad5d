"""Tensors of a file that came from anywhere: only plain ones of the size they claim, with numbers in them, are used."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor

from core.errors import UserError


def check_tensor(key: str, value: Any) -> Tensor:
    """The value, if it is a plain tensor.

    Raises:
        UserError: a reason: it is none, poses as a larger one than is stored, or holds values that are no numbers.
    """
    if not isinstance(value, Tensor) or value.layout != torch.strided or value.is_quantized:
        raise UserError("reason.no_tensor", "{key} is no plain tensor", key=key[:80])
    # A few bytes can pose as a tensor of any size.
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        raise UserError("reason.posing_tensor", "{key} is larger than what is stored of it", key=key[:80])
    if value.is_floating_point() and not bool(torch.isfinite(value).all()):
        raise UserError("reason.tensor_not_numbers", "{key} holds values that are no numbers", key=key[:80])
    return value


def check_shapes(state: Mapping[str, Tensor], shapes: Mapping[str, torch.Size]) -> None:
    """Weights against the names and sizes that a model has.

    Raises:
        UserError: ``reason.tensors_differ``.
    """
    mismatches = {name for name in state.keys() & shapes if state[name].shape != shapes[name]}
    if differing := state.keys() ^ shapes.keys() | mismatches:
        raise tensors_differ(differing)


def foreign_tensor(key: str) -> UserError:
    """Why weights are refused: a name that no model of their kind has."""
    return UserError("reason.foreign_tensor", "{key} belongs to no model of this kind", key=key[:80])


def tensors_differ(names: Collection[str]) -> UserError:
    """Why weights are refused: some are lacking, or are too many, or of another size."""
    examples = ", ".join(sorted(names)[:3])
    return UserError("reason.tensors_differ", "lacking, too many or of another size: {names}", names=examples[:200])
