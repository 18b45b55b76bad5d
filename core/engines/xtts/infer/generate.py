"""Batched autoregressive decoding with a key-value cache: texts to latents, each with its own random stream and end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from peft.tuners.lora import LoraLayer
from torch import Tensor
from transformers import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)
from TTS.tts.layers.xtts.gpt import GPT

from core.engines.adapter import merged_weight
from core.errors import Cancelled

# What coqui fills the place of the prefix with in the numbers it hands to the repetition penalty.
_PREFIX_NUMBER = 1
_ROOM = 128  # positions the cache grows by
_MAX_ROWS = 16  # sentences at once
_PACKED_FOR = 64  # rows for which weights are laid out; fewer run as fast as with a layout of their own


@dataclass(frozen=True)
class Sampling:
    """How a code is chosen; ``max_codes`` at most, the stop code counted."""

    max_codes: int
    temperature: float = 0.75
    repetition_penalty: float = 10.0
    top_k: int = 50
    top_p: float = 0.85
    do_sample: bool = True

    def processors(self) -> LogitsProcessorList:
        """As ``generate`` of transformers orders them."""
        processors = LogitsProcessorList()
        if self.repetition_penalty != 1.0:
            processors.append(RepetitionPenaltyLogitsProcessor(penalty=self.repetition_penalty))
        if self.do_sample:
            if self.temperature != 1.0:
                processors.append(TemperatureLogitsWarper(self.temperature))
            if self.top_k:
                processors.append(TopKLogitsWarper(top_k=int(self.top_k)))
            if self.top_p < 1.0:
                processors.append(TopPLogitsWarper(top_p=self.top_p))
        return processors


class InvalidScores(RuntimeError):
    """The scores of the next code are no numbers to choose by."""


class Decoder:
    """The GPT of a model, ready to go on from several texts at once; adapters are folded in on the side.

    Not coqui's ``generate`` and a second pass for the latents: the states from which a code is chosen *are* the
    latents (coqui computes them anew), and what a step costs beside its arithmetic is paid once for all sentences.
    """

    def __init__(self, gpt: GPT, for_one: bool = False) -> None:
        """``for_one``: for one text at a time, for which weights are best left as they lie, without a copy."""
        self.gpt = gpt
        self.blocks = [_Block(block, not for_one) for block in gpt.gpt.h]
        self.head = _Linear(gpt.mel_head.weight.t(), gpt.mel_head.bias, not for_one)

    def latents(
        self,
        conditioning: Tensor,
        texts: Sequence[Sequence[int]],
        generators: Sequence[torch.Generator],
        sampling: Sampling,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> list[Tensor]:
        """Latents of each text, (codes, channels), the last one that of the stop code if it came.

        Args:
            conditioning: of the speaker, (1, 32, channels), on the model's device.
            texts: token numbers of each.
            generators: the random stream of each, on the model's device; they move on.
            sampling: how codes are chosen.
            should_stop: asked before every code.

        Raises:
            Cancelled: ``should_stop`` said so.
            InvalidScores: the model gives no valid probabilities.
        """
        latents: list[Tensor] = []
        for start in range(0, len(texts), _MAX_ROWS):
            chunk = slice(start, start + _MAX_ROWS)
            states: list[list[Tensor]] = [[] for _ in texts[chunk]]
            for step in self.steps(conditioning, texts[chunk], generators[chunk], sampling, should_stop):
                for row, state in step:
                    states[row].append(state)
            latents += [torch.stack(state) for state in states]
        return latents

    def steps(
        self,
        conditioning: Tensor,
        texts: Sequence[Sequence[int]],
        generators: Sequence[torch.Generator],
        sampling: Sampling,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[list[tuple[int, Tensor]]]:
        """The latents of `latents` as they come, (channels), each with its text's number: one code of all at a time.

        All texts in one batch; args and errors as of `latents`.
        """
        embeddings, valid = self._begin(texts)
        rows, device = list(range(len(texts))), embeddings.device
        numbers = torch.tensor([[_PREFIX_NUMBER, self.gpt.start_audio_token]] * len(texts), device=device)
        processors = sampling.processors()
        cache = [_Cache() for _ in self.blocks]
        # What is known of the speaker comes first in every row: computed once, not for each.
        self._forward(conditioning, torch.ones_like(conditioning[..., 0], dtype=torch.bool), cache)
        all_rows = torch.zeros(len(texts), dtype=torch.long, device=device)
        for block_cache in cache:
            block_cache.keep(all_rows)
        valid = F.pad(valid, (conditioning.shape[1], 0), value=True)
        for step in range(sampling.max_codes):
            if should_stop():
                raise Cancelled
            last = self._forward(embeddings, valid, cache)[:, -1]
            scores = processors(numbers, self.head(last[:, None])[:, 0].float())
            codes = self._choose(scores, [generators[row] for row in rows], sampling.do_sample)
            # Looked at together: each look is a wait for the card.
            is_finite, *going = torch.cat([are_valid(scores)[None], codes != self.gpt.stop_audio_token]).tolist()
            if not is_finite:
                raise InvalidScores
            yield list(zip(rows, last, strict=True))
            if not any(going):
                break
            remaining = [n for n, goes in enumerate(going) if goes]
            if len(remaining) < len(rows):
                index = torch.tensor(remaining, device=device)
                rows, codes, valid, numbers = [rows[n] for n in remaining], codes[index], valid[index], numbers[index]
                for block_cache in cache:
                    block_cache.keep(index)
            numbers = torch.cat([numbers, codes[:, None]], dim=1)
            valid = F.pad(valid, (0, 1), value=True)
            place = self.gpt.mel_pos_embedding.emb.weight[min(step + 1, self.gpt.mel_pos_embedding.seq_len - 1)]
            embeddings = (self.gpt.mel_embedding(codes) + place)[:, None]

    def _begin(self, texts: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """Text and start code of each, right-aligned (b, t, channels), and which places are real (b, t)."""
        gpt, rows = self.gpt, []
        device = gpt.mel_embedding.weight.device
        start = gpt.mel_embedding.weight[gpt.start_audio_token] + gpt.mel_pos_embedding.emb.weight[0]
        for text in texts:
            tokens = torch.tensor([gpt.start_text_token, *text, gpt.stop_text_token], device=device)
            embedding = gpt.text_embedding(tokens) + gpt.text_pos_embedding.emb.weight[: len(tokens)]
            rows.append(torch.cat([embedding, start[None]]))
        width = max(len(row) for row in rows)
        embeddings = torch.stack([F.pad(row, (0, 0, width - len(row), 0)) for row in rows])
        lengths = torch.tensor([len(row) for row in rows], device=device)
        return embeddings, torch.arange(width, device=device) >= width - lengths[:, None]

    def _forward(self, states: Tensor, valid: Tensor, cache: list[_Cache]) -> Tensor:
        """The last place's state after ``states`` (b, new, channels); ``valid`` tells the real places, old and new."""
        new, width = states.shape[1], valid.shape[1]
        mask = valid[:, None, None, :]
        if new > 1:
            old = width - new
            causal = torch.ones(new, width, dtype=torch.bool, device=states.device).tril(old)
            # A place of padding sees itself: seeing nothing would not be a number.
            mask = mask & causal | causal.triu(old)
        # Once, not in every block; and in rows of eights, which is what kernels of cards want of it.
        room = torch.zeros(*mask.shape[:-1], -(-width // 8) * 8, device=mask.device)
        mask = room[..., :width].masked_fill_(~mask, -torch.inf)
        for block, block_cache in zip(self.blocks, cache, strict=True):
            states = block(states, mask, block_cache)
        output: Tensor = self.gpt.final_norm(self.gpt.gpt.ln_f(states[:, -1:]))
        return output

    @staticmethod
    def _choose(scores: Tensor, generators: Sequence[torch.Generator], do_sample: bool) -> Tensor:
        if not do_sample:
            return scores.argmax(dim=-1)
        noise = torch.empty_like(scores)
        # One by one: each sentence has its own row of noise, whoever it is spoken with.
        for row, generator in zip(noise, generators, strict=True):
            row.exponential_(1, generator=generator)
        # As `torch.multinomial` draws, whose own check of what it is given would cost a process its card.
        return (scores.softmax(dim=-1) / noise).argmax(dim=-1)


def are_valid(scores: Tensor) -> Tensor:
    """Whether every row (b, codes) leaves something to choose from. torch finds out by itself, but a card that fails
    its check is lost to the process."""
    return scores.amax(dim=-1).isfinite().all()


class _Cache:
    """Keys and values of one block so far, with room for more: (b, heads, room, width)."""

    def __init__(self) -> None:
        self.length = 0
        self.keys: Tensor | None = None
        self.values: Tensor | None = None

    def add(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        new = self.length + keys.shape[2]
        if self.keys is None or self.values is None:
            self.keys, self.values = (F.pad(tensor, (0, 0, 0, _ROOM)) for tensor in (keys, values))
        else:
            if new > self.keys.shape[2]:
                self.keys, self.values = (F.pad(tensor, (0, 0, 0, _ROOM)) for tensor in (self.keys, self.values))
            self.keys[:, :, self.length : new] = keys
            self.values[:, :, self.length : new] = values
        self.length = new
        return self.keys[:, :, :new], self.values[:, :, :new]

    def keep(self, rows: Tensor) -> None:
        assert self.keys is not None and self.values is not None
        self.keys, self.values = self.keys[rows], self.values[rows]


class _Block:
    """A block of the transformer with its weights as they act, going on from what it has seen."""

    def __init__(self, block: Any, pack: bool) -> None:
        self.block = block
        self.mix, self.out = _acting(block.attn.c_attn, pack), _acting(block.attn.c_proj, pack)
        self.widen, self.narrow = _acting(block.mlp.c_fc, pack), _acting(block.mlp.c_proj, pack)

    def __call__(self, states: Tensor, mask: Tensor, cache: _Cache) -> Tensor:
        rows, width, channels = states.shape
        heads = self.block.attn.num_heads
        qkv = self.mix(self.block.ln_1(states))
        query, key, value = (
            part.view(rows, width, heads, channels // heads).transpose(1, 2) for part in qkv.chunk(3, dim=2)
        )
        keys, values = cache.add(key, value)
        context = F.scaled_dot_product_attention(query, keys, values, attn_mask=mask, scale=self.block.attn.scaling)
        states = states + self.out(context.transpose(1, 2).reshape(rows, width, channels))
        wide = F.gelu(self.widen(self.block.ln_2(states)), approximate="tanh")
        return states + self.narrow(wide)


def _acting(layer: Any, pack: bool) -> _Linear:
    """A layer of the transformer as it acts, with its adapter folded in if it has one."""
    if isinstance(layer, LoraLayer):
        return _Linear(merged_weight(layer), layer.get_base_layer().bias, pack)
    return _Linear(layer.weight, layer.bias, pack)


class _Linear:
    """``inputs @ weight + bias``; on a processor with the weight laid out as oneDNN reads it fastest.

    The usual multiplication lays a large weight out anew for every code when there are a few rows: a step of four
    sentences then takes three times as long (docs/performance.md). Inductor packs constant weights the same way.
    """

    def __init__(self, weight: Tensor, bias: Tensor, pack: bool) -> None:
        self.bias = bias
        self.is_packed = pack and weight.device.type == "cpu" and weight.dtype == torch.float32 and _can_pack()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight.t(), _PACKED_FOR) if self.is_packed else weight

    def __call__(self, inputs: Tensor) -> Tensor:
        if self.is_packed:
            output: Tensor = torch.ops.mkldnn._linear_pointwise(inputs, self.weight, self.bias, "none", [], "")
            return output
        return torch.addmm(self.bias, inputs.flatten(0, 1), self.weight).view(*inputs.shape[:2], -1)


def _can_pack() -> bool:
    return hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
