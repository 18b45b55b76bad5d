"""Attention of the DiT's blocks with the package's numbers in fewer passes over the frames.

Taken from the package, an update on a processor spends a third of its time on turning queries and keys, anew in each
block, and on writing the mask out for every pair of frames; here a turn is one complex product, its angles are
computed once, and the mask stays a row a clip.
Source: ``f5_tts/model/modules.py: AttnProcessor`` (f5-tts 1.1.22).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from core.engines.f5.model.package import DiT


def quicken_attention(transformer: DiT, rotary_heads: int | None) -> None:
    """Let every block's attention be computed so."""
    for block in transformer.transformer_blocks:
        block.attn.processor = MaskedAttention(rotary_heads)


class MaskedAttention:
    """What a block's attention calls in place of the package's own: no frame hears the padding of its clip.

    ``rotary_heads`` are turned by their place, None for all (v0 turns the first alone).
    """

    def __init__(self, rotary_heads: int | None) -> None:
        self.rotary_heads = rotary_heads

    def __call__(self, attention: Any, x: Tensor, mask: Tensor | None = None, rope: Tensor | None = None) -> Tensor:
        """New states (b, frames, dim) of ``x``.

        Args:
            attention: the package's layer.
            x: (b, frames, dim).
            mask: (b, frames), True where a frame is a clip's own.
            rope: of `rotary_turns`.
        """
        kind = x.device.type
        if torch.is_autocast_enabled(kind):
            x = x.to(torch.get_autocast_dtype(kind))  # once, not by each of the three
        query, key, value = (
            layer(x).view(*x.shape[:2], attention.heads, -1)
            for layer in (attention.to_q, attention.to_k, attention.to_v)
        )
        if rope is not None:
            query, key = self._turned(query, rope), self._turned(key, rope)
        values = F.scaled_dot_product_attention(
            query.transpose(1, 2),
            key.transpose(1, 2),
            value.transpose(1, 2),
            attn_mask=None if mask is None else mask[:, None, None],
        )
        output: Tensor = attention.to_out[1](attention.to_out[0](values.transpose(1, 2).flatten(2)))
        return output

    def _turned(self, x: Tensor, rope: Tensor) -> Tensor:
        """Queries or keys (b, frames, heads, dim) turned by their place; neighbouring dimensions are a pair."""
        if self.rotary_heads is None:
            return _turn(x, rope)
        return torch.cat([_turn(x[:, :, : self.rotary_heads], rope), x[:, :, self.rotary_heads :]], dim=2)


def rotary_turns(transformer: DiT, frames: int) -> Tensor:
    """By how much each pair of dimensions is turned at each place, as complex numbers (frames, 1, dim / 2)."""
    angles: Tensor = transformer.rotary_embed.forward_from_seq_len(frames)[0][0, :, None, ::2]
    return torch.polar(torch.ones_like(angles), angles)


def _turn(x: Tensor, rope: Tensor) -> Tensor:
    pairs = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * rope).flatten(-2).to(x.dtype)
