"""Loading an F5-TTS base: strictly, with the flags it was built with, and without writing into its folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from core.engines.bases import existing_file
from core.engines.f5.bases import WEIGHTS, BaseFacts, Flags, read_facts, weights_sha256
from core.engines.f5.features.mel import BANDS
from core.engines.f5.model.attention import quicken_attention
from core.engines.f5.model.package import DiT
from core.engines.f5.model.vocoder import GriffinLim, Vocos, load_vocoder
from core.engines.f5.text.vocabulary import Vocabulary, read_vocabulary
from core.errors import UserError

PREFIX = "ema_model."  # of every weight in a published file; the mean of its whole training, and all there is
BESIDE = ("initted", "step", "mel_spec.mel_stft.mel_scale.fb", "mel_spec.mel_stft.spectrogram.window")


class F5(nn.Module):
    """A model with all that belongs to it. ``new_letters`` are rows of its table that a base does not have.

    ``trained_names`` are its own weights that learn or have learnt, by their names in the transformer.
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
        raise _base_error(folder, ValueError("these are not the weights that its facts were written down for"))
    if facts.vocabulary and facts.vocabulary != vocabulary.sha256:
        raise UserError(
            "base.changed_vocabulary",
            "The vocabulary in {folder} is not the one that was there when its questions were answered.",
            "Put the right vocab.txt back: in another order of letters the model speaks gibberish.",
            folder=str(folder),
        )
    try:
        arch = architecture(state, facts.flags)
        if len(vocabulary.tokens) + 1 != arch["text_num_embeds"] + 1:
            raise UserError(
                "base.other_vocabulary",
                "The vocabulary in {folder} has {tokens} tokens, but the model's table was made for {rows}.",
                "Take the vocabulary that this very model was trained with: another order of letters speaks gibberish.",
                folder=str(folder),
                tokens=len(vocabulary.tokens),
                rows=arch["text_num_embeds"],
            )
        transformer = new_transformer(arch)
        transformer.load_state_dict(state, strict=True)
    except (KeyError, ValueError, RuntimeError, ZeroDivisionError) as error:
        raise _base_error(folder, error) from error
    model = F5(transformer, load_vocoder(folder, facts), vocabulary, facts, arch)
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
                    raise KeyError(f"{key} belongs to no F5-TTS model")
                value = file.get_tensor(key)
                state[weight.removeprefix("transformer.")] = value.float() if value.is_floating_point() else value
    except (OSError, SafetensorError, KeyError) as error:
        raise _base_error(folder, error) from error
    return state


def architecture(state: dict[str, Tensor], flags: Flags) -> dict[str, Any]:
    """What `DiT` is made with: sizes as the tensors have them, and the flags.

    Raises:
        KeyError, ValueError: these are not the weights of a DiT.
    """
    numbers = [int(match[1]) for name in state if (match := re.match(r"transformer_blocks\.(\d+)\.", name))]
    convolutions = [int(match[1]) for name in state if (match := re.match(r"text_embed\.text_blocks\.(\d+)\.", name))]
    dim_head = 2 * len(state["rotary_embed.inv_freq"])
    inner, dim = state["transformer_blocks.0.attn.to_q.weight"].shape
    rows, text_dim = state["text_embed.text_embed.weight"].shape
    if state["proj_out.weight"].shape[0] != BANDS:
        raise ValueError(f"{state['proj_out.weight'].shape[0]} mel bands")
    return {
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
        what=str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__,
    )
