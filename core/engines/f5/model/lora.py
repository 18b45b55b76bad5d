"""Adapters of the DiT, weights that are freed beside them, and rows of new letters: put in, saved, loaded, merged."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

import core
from core.engines.adapter import (
    LoraOptions,
    SavedAdapter,
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
from core.engines.f5.bases import FLAGS, published_label
from core.engines.f5.features.mel import SETTINGS
from core.engines.f5.model.adapted_linear import quicken
from core.engines.f5.model.load import F5
from core.engines.f5.text.vocabulary import Vocabulary
from core.errors import UserError

# Attention and feed-forward; what time, text and sound are embedded with stays as it is, and so does its modulation.
_TARGETS = ("to_q", "to_k", "to_v", "to_out.0", "ff.ff.0.0", "ff.ff.2")
_BLOCKS = "transformer_blocks"
_TABLE = "text_embed.text_embed"


class ExtendedEmbedding(nn.Module):
    """The base's table with rows for letters that it does not have; only these learn unless the table is freed."""

    def __init__(self, weight: nn.Parameter, new: Tensor) -> None:
        super().__init__()
        self.weight, self.new = weight, nn.Parameter(new)

    def forward(self, ids: Tensor) -> Tensor:
        """Rows of the table."""
        return F.embedding(ids, torch.cat([self.weight, self.new]))


def inject(model: F5, options: LoraOptions, saved: Mapping[str, Tensor] | None = None) -> None:
    """Put fresh adapters into the blocks, for what was ``saved`` if any was; everything else is frozen.

    Raises:
        UserError: as of `check_rank`.
    """
    model.requires_grad_(False)
    blocks = model.transformer.transformer_blocks
    options = replace(options, targets=options.targets or _TARGETS)
    if saved is not None:
        check_rank(blocks, options, saved)
    inject_lora(blocks, options)
    quicken(blocks)


def extend(model: F5, letters: Sequence[str]) -> None:
    """Give the model rows for new letters, each the mean of letters like it; they learn, whatever else does."""
    if not letters or model.new_letters:
        return
    weight = model.transformer.text_embed.text_embed.weight
    rows = torch.stack([_like(letter, weight.detach(), model.base_vocabulary) for letter in letters])
    model.transformer.text_embed.text_embed = ExtendedEmbedding(weight, rows)
    model.new_letters = tuple(letters)


def unfreeze(model: F5, names: Iterable[str]) -> None:
    """Let weights of the transformer learn; from then on they belong to what is saved."""
    model.trained_names = sorted({*model.trained_names, *names})
    for name in model.trained_names:
        model.transformer.get_parameter(name).requires_grad_(True)


def text_names(model: F5) -> list[str]:
    """Names of the weights that read letters."""
    return [name for name, _ in model.transformer.named_parameters() if name.startswith("text_embed.")]


def trainable_parameters(model: F5) -> dict[str, nn.Parameter]:
    """All that learns, in a fixed order, by names in the transformer."""
    blocks = model.transformer.transformer_blocks.named_parameters()
    adapters = {f"{_BLOCKS}.{outer_name(name)}": value for name, value in blocks if "lora_" in name}
    names = [*model.trained_names, *([f"{_TABLE}.new"] if model.new_letters else [])]
    return {**adapters, **{name: model.transformer.get_parameter(name) for name in dict.fromkeys(names)}}


def save_adapter(model: F5, folder: Path, options: LoraOptions | None, *, step: int, weights: str) -> None:
    """Write what was learnt, and all that has to be the same where it is used: base, flags, vocabulary, mel, texts.

    ``weights`` says which of a run's weights they are: ``raw``, or a ``mean`` over its own updates.
    """
    write_adapter(
        folder,
        copy_state(trainable_parameters(model)),
        options,
        step=step,
        weights=weights,
        trained=model.trained_names,
        new_letters=list(model.new_letters),
        base_name=model.name,
        **fingerprint(model),
        versions={name: version(name) for name in ("f5-tts", "torch", "peft")} | {"voicewright": core.__version__},
    )


def fingerprint(model: F5) -> dict[str, Any]:
    """What a checkpoint and the base that it is used with have to agree on."""
    vocabulary = model.base_vocabulary
    return {
        "base_sha256": model.facts.sha256,
        "flags": vars(model.facts.flags),
        "vocabulary": {"tokens": len(vocabulary.tokens), "sha256": vocabulary.sha256},
        "mel": SETTINGS,
        "conversion": model.facts.conversion,
    }


def check_fits(model: F5, saved: SavedAdapter) -> None:
    """Refuse a checkpoint that was trained on another base, other flags, another vocabulary …

    Raises:
        UserError: ``adapter.other_base``, which names what differs.
    """
    for name, value in fingerprint(model).items():
        if saved.facts.get(name) != value:
            raise foreign(_difference(model, name, saved.facts))


def _difference(model: F5, part: str, trained: Mapping[str, Any]) -> UserError:
    """What of `fingerprint` is another than it was in training, in words."""
    was, tokens = trained.get(part), len(model.base_vocabulary.tokens)
    if part == "base_sha256":
        label = published_label(str(was)) or str(trained.get("base_name") or "")[:80]
        if label and label != model.name:
            return UserError(
                "reason.other_base", "it was trained on {trained}, and this is {here}", trained=label, here=model.name
            )
        return UserError(
            "reason.other_base_weights", "it was trained on other weights than those of {here}", here=model.name
        )
    if part == "flags":
        return UserError(
            "reason.other_flags",
            "its base was built as F5-TTS {trained}, and this one is as F5-TTS {here}",
            trained=_version(was),
            here=_version(vars(model.facts.flags)),
        )
    if part == "vocabulary" and isinstance(was, dict) and was.get("tokens") != tokens:
        return UserError(
            "reason.other_vocabulary",
            "its base knew {trained} letters and syllables, and this one knows {here}",
            trained=str(was.get("tokens"))[:20],
            here=tokens,
        )
    if part == "vocabulary":
        return UserError("reason.other_order", "the vocabulary of its base had other letters, or in another order")
    if part == "conversion":
        return UserError(
            "reason.other_conversion", "its base read texts in another way (pinyin, or each character by itself)"
        )
    return UserError("reason.other_mel", "it was trained on another form of spectrograms")


def _version(flags: object) -> str:
    """As which F5-TTS a model with these flags was built."""
    return next((version for version, known_flags in FLAGS.items() if vars(known_flags) == flags), "?")


def load_adapter(model: F5, folder: Path) -> bool:
    """Put what was learnt into a model; False where the folder stands for the bare base.

    Raises:
        UserError: ``adapter.broken``; ``adapter.other_base``, which names what differs; ``adapter.foreign``.
    """
    adapter = read_saved(folder)
    if adapter is None:
        return False
    check_fits(model, adapter)
    if adapter.options is not None:
        inject(model, adapter.options, adapter.state)
    try:
        extend(model, [str(letter) for letter in adapter.facts.get("new_letters", [])])
        unfreeze(model, (str(name) for name in adapter.facts.get("trained", [])))
    except (AttributeError, IndexError, TypeError) as error:
        raise foreign() from error
    load_state(trainable_parameters(model), adapter.state)
    model.requires_grad_(False)
    return True


def merged_state(model: F5) -> dict[str, Tensor]:
    """The whole transformer as a base keeps it, adapters folded in and new rows at the table's end, on the CPU."""
    layers = {name: layer for name, layer in model.transformer.named_modules() if isinstance(layer, LoraLayer)}
    state: dict[str, Tensor] = {}
    with torch.no_grad():
        for name, value in model.transformer.state_dict().items():
            if "lora_" in name or name == f"{_TABLE}.new":
                continue
            state[name.replace(".base_layer.", ".")] = value.detach().cpu().clone()
        for name, layer in layers.items():
            state[f"{name}.weight"] = merged_weight(layer).float().cpu()
        if model.new_letters:
            new = model.transformer.get_parameter(f"{_TABLE}.new").detach().cpu()
            state[f"{_TABLE}.weight"] = torch.cat([state[f"{_TABLE}.weight"], new])
    return state


def _like(letter: str, table: Tensor, vocabulary: Vocabulary) -> Tensor:
    """The mean of the rows of letters like it: itself without marks, small and capital; else of all single letters."""
    plain = unicodedata.normalize("NFD", letter)[0]
    variants = {plain.lower(), plain.upper(), letter.lower(), letter.upper()}
    alike = [variant for variant in variants if variant in vocabulary.ids]
    if not alike:
        alike = [token for token in vocabulary.tokens if len(token) == 1 and token.isalpha()]
    return table[[vocabulary.ids[variant] + 1 for variant in alike]].mean(dim=0)
