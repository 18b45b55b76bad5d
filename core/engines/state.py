"""Training state to resume from: random streams, and the file that holds them with the optimizer's own state."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.engines.session import STATE
from core.errors import UserError
from core.reasons import reason_of

UNREADABLE = (OSError, pickle.UnpicklingError, RuntimeError, KeyError, ValueError, EOFError)


def read_state(folder: Path, batch_size: int) -> dict[str, Any]:
    """The state in a checkpoint folder; what older ones do not have is filled in, all but ``live`` weights.

    Raises:
        One of `UNREADABLE`.
    """
    state: dict[str, Any] = torch.load(folder / STATE, map_location="cpu", weights_only=True)
    # It was said how many clips are computed at once, before that nothing.
    state.setdefault("division", -(-batch_size // max(1, int(state.get("micro_batch", batch_size)))))
    state.setdefault("rate_factor", 1.0)
    return state


def as_fused(optimizer: dict[str, Any]) -> dict[str, Any]:
    """An optimizer's state for a fused one: on processors others were saved, which cannot leave an update out."""
    return {**optimizer, "param_groups": [{**group, "fused": True} for group in optimizer["param_groups"]]}


def state_error(folder: Path, error: Exception) -> UserError:
    """What a person is told of a state that cannot be read."""
    return UserError(
        "train.state_broken",
        "The state saved in {folder} cannot be read ({what}).",
        "Its voice can still be used; to train on, start a new run.",
        folder=folder.name,
        what=reason_of(error),
    )


def random_state(device: str) -> dict[str, Tensor | None]:
    """Where the process's random streams stand: dropout draws from them."""
    on_card = device.startswith("cuda")
    return {"random": torch.get_rng_state(), "random_cuda": torch.cuda.get_rng_state() if on_card else None}


def set_random(state: dict[str, Any], device: str) -> None:
    """Let them stand there again."""
    torch.set_rng_state(state["random"])
    if device.startswith("cuda") and state["random_cuda"] is not None:
        torch.cuda.set_rng_state(state["random_cuda"])


def copy_into(targets: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    """Write values into tensors that stay where they are."""
    with torch.no_grad():
        for target, value in zip(targets, values, strict=True):
            target.copy_(value)


def copy_to_cpu(value: Any) -> Any:
    """The same with every tensor in it copied once, into the computer's memory."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {key: copy_to_cpu(item) for key, item in value.items()}
    return [copy_to_cpu(item) for item in value] if isinstance(value, list) else value
