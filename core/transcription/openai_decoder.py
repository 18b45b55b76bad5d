"""The decoder of an openai-whisper model run over many clips, each with several beams, on caches of its own.

The library's own cannot do that: with beams it takes one clip at a time, and it copies what was heard for each beam.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention


class Decoder:
    """The state of one batch: ``groups`` rows of tokens for each clip, a clip's rows next to each other."""

    def __init__(self, model: Any, features: Tensor, groups: int, length: int) -> None:
        """Take what the encoder made of the clips.

        Args:
            model: a loaded ``whisper.Whisper``.
            features: shape ``(clips, frames, width)``.
            groups: rows of tokens for each clip.
            length: the most tokens of a row.
        """
        self._decoder = model.decoder
        self.groups = groups
        self.clips = features.shape[0]
        self._heads = model.dims.n_text_head
        self._at = 0
        rows, width = self.clips * groups, features.shape[-1]
        shape = (rows, self._heads, min(length, model.dims.n_text_ctx), width // self._heads)
        self._sound, self._kv_cache = [], []
        for block in self._decoder.blocks:
            attention = block.cross_attn
            self._sound.append((self._split(attention.key(features)), self._split(attention.value(features))))
            self._kv_cache.append((features.new_empty(shape), features.new_empty(shape)))

    @property
    def room(self) -> int:
        """How many more tokens a row may get."""
        return int(self._kv_cache[0][0].shape[2]) - self._at

    def hidden_states(self, tokens: Tensor, attention: dict[int, Tensor] | None = None) -> Tensor:
        """Append tokens, shape ``(rows, new)``; returns the last layer, shape ``(rows, new, width)``.

        With ``attention``, what each layer's heads look at is left there by the layer's number, before the softmax:
        shape ``(clips, heads, groups * new, frames)``.
        """
        begin, end = self._at, self._at + tokens.shape[1]
        x = self._decoder.token_embedding(tokens) + self._decoder.positional_embedding[begin:end]
        x = x.to(self._sound[0][0].dtype)
        for number, block in enumerate(self._decoder.blocks):
            x = x + self._own(block.attn, block.attn_ln(x), number, begin, end)
            x = x + self._cross_attention(block.cross_attn, block.cross_attn_ln(x), number, attention)
            x = x + block.mlp(block.mlp_ln(x))
        self._at = end
        return torch.as_tensor(self._decoder.ln(x))

    def logits(self, hidden_states: Tensor) -> Tensor:
        """Scores of all tokens of the vocabulary, float32, from `hidden_states`'s last dimension."""
        vocabulary: Tensor = self._decoder.token_embedding.weight
        return (hidden_states @ vocabulary.to(hidden_states.dtype).T).float()

    def widen(self, groups: int) -> None:
        """Make each clip's one row into so many equal ones."""
        assert self.groups == 1
        self.groups = groups
        self._kv_cache = [(k.repeat_interleave(groups, 0), v.repeat_interleave(groups, 0)) for k, v in self._kv_cache]

    def reorder(self, rows: Sequence[int]) -> None:
        """Let row ``i`` go on from what row ``rows[i]`` has said so far; a clip's rows stay with the clip."""
        if list(rows) == list(range(len(rows))):
            return
        order = torch.as_tensor(rows, device=self._kv_cache[0][0].device)
        for keys, values in self._kv_cache:
            keys[:, :, : self._at] = keys[order, :, : self._at]
            values[:, :, : self._at] = values[order, :, : self._at]

    def keep(self, clips: Sequence[int]) -> None:
        """Go on with these clips alone."""
        device = self._kv_cache[0][0].device
        indices = torch.as_tensor(clips, device=device)
        rows = (indices[:, None] * self.groups + torch.arange(self.groups, device=device)).flatten()
        self._sound = [(keys[indices], values[indices]) for keys, values in self._sound]
        self._kv_cache = [(keys[rows], values[rows]) for keys, values in self._kv_cache]
        self.clips = len(clips)

    def _split(self, x: Tensor) -> Tensor:
        """``(batch, length, width)`` to ``(batch, heads, length, width / heads)``."""
        return x.view(*x.shape[:2], self._heads, -1).transpose(1, 2)

    def _own(self, attention: Any, x: Tensor, number: int, begin: int, end: int) -> Tensor:
        keys, values = self._kv_cache[number]
        keys[:, :, begin:end] = self._split(attention.key(x))
        values[:, :, begin:end] = self._split(attention.value(x))
        # The first tokens come together and each must not see those after it; later ones come one by one.
        context = scaled_dot_product_attention(
            self._split(attention.query(x)), keys[:, :, :end], values[:, :, :end], is_causal=begin == 0 and end > 1
        )
        return torch.as_tensor(attention.out(context.transpose(1, 2).flatten(2)))

    def _cross_attention(self, attention: Any, x: Tensor, number: int, weights: dict[int, Tensor] | None) -> Tensor:
        # All rows of a clip look at the same sound: as one longer query they need no copies of it.
        rows, new, width = x.shape
        query = self._split(attention.query(x).view(self.clips, self.groups * new, width))
        keys, values = self._sound[number]
        if weights is not None and number in weights:
            weights[number] = query @ keys.transpose(-1, -2) * query.shape[-1] ** -0.5
        context = scaled_dot_product_attention(query, keys, values).transpose(1, 2).reshape(rows, new, width)
        return torch.as_tensor(attention.out(context))
