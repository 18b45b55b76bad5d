"""Gradient all-reduce: each process computes its share of an update's parts, gradients are summed, all step alike.

See `core.engines.distributed` for how they meet. What an update sees is a function of its number, so processes agree on
it without a word; every share is weighted by the targets of the *whole* update, so the sum of gradients is the gradient
one process alone would have found.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from core.engines.distributed import DesyncError, rank, world
from core.reasons import out_of_memory

T = TypeVar("T")


def agree(error: BaseException | None = None) -> None:
    """After a process has computed its share, or failed with ``error``: hear whether all others have theirs.

    Raises:
        RuntimeError: another one ran out of memory, as if this one had.
        DesyncError: another one failed.
    """
    if world() == 1:
        return
    worst = torch.tensor(0 if error is None else 1 if out_of_memory(error) else 2)
    dist.all_reduce(worst, dist.ReduceOp.MAX)
    if error is None and worst == 1:
        raise RuntimeError("another process ran out of memory")
    if error is None and worst:
        raise DesyncError("another process failed")


def share(parts: Sequence[T]) -> Sequence[T]:
    """The parts of an update that are this process's."""
    return parts[rank() :: world()]


def flatten_gradients(parameters: Iterable[nn.Parameter], values: Tensor) -> Tensor:
    """What processes add up: all gradients and ``values`` behind each other; alone, the values."""
    if world() == 1:
        return values
    gradients = []
    for parameter in parameters:
        if parameter.grad is None:  # a process may have had no part
            parameter.grad = torch.zeros_like(parameter)
        gradients.append(parameter.grad.flatten())
    return torch.cat([*gradients, values.flatten()])


def sum_gradients(parameters: Iterable[nn.Parameter], buffer: Tensor) -> Tensor:
    """Add up what `flatten_gradients` gave in all processes, put the gradients in place, and return the values."""
    if world() == 1:
        return buffer
    dist.all_reduce(buffer)
    at = 0
    for parameter in parameters:
        assert parameter.grad is not None
        parameter.grad.copy_(buffer[at : at + parameter.numel()].view_as(parameter))
        at += parameter.numel()
    return buffer[at:]


@contextlib.contextmanager
def in_step() -> Iterator[None]:
    """Around what all do after they agreed. One that fails here alone cannot take its update back with the others.

    Raises:
        DesyncError: this process failed.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if world() == 1:
            raise
        raise DesyncError(f"this process came apart from the others ({type(error).__name__})") from error
