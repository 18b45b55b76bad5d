"""LoRA adapters as all engines keep them: sizes, files, merging, and what is said of one that does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
from peft import LoraConfig, inject_adapter_in_model
from pydantic import Field, TypeAdapter
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core.engines.options import AdapterTrainConfig
from core.engines.session import ADAPTER
from core.errors import UserError
from core.files import read_json, replacing, write_json
from core.reasons import reason_of

WEIGHTS = "adapter.safetensors"
_NAME = "default"  # peft's name of the one adapter; left out of our files


@dataclass(frozen=True)
class LoraOptions:
    """Sizes of an adapter. ``alpha / rank`` scales what it adds; ``dropout`` acts only while training.

    ``targets`` are the layers that get one, by the ends of their names; empty: the engine's own.
    ``rslora`` scales by ``alpha / sqrt(rank)`` instead; ``dora`` learns each output's magnitude apart.
    """

    rank: Annotated[int, Field(ge=1)] = 16
    alpha: Annotated[float, Field(allow_inf_nan=False)] = 32.0
    dropout: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    targets: tuple[str, ...] = ()
    rslora: bool = False
    dora: bool = False


def lora_options(config: AdapterTrainConfig) -> LoraOptions | None:
    """The sizes that a run's settings name; None where something else than an adapter learns."""
    if config.train_what != "lora":
        return None
    return LoraOptions(
        config.lora_rank, config.lora_alpha, config.lora_dropout, rslora=config.lora_rslora, dora=config.lora_dora
    )


_SIZES = TypeAdapter(LoraOptions)


def check_rank(module: nn.Module, options: LoraOptions, state: Mapping[str, Tensor]) -> None:
    """Refuse sizes that would take more numbers in the layers of a module than were saved, before memory is taken.

    Raises:
        UserError: ``adapter.other_base``.
    """
    ends = tuple(f".{target}" for target in options.targets)
    layers = [layer for name, layer in module.named_modules() if f".{name}".endswith(ends)]
    needed = sum(options.rank * sum(layer.weight.shape) for layer in layers if hasattr(layer, "weight"))
    stored = sum(value.numel() for name, value in state.items() if "lora_" in name)
    if needed > stored:
        raise foreign(
            UserError(
                "reason.rank",
                "at rank {rank} the layers of this base take {needed} numbers, but it holds {stored}",
                rank=options.rank,
                needed=needed,
                stored=stored,
            )
        )


def inject_lora(module: nn.Module, options: LoraOptions, *, transposed: bool = False) -> None:
    """Put fresh adapters into a module; from then on only they of it want gradients.

    A fresh adapter adds nothing: its second factor is zero. ``transposed``: its layers keep their weight so, as
    transformers' Conv1D does.
    """
    config = LoraConfig(
        r=options.rank,
        lora_alpha=options.alpha,  # type: ignore[arg-type]
        lora_dropout=options.dropout,
        target_modules=list(options.targets),
        fan_in_fan_out=transposed,
        use_rslora=options.rslora,
        use_dora=options.dora,
    )
    inject_adapter_in_model(config, module, adapter_name=_NAME)
    for name, parameter in module.named_parameters():
        parameter.requires_grad_("lora_" in name)


def outer_name(name: str) -> str:
    """A parameter's name without peft's name of the adapter."""
    return name.replace(f".{_NAME}.", ".")


def merged_weight(layer: Any) -> Tensor:
    """An adapted layer's weight with its adapter folded in, as the base keeps it; the layer stays as it is."""
    weight: Tensor = layer.get_base_layer().weight.detach()
    if variant := layer.lora_variant.get(_NAME):
        dora_weight: Tensor = variant.merge_safe(layer, _NAME, weight.clone())
        return dora_weight
    output: Tensor = weight + layer.get_delta_weight(_NAME).detach()
    return output


def copy_state(parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A copy on the CPU, to be written."""
    return {name: value.detach().to("cpu", copy=True).contiguous() for name, value in parameters.items()}


def load_state(parameters: Mapping[str, nn.Parameter], state: Mapping[str, Tensor]) -> None:
    """Put weights into what learns; every name and shape must fit.

    Raises:
        UserError: ``adapter.foreign`` (made for another base), ``adapter.broken`` (not finite).
    """
    if parameters.keys() != state.keys() or any(parameters[name].shape != value.shape for name, value in state.items()):
        raise foreign()
    if not all(torch.isfinite(value).all() for value in state.values()):
        raise broken(UserError("reason.not_numbers", "it holds weights that are no numbers"))
    with torch.no_grad():
        for name, value in state.items():
            parameters[name].copy_(value)


def write_adapter(folder: Path, state: dict[str, Tensor], options: LoraOptions | None, **facts: Any) -> None:
    """Write ``adapter.safetensors``, then ``adapter.json`` with the sizes (None without an adapter) and ``facts``."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / WEIGHTS) as temporary:
        save_file(state, temporary)
    write_json(folder / ADAPTER, {**facts, "lora": None if options is None else asdict(options)})


@dataclass(frozen=True)
class SavedAdapter:
    """What was saved: sizes (None without an adapter), weights, and the facts beside them."""

    options: LoraOptions | None
    state: dict[str, Tensor]
    facts: dict[str, Any]


def read_saved(folder: Path) -> SavedAdapter | None:
    """What `write_adapter` wrote; None where the folder is the bare base (step 0).

    Raises:
        UserError: ``adapter.broken``.
    """
    try:
        facts = dict(read_json(folder / ADAPTER))
        if facts.get("base") is True:
            return None
        state = load_file(folder / WEIGHTS)
        sizes = facts["lora"]
        options = None if sizes is None else _SIZES.validate_python(vars(LoraOptions(**sizes)))
        return SavedAdapter(options, state, facts)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise broken(error) from error


def foreign(reason: UserError | None = None) -> UserError:
    """It was made on another base."""
    if reason is not None:
        return UserError(
            "adapter.other_base",
            "This checkpoint does not fit the base model: {what}.",
            "Choose the base model it was trained on.",
            what=reason,
        )
    return UserError(
        "adapter.foreign",
        "This checkpoint does not fit the base model.",
        "Choose the base model it was trained on.",
    )


def broken(error: Exception) -> UserError:
    """It cannot be read."""
    return UserError(
        "adapter.broken",
        "This checkpoint cannot be read ({what}).",
        "Choose another checkpoint of the run.",
        what=reason_of(error),
    )
