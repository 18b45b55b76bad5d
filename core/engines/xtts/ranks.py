"""Several processes on one update: each computes its share of the parts, gradients are summed, all take the same step.

See `core.training.several` for how they come together. What an update sees is a function of
its number, so processes agree on it without a word; every share is weighted by the targets of the *whole* update, so
the sum of gradients is the gradient one process alone would have found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from core.training import card
from core.training.several import rank as rank
from core.training.several import world as world

T = TypeVar("T")


def agree(error: BaseException | None = None) -> None:
    """After a process has computed its share, or failed with ``error``: hear whether all others have theirs.

    Raises:
        RuntimeError: another one failed; that of its memory reads as if it were this one's.
    """
    if world() == 1:
        return
    worst = torch.tensor(0 if error is None else 1 if card.out_of_memory(error) else 2)
    dist.all_reduce(worst, dist.ReduceOp.MAX)
    if error is None and worst:
        raise RuntimeError("another process " + ("ran out of memory" if worst == 1 else "failed"))


def share(parts: Sequence[T]) -> Sequence[T]:
    """The parts of an update that are this process's."""
    return parts[rank() :: world()]


def summed(parameters: Iterable[nn.Parameter], values: Tensor) -> Tensor:
    """Sum the gradients of all processes in place; returns ``values`` summed likewise."""
    if world() == 1:
        return values
    learning = list(parameters)
    for parameter in learning:
        if parameter.grad is None:  # a process may have had no part
            parameter.grad = torch.zeros_like(parameter)
    gradients = [parameter.grad for parameter in learning if parameter.grad is not None]
    together = torch.cat([*(one.flatten() for one in gradients), values.flatten()])
    dist.all_reduce(together)
    at = 0
    for one in gradients:
        one.copy_(together[at : at + one.numel()].view_as(one))
        at += one.numel()
    return together[at:].view_as(values)
