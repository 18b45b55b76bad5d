"""Low-rank adapters on the GPT of an XTTS model: put in, save, load, merge."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from TTS.tts.models.xtts import Xtts

from core.errors import UserError
from core.files import read_json, replacing, write_json

_NAME = "default"  # peft's name of the one adapter; left out of our files


@dataclass(frozen=True)
class LoraOptions:
    """Sizes of an adapter. ``alpha / rank`` scales what it adds; ``dropout`` acts only while training."""

    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.0
    targets: tuple[str, ...] = ("c_attn", "c_proj", "c_fc")


def inject(xtts: Xtts, options: LoraOptions = LoraOptions()) -> None:
    """Put fresh adapters into ``xtts.gpt.gpt``; from then on only they want gradients.

    A fresh adapter adds nothing: its second factor is zero.
    """
    config = LoraConfig(
        r=options.rank,
        lora_alpha=options.alpha,  # type: ignore[arg-type]
        lora_dropout=options.dropout,
        target_modules=list(options.targets),
        fan_in_fan_out=True,  # transformers' Conv1D keeps its weight transposed
    )
    xtts.requires_grad_(False)
    inject_adapter_in_model(config, xtts.gpt.gpt, adapter_name=_NAME)
    for name, parameter in xtts.gpt.gpt.named_parameters():
        parameter.requires_grad_("lora_" in name)


def lora_parameters(xtts: Xtts) -> list[nn.Parameter]:
    """The adapter's parameters, in a fixed order."""
    return [parameter for name, parameter in xtts.gpt.gpt.named_parameters() if "lora_" in name]


def lora_state(xtts: Xtts) -> dict[str, Tensor]:
    """A copy of the adapter's weights on the CPU; names are relative to ``xtts.gpt.gpt``."""
    return {
        _outer(name): parameter.detach().to("cpu", copy=True).contiguous()
        for name, parameter in xtts.gpt.gpt.named_parameters()
        if "lora_" in name
    }


def load_lora(xtts: Xtts, state: dict[str, Tensor]) -> None:
    """Put weights into injected adapters; every name and shape must fit.

    Raises:
        UserError: ``adapter.foreign`` (made for another base), ``adapter.broken`` (not finite).
    """
    own = {_outer(name): value for name, value in xtts.gpt.gpt.named_parameters() if "lora_" in name}
    if own.keys() != state.keys() or any(own[name].shape != value.shape for name, value in state.items()):
        raise UserError(
            "adapter.foreign",
            "This checkpoint does not fit the base model.",
            "Choose the base model it was trained on.",
        )
    if not all(torch.isfinite(value).all() for value in state.values()):
        raise _broken("weights that are not numbers")
    with torch.no_grad():
        for name, value in state.items():
            own[name].copy_(value)


def merged_weight(layer: Any) -> Tensor:
    """An adapted layer's weight with its adapter folded in, as the base keeps it; the layer stays as it is."""
    weight: Tensor = layer.get_base_layer().weight.detach()
    if variant := layer.lora_variant.get(_NAME):
        merged: Tensor = variant.merge_safe(layer, _NAME, weight.clone())
        return merged
    folded: Tensor = weight + layer.get_delta_weight(_NAME).detach()
    return folded


def merged_weights(xtts: Xtts) -> dict[str, Tensor]:
    """The adapted weights with their adapters folded in, by their names in the base, on the CPU in float32.

    The model itself stays as it is. Empty where no adapter was injected.
    """
    with torch.no_grad():
        return {
            f"gpt.gpt.{name}.weight": merged_weight(layer).float().cpu()
            for name, layer in xtts.gpt.gpt.named_modules()
            if isinstance(layer, LoraLayer)
        }


def save_adapter(xtts: Xtts, folder: Path, options: LoraOptions, **facts: Any) -> None:
    """Write ``adapter.safetensors``, then ``adapter.json`` with the sizes and ``facts`` (``step`` …)."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / "adapter.safetensors") as temporary:
        save_file(lora_state(xtts), temporary)
    write_json(folder / "adapter.json", {**facts, "lora": asdict(options)})


def read_adapter(folder: Path) -> tuple[LoraOptions, dict[str, Tensor]] | None:
    """Sizes and weights of a saved adapter; None where the folder stands for the bare base (step 0).

    Raises:
        UserError: ``adapter.broken``.
    """
    try:
        facts = read_json(folder / "adapter.json")
        if facts.get("base"):
            return None
        sizes = {**facts["lora"], "targets": tuple(facts["lora"]["targets"])}
        return LoraOptions(**sizes), load_file(folder / "adapter.safetensors")
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise _broken(str(error) or type(error).__name__) from error


def load_adapter(xtts: Xtts, folder: Path) -> bool:
    """Inject and load a saved adapter; False where the folder stands for the bare base.

    Raises:
        UserError: ``adapter.broken``, ``adapter.foreign``.
    """
    found = read_adapter(folder)
    if found is None:
        return False
    options, state = found
    inject(xtts, options)
    load_lora(xtts, state)
    xtts.gpt.gpt.train(False)
    return True


def _outer(name: str) -> str:
    return name.replace(f".{_NAME}.", ".")


def _broken(what: str) -> UserError:
    return UserError(
        "adapter.broken",
        "This checkpoint cannot be read ({what}).",
        "Choose another checkpoint of the run.",
        what=what[:200],
    )
