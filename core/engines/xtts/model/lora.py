"""LoRA adapters of the GPT and weights that are unfrozen: put in, saved, loaded, merged."""

from __future__ import annotations

from collections.abc import Iterable
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
    """Sizes of an adapter. ``alpha / rank`` scales what it adds; ``dropout`` acts only while training.

    ``rslora`` scales by ``alpha / sqrt(rank)`` instead; ``dora`` learns each output's magnitude apart.
    """

    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.0
    targets: tuple[str, ...] = ("c_attn", "c_proj", "c_fc")
    rslora: bool = False
    dora: bool = False


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
        use_rslora=options.rslora,
        use_dora=options.dora,
    )
    xtts.requires_grad_(False)
    inject_adapter_in_model(config, xtts.gpt.gpt, adapter_name=_NAME)
    for name, parameter in xtts.gpt.gpt.named_parameters():
        parameter.requires_grad_("lora_" in name)


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
    adapters = {_outer(name): value for name, value in xtts.gpt.gpt.named_parameters() if "lora_" in name}
    return {**adapters, **{name: xtts.gpt.get_parameter(name) for name in trained_names(xtts)}}


def lora_parameters(xtts: Xtts) -> list[nn.Parameter]:
    """What learns, in a fixed order."""
    return list(trainable_parameters(xtts).values())


def lora_state(xtts: Xtts) -> dict[str, Tensor]:
    """A copy on the CPU of what learns, by the names of `trainable_parameters`."""
    return {name: p.detach().to("cpu", copy=True).contiguous() for name, p in trainable_parameters(xtts).items()}


def load_lora(xtts: Xtts, state: dict[str, Tensor]) -> None:
    """Put weights into injected adapters and freed weights; every name and shape must fit.

    Raises:
        UserError: ``adapter.foreign`` (made for another base), ``adapter.broken`` (not finite).
    """
    parameters = trainable_parameters(xtts)
    if parameters.keys() != state.keys() or any(parameters[name].shape != value.shape for name, value in state.items()):
        raise _foreign()
    if not all(torch.isfinite(value).all() for value in state.values()):
        raise _adapter_error("weights that are not numbers")
    with torch.no_grad():
        for name, value in state.items():
            parameters[name].copy_(value)


def merged_weight(layer: Any) -> Tensor:
    """An adapted layer's weight with its adapter folded in, as the base keeps it; the layer stays as it is."""
    weight: Tensor = layer.get_base_layer().weight.detach()
    if variant := layer.lora_variant.get(_NAME):
        dora_weight: Tensor = variant.merge_safe(layer, _NAME, weight.clone())
        return dora_weight
    output: Tensor = weight + layer.get_delta_weight(_NAME).detach()
    return output


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
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / "adapter.safetensors") as temporary:
        save_file(lora_state(xtts), temporary)
    sizes = None if options is None else asdict(options)
    write_json(folder / "adapter.json", {**facts, "lora": sizes, "trained": trained_names(xtts)})


def read_adapter(folder: Path) -> tuple[LoraOptions | None, dict[str, Tensor]] | None:
    """Sizes (None without an adapter) and weights of what was saved; None where the folder is the bare base (step 0).

    Raises:
        UserError: ``adapter.broken``.
    """
    try:
        facts = read_json(folder / "adapter.json")
        if facts.get("base"):
            return None
        state = load_file(folder / "adapter.safetensors")
        if facts["lora"] is None:
            return None, state
        return LoraOptions(**{**facts["lora"], "targets": tuple(facts["lora"]["targets"])}), state
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise _adapter_error(str(error) or type(error).__name__) from error


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
        inject(xtts, options)
    xtts.trained_names = []
    try:
        unfreeze(xtts, (name for name in state if "lora_" not in name))
    except AttributeError as error:
        raise _foreign() from error
    load_lora(xtts, state)
    xtts.requires_grad_(False)
    xtts.gpt.gpt.train(False)
    return True


def _outer(name: str) -> str:
    return name.replace(f".{_NAME}.", ".")


def _foreign() -> UserError:
    return UserError(
        "adapter.foreign",
        "This checkpoint does not fit the base model.",
        "Choose the base model it was trained on.",
    )


def _adapter_error(reason: str) -> UserError:
    return UserError(
        "adapter.broken",
        "This checkpoint cannot be read ({what}).",
        "Choose another checkpoint of the run.",
        what=reason[:200],
    )
