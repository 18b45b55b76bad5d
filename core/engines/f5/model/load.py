"""Loading an F5-TTS base: strictly, with the flags it was built with, and without writing into its folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from core.engines.bases import existing_file
from core.engines.f5.bases import WEIGHTS, BaseFacts, F5Bases, Flags, published_label, read_facts, weights_sha256
from core.engines.f5.features.mel import BANDS
from core.engines.f5.model.attention import quicken_attention
from core.engines.f5.model.package import DiT
from core.engines.f5.model.vocoder import GriffinLim, Vocos, load_vocoder
from core.engines.f5.text.vocabulary import Vocabulary, read_vocabulary
from core.engines.plain_tensors import check_shapes, foreign_tensor
from core.errors import UserError
from core.reasons import reason_of

PREFIX = "ema_model."  # of every weight in a published file; the mean of its whole training, and all there is
_MOST_LAYERS = 100
_FAULTS = (KeyError, ValueError, RuntimeError, ZeroDivisionError, TypeError, IndexError)
BESIDE = ("initted", "step", "mel_spec.mel_stft.mel_scale.fb", "mel_spec.mel_stft.spectrogram.window")


class F5(nn.Module):
    """A model with all that belongs to it. ``new_letters`` are rows of its table that a base does not have.

    ``trained_names`` are its own weights that learn or have learnt, by their names in the transformer. ``name`` is what
    a person knows its base by.
    """

    def __init__(
        self,
        transformer: DiT,
        vocoder: Vocos | GriffinLim,
        vocabulary: Vocabulary,
        facts: BaseFacts,
        arch: dict[str, Any],
    ) -> None:
        super().__init__()
        self.transformer, self.vocoder = transformer, vocoder
        self.base_vocabulary = vocabulary
        self.facts, self.arch = facts, arch
        self.name = ""
        self.new_letters: tuple[str, ...] = ()
        self.trained_names: list[str] = []

    @property
    def vocabulary(self) -> Vocabulary:
        """The base's, with the letters that were added to it."""
        return self.base_vocabulary.extended(self.new_letters)

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        weight: Tensor = self.transformer.proj_out.weight
        return weight.device


def load_base(folder: Path, device: str = "cpu") -> F5:
    """The whole model in float32 on ``device``, in evaluation mode, frozen, every key accounted for.

    Sizes are read from the tensors; how it was built stands in the base's facts, since no tensor shows it.

    Raises:
        UserError: ``base.missing_file``, ``base.broken``, ``base.vocabulary``, ``base.unasked``.
    """
    vocabulary, facts = read_vocabulary(folder), read_facts(folder)
    state = base_state(folder, facts.weights)
    if facts.sha256 != weights_sha256(folder / facts.weights):
        reason = UserError("reason.other_weights", "these are not the weights that its facts were written down for")
        raise _base_error(folder, reason)
    if facts.vocabulary and facts.vocabulary != vocabulary.sha256:
        raise UserError(
            "base.changed_vocabulary",
            "The vocabulary in {folder} is not the one that was there when its questions were answered.",
            "Put the right vocab.txt back: in another order of letters the model speaks gibberish.",
            folder=str(folder),
        )
    try:
        arch = architecture(state, facts.flags)
        transformer = new_transformer(arch)
        transformer.load_state_dict(state, strict=True)
    except (*_FAULTS, UserError) as error:
        raise _base_error(folder, error) from error
    if len(vocabulary.tokens) != arch["text_num_embeds"]:
        raise UserError(
            "base.other_vocabulary",
            "The vocabulary in {folder} has {tokens} tokens, but the model's table was made for {rows}.",
            "Take the vocabulary that this very model was trained with: another order of letters speaks gibberish.",
            folder=str(folder),
            tokens=len(vocabulary.tokens),
            rows=arch["text_num_embeds"],
        )
    model = F5(transformer, load_vocoder(folder, facts), vocabulary, facts, arch)
    model.name = published_label(facts.sha256) or F5Bases().label(folder.name)
    return model.eval().requires_grad_(False).to(device)


def base_state(folder: Path, name: str = WEIGHTS) -> dict[str, Tensor]:
    """The transformer's weights in the file ``name`` by the names it has, on the CPU, in float32.

    Raises:
        UserError: ``base.missing_file``, ``base.broken``.
    """
    path = existing_file(folder, name)
    state: dict[str, Tensor] = {}
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            for key in file.keys():  # noqa: SIM118 (it is no dict)
                weight = key.removeprefix(PREFIX)
                if weight in BESIDE:
                    continue
                if not weight.startswith("transformer."):
                    raise foreign_tensor(key)
                value = file.get_tensor(key)
                state[weight.removeprefix("transformer.")] = value.float() if value.is_floating_point() else value
    except (OSError, SafetensorError, UserError) as error:
        raise _base_error(folder, error) from error
    return state


def architecture(state: dict[str, Tensor], flags: Flags) -> dict[str, Any]:
    """What `DiT` is made with: sizes as the tensors have them, and the flags.

    Nothing is made of it before every size was compared, so that a few bytes cannot ask for a model of any size.

    Raises:
        UserError: a reason; KeyError, ValueError, RuntimeError, ZeroDivisionError: these are no weights of a DiT.
    """
    numbers = [int(match[1]) for name in state if (match := re.match(r"transformer_blocks\.(\d+)\.", name))]
    convolutions = [int(match[1]) for name in state if (match := re.match(r"text_embed\.text_blocks\.(\d+)\.", name))]
    dim_head = 2 * len(state["rotary_embed.inv_freq"])
    inner, dim = state["transformer_blocks.0.attn.to_q.weight"].shape
    rows, text_dim = state["text_embed.text_embed.weight"].shape
    if state["proj_out.weight"].shape[0] != BANDS:
        count = state["proj_out.weight"].shape[0]
        raise UserError("reason.mel_bands", "it makes {count} mel bands, not {most}", count=count, most=BANDS)
    arch: dict[str, Any] = {
        "dim": dim,
        "depth": max(numbers) + 1,
        "heads": inner // dim_head,
        "dim_head": dim_head,
        "ff_mult": state["transformer_blocks.0.ff.ff.0.0.weight"].shape[0] // dim,
        "text_dim": text_dim,
        "conv_layers": max(convolutions, default=-1) + 1,
        "text_num_embeds": rows - 1,
        "text_mask_padding": flags.text_mask_padding,
        "pe_attn_head": flags.pe_attn_head,
    }
    layers = (arch["depth"], arch["conv_layers"])
    if max(layers) > _MOST_LAYERS:
        raise UserError("reason.layers", "it has {count} layers", count=max(layers))
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in DiT(**arch, mel_dim=BANDS).state_dict().items()}
    check_shapes(state, shapes)
    return arch


def new_transformer(arch: dict[str, Any]) -> DiT:
    """A DiT with the package's fresh weights; its attention leaves padding out where there is some."""
    transformer = DiT(**arch, mel_dim=BANDS)
    quicken_attention(transformer, arch["pe_attn_head"])
    return transformer


def _base_error(folder: Path, error: Exception) -> UserError:
    return UserError(
        "base.broken",
        "{name} in {folder} is not what the model needs ({what}).",
        "Download the base again, or choose another folder.",
        folder=str(folder),
        name=WEIGHTS,
        what=reason_of(error),
    )
