"""Trainable parameters: an adapter, the last layers, or all of the GPT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from TTS.tts.models.xtts import Xtts

from core.engines.adapter import LoraOptions, lora_options
from core.engines.xtts.model.lora import inject, trainable_parameters, unfreeze
from core.engines.xtts.model.vocabulary import first_new
from core.engines.xtts.options import XttsTrainConfig

# What a speaker is heard with stays as it is: latents are computed once, and an export's speakers stay valid.
_FROZEN = ("conditioning_encoder.", "conditioning_perceiver.", "conditioning_dropout.")
_TEXT = ("text_embedding.weight", "text_head.weight", "text_head.bias")


def select_trainable(xtts: Xtts, config: XttsTrainConfig, base: Path | None = None) -> LoraOptions | None:
    """Let learn what the settings name; returns the adapter's sizes, None without one.

    On a base whose vocabulary was extended, the rows of the new tokens learn too, whatever else does: nobody else
    could teach them.
    """
    xtts.requires_grad_(False)
    if options := lora_options(config):
        inject(xtts, options)
    else:
        unfreeze(xtts, _names(xtts, config))
    new = None if base is None else first_new(base)
    if new is not None and config.train_what != "full":
        unfreeze(xtts, _TEXT)
        for name in _TEXT:
            _only_rows(xtts.gpt.get_parameter(name), new)
    return options


def param_groups(xtts: Xtts, weight_decay: float) -> list[dict[str, Any]]:
    """Parameters for the optimizer: what is no matrix, and a vocabulary, is not pulled towards zero."""
    learns = trainable_parameters(xtts)
    plain = [value for name, value in learns.items() if value.ndim < 2 or name in _TEXT]
    matrices = [value for name, value in learns.items() if not (value.ndim < 2 or name in _TEXT)]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def _names(xtts: Xtts, config: XttsTrainConfig) -> list[str]:
    names = [name for name, _ in xtts.gpt.named_parameters() if not name.startswith(_FROZEN)]
    if config.train_what == "full":
        return names
    first = len(xtts.gpt.gpt.h) - config.last_layers
    late = tuple(f"gpt.h.{number}." for number in range(max(0, first), len(xtts.gpt.gpt.h)))
    return [name for name in names if name.startswith((*late, "gpt.ln_f.", "final_norm.", "mel_head.", "text_head."))]


def _only_rows(parameter: nn.Parameter, first: int) -> None:
    """Rows before ``first`` get no gradient, so that they stay what they are (their group knows no decay)."""
    mask = torch.zeros(len(parameter), *[1] * (parameter.ndim - 1), device=parameter.device)
    mask[first:] = 1.0
    # Taken to the gradient's device: the model may have been moved since.
    parameter.register_hook(lambda gradient: gradient * mask.to(gradient.device))  # type: ignore[no-untyped-call]
