"""LoRA adapters of the GPT and weights that are unfrozen: put in, saved, loaded, merged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from TTS.tts.models.xtts import Xtts

from core.engines.adapter import (
    LoraOptions,
    check_rank,
    copy_state,
    foreign,
    inject_lora,
    load_state,
    merged_weight,
    outer_name,
    read_saved,
    write_adapter,
)

_TARGETS = ("c_attn", "c_proj", "c_fc")


def inject(xtts: Xtts, options: LoraOptions = LoraOptions(), saved: Mapping[str, Tensor] | None = None) -> None:
    """Put fresh adapters into ``xtts.gpt.gpt``, for what was ``saved`` if any was; only they want gradients then.

    A fresh adapter adds nothing: its second factor is zero.

    Raises:
        UserError: as of `check_rank`.
    """
    xtts.requires_grad_(False)
    options = replace(options, targets=options.targets or _TARGETS)
    if saved is not None:
        check_rank(xtts.gpt.gpt, options, saved)
    inject_lora(xtts.gpt.gpt, options, transposed=True)


def unfreeze(xtts: Xtts, names: Iterable[str]) -> None:
    """Let weights of ``xtts.gpt`` learn, beside adapters or without any; from then on they belong to what is saved."""
    xtts.trained_names = sorted({*trained_names(xtts), *names})
    for name in xtts.trained_names:
        xtts.gpt.get_parameter(name).requires_grad_(True)


def trained_names(xtts: Xtts) -> list[str]:
    """Names, relative to ``xtts.gpt``, of its own weights that learn or have learnt."""
    return list(getattr(xtts, "trained_names", ()))


def trainable_parameters(xtts: Xtts) -> dict[str, nn.Parameter]:
    """All that learns, in a fixed order: adapters by names in ``xtts.gpt.gpt``, weights by names in ``xtts.gpt``."""
    adapters = {outer_name(name): value for name, value in xtts.gpt.gpt.named_parameters() if "lora_" in name}
    return {**adapters, **{name: xtts.gpt.get_parameter(name) for name in trained_names(xtts)}}


def lora_parameters(xtts: Xtts) -> list[nn.Parameter]:
    """What learns, in a fixed order."""
    return list(trainable_parameters(xtts).values())


def lora_state(xtts: Xtts) -> dict[str, Tensor]:
    """A copy on the CPU of what learns, by the names of `trainable_parameters`."""
    return copy_state(trainable_parameters(xtts))


def load_lora(xtts: Xtts, state: dict[str, Tensor]) -> None:
    """Put weights into injected adapters and freed weights; every name and shape must fit.

    Raises:
        UserError: ``adapter.foreign`` (made for another base), ``adapter.broken`` (not finite).
    """
    load_state(trainable_parameters(xtts), state)


def merged_weights(xtts: Xtts) -> dict[str, Tensor]:
    """All weights that learning changed, adapters folded in, by their names in the base, on the CPU in float32.

    The model itself stays as it is. Empty where nothing was injected or freed.
    """
    with torch.no_grad():
        adapters = {
            f"gpt.gpt.{name}.weight": merged_weight(layer).float().cpu()
            for name, layer in xtts.gpt.gpt.named_modules()
            if isinstance(layer, LoraLayer)
        }
        return {
            **adapters,
            **{f"gpt.{name}": xtts.gpt.get_parameter(name).detach().float().cpu() for name in trained_names(xtts)},
        }


def save_adapter(xtts: Xtts, folder: Path, options: LoraOptions | None, **facts: Any) -> None:
    """Write ``adapter.safetensors``, then ``adapter.json`` with the sizes and ``facts`` (``step`` …).

    ``options`` are None where only freed weights learn.
    """
    write_adapter(folder, lora_state(xtts), options, **facts, trained=trained_names(xtts))


def read_adapter(folder: Path) -> tuple[LoraOptions | None, dict[str, Tensor]] | None:
    """Sizes (None without an adapter) and weights of what was saved; None where the folder is the bare base (step 0).

    Raises:
        UserError: ``adapter.broken``.
    """
    adapter = read_saved(folder)
    return None if adapter is None else (adapter.options, adapter.state)


def load_adapter(xtts: Xtts, folder: Path) -> bool:
    """Put what was learnt into a model; False where the folder stands for the bare base.

    Raises:
        UserError: ``adapter.broken``, ``adapter.foreign``.
    """
    adapter = read_adapter(folder)
    if adapter is None:
        return False
    options, state = adapter
    if options is not None:
        inject(xtts, options, state)
    xtts.trained_names = []
    try:
        unfreeze(xtts, (name for name in state if "lora_" not in name))
    except AttributeError as error:
        raise foreign() from error
    load_lora(xtts, state)
    xtts.requires_grad_(False)
    xtts.gpt.gpt.train(False)
    return True
