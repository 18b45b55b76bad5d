"""Several sentences to latents in one go: a batch of texts, each with its own chance and its own end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

from core.engines.xtts.model.lora import merged_weight
from core.errors import Cancelled

# What coqui fills the place of the prefix with in the numbers it hands to the repetition penalty.
_PREFIX_NUMBER = 1
_ROOM = 128  # positions the cache grows by
_MOST = 16  # sentences at once
_PACKED_FOR = 64  # rows for which weights are laid out; fewer run as fast as with a layout of their own


@dataclass(frozen=True)
class Sampling:
    """How a code is chosen; ``most`` codes at most, the stop code counted."""

    most: int
    temperature: float = 0.75
    repetition_penalty: float = 10.0
    top_k: int = 50
    top_p: float = 0.85
    do_sample: bool = True

    def processors(self) -> LogitsProcessorList:
        """As ``generate`` of transformers orders them."""
        found = LogitsProcessorList()
        if self.repetition_penalty != 1.0:
            found.append(RepetitionPenaltyLogitsProcessor(penalty=self.repetition_penalty))
        if self.do_sample:
            if self.temperature != 1.0:
                found.append(TemperatureLogitsWarper(self.temperature))
            if self.top_k:
                found.append(TopKLogitsWarper(top_k=self.top_k))
            if self.top_p < 1.0:
                found.append(TopPLogitsWarper(top_p=self.top_p))
        return found


class NoChances(RuntimeError):
    """The scores of the next code are no numbers to choose by."""


class Decoder:
    """The GPT of a model, ready to go on from several texts at once; adapters are folded in on the side.

    Not coqui's ``generate`` and a second pass for the latents: the states from which a code is chosen *are* the
    latents (coqui computes them anew), and what a step costs beside its arithmetic is paid once for all sentences.
    """

    def __init__(self, gpt: GPT) -> None:
        self.gpt = gpt
        self.blocks = [_Block(block) for block in gpt.gpt.h]
        self.head = _Linear(gpt.mel_head.weight.t(), gpt.mel_head.bias)

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
            generators: where each takes its chance from, on the model's device; they move on.
            sampling: how codes are chosen.
            should_stop: asked before every code.

        Raises:
            Cancelled: ``should_stop`` said so.
            NoChances: the model gives no valid probabilities.
        """
        found: list[Tensor] = []
        for start in range(0, len(texts), _MOST):
            some = slice(start, start + _MOST)
            found += self._batch(conditioning, texts[some], generators[some], sampling, should_stop)
        return found

    def _batch(
        self,
        conditioning: Tensor,
        texts: Sequence[Sequence[int]],
        generators: Sequence[torch.Generator],
        sampling: Sampling,
        should_stop: Callable[[], bool],
    ) -> list[Tensor]:
        embedded, seen = self._begin(texts)
        rows, device = list(range(len(texts))), embedded.device
        states: list[list[Tensor]] = [[] for _ in texts]
        numbers = torch.tensor([[_PREFIX_NUMBER, self.gpt.start_audio_token]] * len(texts), device=device)
        processors = sampling.processors()
        cache = [_Cache() for _ in self.blocks]
        # What is known of the speaker comes first in every row: computed once, not for each.
        self._forward(conditioning, torch.ones_like(conditioning[..., 0], dtype=torch.bool), cache)
        everyone = torch.zeros(len(texts), dtype=torch.long, device=device)
        for one in cache:
            one.keep(everyone)
        seen = F.pad(seen, (conditioning.shape[1], 0), value=True)
        for step in range(sampling.most):
            if should_stop():
                raise Cancelled
            last = self._forward(embedded, seen, cache)[:, -1]
            for row, state in zip(rows, last, strict=True):
                states[row].append(state)
            scores = processors(numbers, self.head(last[:, None])[:, 0].float())
            codes = self._choose(scores, [generators[row] for row in rows], sampling.do_sample)
            # Looked at together: each look is a wait for the card.
            whole, *going = torch.cat([are_chances(scores)[None], codes != self.gpt.stop_audio_token]).tolist()
            if not whole:
                raise NoChances
            if not any(going):
                break
            kept = [n for n, goes in enumerate(going) if goes]
            if len(kept) < len(rows):
                index = torch.tensor(kept, device=device)
                rows, codes, seen, numbers = [rows[n] for n in kept], codes[index], seen[index], numbers[index]
                for one in cache:
                    one.keep(index)
            numbers = torch.cat([numbers, codes[:, None]], dim=1)
            seen = F.pad(seen, (0, 1), value=True)
            place = self.gpt.mel_pos_embedding.emb.weight[min(step + 1, self.gpt.mel_pos_embedding.seq_len - 1)]
            embedded = (self.gpt.mel_embedding(codes) + place)[:, None]
        return [torch.stack(state) for state in states]

    def _begin(self, texts: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """Text and start code of each, right-aligned (b, t, channels), and which places are real (b, t)."""
        gpt, rows = self.gpt, []
        device = gpt.mel_embedding.weight.device
        start = gpt.mel_embedding.weight[gpt.start_audio_token] + gpt.mel_pos_embedding.emb.weight[0]
        for text in texts:
            tokens = torch.tensor([gpt.start_text_token, *text, gpt.stop_text_token], device=device)
            said = gpt.text_embedding(tokens) + gpt.text_pos_embedding.emb.weight[: len(tokens)]
            rows.append(torch.cat([said, start[None]]))
        width = max(len(row) for row in rows)
        embedded = torch.stack([F.pad(row, (0, 0, width - len(row), 0)) for row in rows])
        lengths = torch.tensor([len(row) for row in rows], device=device)
        return embedded, torch.arange(width, device=device) >= width - lengths[:, None]

    def _forward(self, hidden: Tensor, seen: Tensor, cache: list[_Cache]) -> Tensor:
        """The last place's state after ``hidden`` (b, new, channels); ``seen`` tells the real places, old and new."""
        new, width = hidden.shape[1], seen.shape[1]
        mask = seen[:, None, None, :]
        if new > 1:
            old = width - new
            causal = torch.ones(new, width, dtype=torch.bool, device=hidden.device).tril(old)
            # A place of padding sees itself: seeing nothing would not be a number.
            mask = mask & causal | causal.triu(old)
        # Once, not in every block; and in rows of eights, which is what kernels of cards want of it.
        room = torch.zeros(*mask.shape[:-1], -(-width // 8) * 8, device=mask.device)
        mask = room[..., :width].masked_fill_(~mask, -torch.inf)
        for block, one in zip(self.blocks, cache, strict=True):
            hidden = block(hidden, mask, one)
        normed: Tensor = self.gpt.final_norm(self.gpt.gpt.ln_f(hidden[:, -1:]))
        return normed

    @staticmethod
    def _choose(scores: Tensor, generators: Sequence[torch.Generator], do_sample: bool) -> Tensor:
        if not do_sample:
            return scores.argmax(dim=-1)
        chances = torch.empty_like(scores)
        # One by one: each sentence has its own row of chances, whoever it is spoken with.
        for row, generator in zip(chances, generators, strict=True):
            row.exponential_(1, generator=generator)
        # As `torch.multinomial` draws, whose own check of what it is given would cost a process its card.
        return (scores.softmax(dim=-1) / chances).argmax(dim=-1)


def are_chances(scores: Tensor) -> Tensor:
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
            self.keys, self.values = (F.pad(one, (0, 0, 0, _ROOM)) for one in (keys, values))
        else:
            if new > self.keys.shape[2]:
                self.keys, self.values = (F.pad(one, (0, 0, 0, _ROOM)) for one in (self.keys, self.values))
            self.keys[:, :, self.length : new] = keys
            self.values[:, :, self.length : new] = values
        self.length = new
        return self.keys[:, :, :new], self.values[:, :, :new]

    def keep(self, rows: Tensor) -> None:
        assert self.keys is not None and self.values is not None
        self.keys, self.values = self.keys[rows], self.values[rows]


class _Block:
    """A block of the transformer with its weights as they act, going on from what it has seen."""

    def __init__(self, block: Any) -> None:
        self.block = block
        self.mix, self.out = _acting(block.attn.c_attn), _acting(block.attn.c_proj)
        self.widen, self.narrow = _acting(block.mlp.c_fc), _acting(block.mlp.c_proj)

    def __call__(self, hidden: Tensor, mask: Tensor, cache: _Cache) -> Tensor:
        rows, width, channels = hidden.shape
        heads = self.block.attn.num_heads
        mixed = self.mix(self.block.ln_1(hidden))
        query, key, value = (
            one.view(rows, width, heads, channels // heads).transpose(1, 2) for one in mixed.chunk(3, dim=2)
        )
        keys, values = cache.add(key, value)
        seen = F.scaled_dot_product_attention(query, keys, values, attn_mask=mask, scale=self.block.attn.scaling)
        hidden = hidden + self.out(seen.transpose(1, 2).reshape(rows, width, channels))
        wide = F.gelu(self.widen(self.block.ln_2(hidden)), approximate="tanh")
        return hidden + self.narrow(wide)


def _acting(layer: Any) -> _Linear:
    """A layer of the trunk as it acts, with its adapter folded in if it has one."""
    if isinstance(layer, LoraLayer):
        return _Linear(merged_weight(layer), layer.get_base_layer().bias)
    return _Linear(layer.weight, layer.bias)


class _Linear:
    """``inputs @ weight + bias``; on a processor with the weight laid out as oneDNN reads it fastest.

    The usual multiplication lays a large weight out anew for every code when there are a few rows: a step of four
    sentences then takes three times as long (docs/performance.md). Inductor packs constant weights the same way.
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self.bias = bias
        self.packed = weight.device.type == "cpu" and weight.dtype == torch.float32 and _can_pack()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight.t(), _PACKED_FOR) if self.packed else weight

    def __call__(self, inputs: Tensor) -> Tensor:
        if self.packed:
            found: Tensor = torch.ops.mkldnn._linear_pointwise(inputs, self.weight, self.bias, "none", [], "")
            return found
        return torch.addmm(self.bias, inputs.flatten(0, 1), self.weight).view(*inputs.shape[:2], -1)


def _can_pack() -> bool:
    return hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
