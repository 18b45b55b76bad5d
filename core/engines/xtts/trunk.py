"""The transformer of XTTS's GPT as training runs it: transformers' numbers in fewer, larger operations."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers.pytorch_utils import Conv1D

_ADAPTER = "default"


def trunk(gpt2: Any, embedded: Tensor, *, dropout: float = 0.0, checkpointing: bool = False) -> Tensor:
    """Hidden states after the last norm, shape as ``embedded`` (b, t, channels).

    Attention is causal and knows no padding: rows must have theirs at the end. ``dropout`` acts on the embedding and on
    what each half of a block adds, as in GPT-2, but not inside attention, where fused kernels (and the processor most
    of all) would lose more than it gives. ``checkpointing`` keeps only what goes into each block.
    Source: ``transformers/models/gpt2/modeling_gpt2.py`` (5.23).
    """
    hidden = drop(embedded, dropout)
    compute = getattr(gpt2, "compiled_block", _block)
    for block in gpt2.h:
        if checkpointing:
            hidden = checkpoint(compute, block, hidden, dropout, use_reentrant=False)
        else:
            hidden = compute(block, hidden, dropout)
    normed: Tensor = gpt2.ln_f(hidden)
    return normed


def keep_lowered(gpt2: Any, dtype: torch.dtype | None) -> None:
    """Keep weights that do not learn in ``dtype`` as well, so that no batch has to convert them; None forgets them.

    Costs no memory without `checkpoint`: gradients need all of the conversions at once anyway.
    """
    for layer in list(gpt2.modules()):
        if isinstance(layer, Conv1D) and not layer.weight.requires_grad:
            for name in ("weight", "bias"):
                kept = None if dtype is None else getattr(layer, name).detach().to(dtype)
                layer.register_buffer(f"lowered_{name}", kept, persistent=False)


def compile_blocks(gpt2: Any) -> None:
    """From now on run blocks through ``torch.compile``: once for all lengths, which takes minutes at first."""
    torch._dynamo.config.recompile_limit = 32  # with and without gradients, one row or several, checkpointed or not
    torch._dynamo.config.suppress_errors = True  # without a C compiler it runs as it is
    gpt2.compiled_block = torch.compile(_block, dynamic=True)


def _block(block: Any, hidden: Tensor, dropout: float) -> Tensor:
    rows, width, channels = hidden.shape
    heads = block.attn.num_heads
    mixed = _linear(block.attn.c_attn, block.ln_1(hidden))
    query, key, value = (
        one.view(rows, width, heads, channels // heads).transpose(1, 2) for one in mixed.chunk(3, dim=2)
    )
    seen = F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=block.attn.scaling)
    seen = seen.transpose(1, 2).reshape(rows, width, channels)
    hidden = hidden + drop(_linear(block.attn.c_proj, seen), dropout)
    wide = F.gelu(_linear(block.mlp.c_fc, block.ln_2(hidden)), approximate="tanh")
    return hidden + drop(_linear(block.mlp.c_proj, wide), dropout)


def _linear(layer: nn.Module, inputs: Tensor) -> Tensor:
    """A Conv1D of transformers, bare or with a plain adapter; other adapters are left to peft."""
    if not isinstance(layer, LoraLayer):
        return _conv1d(layer, _lowered(inputs.flatten(0, 1))).view(*inputs.shape[:2], -1)
    if layer.lora_variant:
        output: Tensor = layer(inputs)
        return output
    flat = _lowered(inputs.flatten(0, 1))
    share = layer.lora_dropout[_ADAPTER].p if layer.training and hasattr(layer.lora_dropout[_ADAPTER], "p") else 0.0
    down = F.linear(drop(flat, share), layer.lora_A[_ADAPTER].weight)
    up = layer.lora_B[_ADAPTER].weight.t().to(flat.dtype)
    # In place, or a card copies what it adds to first.
    added = _conv1d(layer.get_base_layer(), flat).addmm_(down, up, alpha=layer.scaling[_ADAPTER])
    return added.view(*inputs.shape[:2], -1)


def _conv1d(layer: Any, flat: Tensor) -> Tensor:
    if (lowered := getattr(layer, "lowered_weight", None)) is not None and lowered.dtype is flat.dtype:
        return torch.addmm(layer.lowered_bias, flat, lowered)
    return torch.addmm(layer.bias, flat, layer.weight)


def _lowered(values: Tensor) -> Tensor:
    """In the number format of autocast: at once, not in each of the products that want it."""
    kind = values.device.type
    return values.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else values


def drop(values: Tensor, share: float) -> Tensor:
    """Dropout. On the processor a random byte decides (so the share is rounded to 1/256): eight times fewer draws."""
    if share <= 0:
        return values
    if values.is_cuda:
        return F.dropout(values, share)
    least = round(share * 256)
    drawn = torch.empty(-(-values.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
    kept = (drawn.view(torch.uint8)[: values.numel()] >= least).view(values.shape)
    return values * kept.to(values.dtype).mul_(256 / (256 - least))
