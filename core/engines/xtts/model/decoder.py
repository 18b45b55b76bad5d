"""A small base's decoder at the width that is in use, instead of the full one's that XTTS's config asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from TTS.tts.models.xtts import Xtts
from TTS.vocoder.models.hifigan_generator import HifiganGenerator

_PREFIX = "hifigan_decoder.waveform_decoder."


def topology(inputs: int, voices: int, width: int) -> dict[str, Any]:
    """What XTTS builds its generator with, for latents of ``inputs`` and speakers' vectors of ``voices`` channels.

    Source: ``TTS/tts/layers/xtts/hifigan_decoder.py`` (coqui-tts 0.28), where ``width`` is 512.
    """
    return {
        "in_channels": inputs,
        "out_channels": 1,
        "resblock_type": "1",
        "resblock_dilation_sizes": [[1, 3, 5]] * 3,
        "resblock_kernel_sizes": [3, 7, 11],
        "upsample_kernel_sizes": [16, 16, 4, 4],
        "upsample_initial_channel": width,
        "upsample_factors": [8, 8, 2, 2],
        "inference_padding": 0,
        "cond_channels": voices,
        "conv_pre_weight_norm": False,
        "conv_post_weight_norm": False,
        "conv_post_bias": False,
        "cond_in_each_up_layer": True,
    }


def narrow(xtts: Xtts, state: Mapping[str, Tensor], width: int) -> dict[str, Tensor]:
    """Give a model a decoder of ``width`` channels instead of 512; returns the ``state`` that then fits the model.

    What is left out, channels beyond that width and some residual blocks, is zero in the ``state``: no sample changes
    by more than rounding, and a sentence of the starter takes a quarter of the time.
    """
    full = xtts.hifigan_decoder.waveform_decoder
    decoder = HifiganGenerator(**topology(full.conv_pre.in_channels, full.cond_layer.in_channels, width))
    corners = {
        name: state[f"{_PREFIX}{name}"][tuple(slice(size) for size in value.shape)]
        for name, value in decoder.state_dict().items()
    }
    for number, block in enumerate(decoder.resblocks):
        names = [f"resblocks.{number}.{name}" for name in block.state_dict()]
        if not any(corners[name].any() for name in names if name.endswith("original0")):  # the gains
            decoder.resblocks[number] = _EmptyBlock()
            corners = {name: value for name, value in corners.items() if name not in names}
    xtts.hifigan_decoder.waveform_decoder = decoder
    rest = {name: value for name, value in state.items() if not name.startswith(_PREFIX)}
    return {**rest, **{f"{_PREFIX}{name}": value for name, value in corners.items()}}


class _EmptyBlock(nn.Module):
    """A residual block that adds nothing."""

    def forward(self, states: Tensor) -> Tensor:
        """A copy, since the generator adds the other blocks into it."""
        return states.clone()


def widen(full: HifiganGenerator, state: Mapping[str, Tensor]) -> None:
    """Give a decoder the weights of a narrower one, after which both make the same sound; what has none is zero."""
    full.load_state_dict(
        {name: padded(name, state.get(name), value.shape) for name, value in full.state_dict().items()}
    )


def corners(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Of each tensor the smallest box from its first element on that holds all that is not zero.

    What is all zero is left out; `padded` makes the tensors of it again.
    """
    boxes = {}
    for name, value in state.items():
        if name.endswith("original1"):  # weight norm's direction, where its gain is 0
            value = value * (state[f"{name[:-1]}0"] != 0)
        if len(places := value.nonzero()) or not value.ndim:
            boxes[name] = value[tuple(slice(int(last) + 1) for last in places.amax(0))] if value.ndim else value
    return boxes


def padded(name: str, small: Tensor | None, shape: torch.Size) -> Tensor:
    """Zeros of a shape (half precision) with ``small`` in their corner: a narrow decoder in one of full width.

    Weight norm divides by the length of a row of its direction ``original1``: where that is nothing but zeros, ones
    do the same, because the row's gain is 0.
    """
    value = torch.zeros(shape, dtype=torch.float16 if small is None else small.dtype)
    if small is not None:
        value[tuple(slice(size) for size in small.shape)] = small
    if name.endswith("original1"):
        value[value.flatten(1).abs().amax(1) == 0] = 1
    return value
