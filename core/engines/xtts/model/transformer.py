"""The transformer of XTTS's GPT as training runs it: transformers' numbers in fewer, larger operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers.pytorch_utils import Conv1D

from core.engines.dropout import drop

_ADAPTER = "default"
_Factors = tuple[Tensor, Tensor] | None  # of an adapter; None without one, or if it is left to peft


def run_transformer(gpt2: Any, embeddings: Tensor, *, dropout: float = 0.0, checkpointing: bool = False) -> Tensor:
    """Hidden states after the last norm, shape as ``embeddings`` (b, t, channels).

    Attention is causal and knows no padding: rows must have theirs at the end. ``dropout`` acts on the embedding and on
    what each half of a block adds, as in GPT-2, but not inside attention, where fused kernels (and the processor most
    of all) would lose more than it gives. ``checkpointing`` keeps only what goes into each block.
    Source: ``transformers/models/gpt2/modeling_gpt2.py`` (5.23).
    """
    states = drop(embeddings, dropout)
    compute = getattr(gpt2, "compiled_block", _block)
    for block, factors in zip(gpt2.h, _factors(gpt2), strict=True):
        if checkpointing:
            states = checkpoint(compute, block, factors, states, dropout, use_reentrant=False)
        else:
            states = compute(block, factors, states, dropout)
    output: Tensor = gpt2.ln_f(states)
    return output


def keep_low_precision(gpt2: Any, dtype: torch.dtype | None) -> None:
    """Keep weights that do not learn in ``dtype`` as well, so that no batch has to convert them; None forgets them.

    Costs no memory without `checkpoint`: gradients need all of the conversions at once anyway.
    """
    for layer in gpt2.modules():
        if isinstance(layer, Conv1D) and not layer.weight.requires_grad:
            for name in ("weight", "bias"):
                value = None if dtype is None else getattr(layer, name).detach().to(dtype)
                layer.register_buffer(f"low_precision_{name}", value, persistent=False)


def compile_blocks(gpt2: Any) -> None:
    """From now on run blocks through ``torch.compile``: once for all lengths, which takes minutes at first."""
    torch._dynamo.config.recompile_limit = 32  # with and without gradients, one row or several, checkpointed or not
    torch._dynamo.config.suppress_errors = True  # without a C compiler it runs as it is
    gpt2.compiled_block = torch.compile(_block, dynamic=True)


def _products(block: Any) -> tuple[nn.Module, ...]:
    return block.attn.c_attn, block.attn.c_proj, block.mlp.c_fc, block.mlp.c_proj


def _factors(gpt2: Any) -> list[list[_Factors]]:
    """Of each block, the factors of its products' adapters in the number format that is computed in.

    All are converted at once, and their gradients back: for a card hundreds of launches fewer.
    """
    blocks = [_products(block) for block in gpt2.h]
    adapters = [
        layer for layers in blocks for layer in layers if isinstance(layer, LoraLayer) and not layer.lora_variant
    ]
    weights = [kind[_ADAPTER].weight for layer in adapters for kind in (layer.lora_A, layer.lora_B)]
    if weights and torch.is_autocast_enabled(weights[0].device.type):
        flat = _to_autocast(torch.cat([weight.flatten() for weight in weights]))
        pieces = torch.split(flat, [weight.numel() for weight in weights])
        weights = [piece.view_as(weight) for piece, weight in zip(pieces, weights, strict=True)]
    pairs = dict(zip(map(id, adapters), zip(weights[::2], weights[1::2], strict=True), strict=True))
    return [[pairs.get(id(layer)) for layer in layers] for layers in blocks]


def _block(block: Any, factors: Sequence[_Factors], states: Tensor, dropout: float) -> Tensor:
    rows, width, channels = states.shape
    heads = block.attn.num_heads
    mix, out, widen, narrow = zip(_products(block), factors, strict=True)
    qkv = _linear(*mix, block.ln_1(states))
    query, key, value = (
        part.view(rows, width, heads, channels // heads).transpose(1, 2) for part in qkv.chunk(3, dim=2)
    )
    context = F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=block.attn.scaling)
    context = context.transpose(1, 2).reshape(rows, width, channels)
    states = states + drop(_linear(*out, context), dropout)
    wide = F.gelu(_linear(*widen, block.ln_2(states)), approximate="tanh")
    return states + drop(_linear(*narrow, wide), dropout)


def _linear(layer: nn.Module, factors: _Factors, inputs: Tensor) -> Tensor:
    """A Conv1D of transformers, bare or with a plain adapter; other adapters are left to peft."""
    if not isinstance(layer, LoraLayer):
        return _conv1d(layer, _to_autocast(inputs.flatten(0, 1))).view(*inputs.shape[:2], -1)
    if factors is None:
        output: Tensor = layer(inputs)
        return output
    flat = _to_autocast(inputs.flatten(0, 1))
    share = layer.lora_dropout[_ADAPTER].p if layer.training and hasattr(layer.lora_dropout[_ADAPTER], "p") else 0.0
    down, up, scale = F.linear(drop(flat, share), factors[0]), factors[1].t(), layer.scaling[_ADAPTER]
    # In place, or a card copies what it adds to first.
    total = _conv1d(layer.get_base_layer(), flat).addmm_(down, up, alpha=scale)
    return total.view(*inputs.shape[:2], -1)


def _conv1d(layer: Any, flat: Tensor) -> Tensor:
    if (weight := getattr(layer, "low_precision_weight", None)) is not None and weight.dtype is flat.dtype:
        return torch.addmm(layer.low_precision_bias, flat, weight)
    return torch.addmm(layer.bias, flat, layer.weight)


def _to_autocast(values: Tensor) -> Tensor:
    """In the number format of autocast: at once, not in each of the products that want it."""
    kind = values.device.type
    return values.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else values
