"""CUDA errors in words, told apart by their message; and the card's memory given back. Imports no torch."""

from __future__ import annotations

import gc
import sys

from core.errors import UserError

_LOST_SIGNS = (
    "gpu is lost",
    "device lost",
    "unspecified launch failure",
    "launch timed out",
    "uncorrectable ecc",
    "unknown error",
    "no cuda-capable device",
    "busy or unavailable",
    "driver shutting down",
    "system not yet initialized",
    "hardware stack error",
)
_FAULT_SIGNS = ("device-side assert", "illegal memory access", "illegal instruction", "misaligned address")


def free_memory() -> None:
    """Give back what a failed attempt left behind; call it after the handler of its error, which holds tensors."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def translate(error: BaseException) -> UserError | None:
    """What a person is told of an error of the card; None if it is none.

    After one of these the process cannot use the card again: a new one can, which is what Resume starts.
    """
    # Of the first line alone: torch ends whatever CUDA says with advice about device-side assertions.
    message = (str(error).splitlines() or [""])[0][:200]
    plain = message.lower()
    if not isinstance(error, RuntimeError) or not any(mark in plain for mark in ("cuda", "gpu", "nvidia", "device")):
        return None
    if any(sign in plain for sign in _LOST_SIGNS):
        return UserError(
            "train.card_lost",
            "The graphics card was lost while training ({what}).",
            "What was saved is kept: resume. If it happens again, restart the computer, and see that the card stays "
            "cool and gets enough power.",
            what=message,
        )
    if any(sign in plain for sign in _FAULT_SIGNS):
        return UserError(
            "train.card_fault",
            "The graphics card broke off a computation ({what}).",
            "What was saved is kept: resume. If it stops at the same update again, start a new run with the precision "
            "float32; if that fails too, the log has the full story.",
            what=message,
        )
    return None


def too_small() -> UserError:
    """Memory ran out although no fewer clips can be taken at once and no less can be kept of one."""
    return UserError(
        "train.out_of_memory",
        "Memory ran out with a single clip at once.",
        "Close other programs that use the card and resume. If that is not enough, start a new run in which less "
        "of the model learns (an adapter of a lower rank) or with shorter clips, or use a card with more memory.",
    )
