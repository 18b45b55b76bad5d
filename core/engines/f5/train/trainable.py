"""Trainable weights of a run: what the settings name, and rows of new letters always."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from core.engines.adapter import LoraOptions, lora_options
from core.engines.dropout import ByteDropout
from core.engines.f5.model.load import F5
from core.engines.f5.model.lora import extend, inject, text_names, trainable_parameters, unfreeze
from core.engines.f5.options import F5TrainConfig


def select_trainable(model: F5, config: F5TrainConfig, new_letters: Sequence[str]) -> LoraOptions | None:
    """Let learn what the settings name, and rows of new letters always: nobody else could teach them.

    Returns the sizes of the adapter, None where there is none.
    """
    model.requires_grad_(False)
    if options := lora_options(config):
        inject(model, options)
        names = text_names(model) if config.train_text else []
    else:
        names = [name for name, _ in model.transformer.named_parameters()]
    unfreeze(model, names)
    extend(model, new_letters)
    return options


def param_groups(model: F5, weight_decay: float) -> list[dict[str, Any]]:
    """What learns as an optimizer is given it: biases and norms are not decayed."""
    learns = trainable_parameters(model).values()
    groups = [
        {"params": [parameter for parameter in learns if parameter.ndim > 1], "weight_decay": weight_decay},
        {"params": [parameter for parameter in learns if parameter.ndim < 2], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def set_dropout(model: F5, share: float) -> None:
    """Let the blocks leave out a share of what their layers add; an adapter's dropout is its own."""
    for name, module in model.transformer.named_modules():
        if isinstance(module, nn.Dropout) and "lora_dropout" not in name:
            module.__class__, module.p = ByteDropout, share
