"""Mixed precision: the number format of training, as far as the card or processor can."""

from __future__ import annotations

import contextlib
from typing import Any

import torch


def autocast_dtype(precision: str, device: str) -> torch.dtype:
    """The number format for the setting ``auto``, ``float32``, ``bfloat16`` or ``float16``.

    A processor computes in bfloat16 only if it has instructions for it: without them it would be slower.
    """
    if precision == "float32":
        return torch.float32
    if not device.startswith("cuda"):
        return torch.bfloat16 if precision != "float16" and processor_has_bfloat16() else torch.float32
    if precision == "auto":
        has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if has_bfloat16 else torch.float16
    return torch.float16 if precision == "float16" else torch.bfloat16


def processor_has_bfloat16() -> bool:
    """Whether the processor multiplies in bfloat16 itself (AVX-512 BF16 or AMX)."""
    try:
        capabilities = torch.cpu.get_capabilities()
    except (AttributeError, RuntimeError):
        return False
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def autocast(dtype: torch.dtype, device: str) -> contextlib.AbstractContextManager[Any]:
    """Compute in ``dtype`` where that is safe; nothing for float32."""
    if dtype is torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(device.partition(":")[0], dtype)
