"""Several processes on one update: each computes its share of the parts, gradients are summed, all take the same step.

Started by ``torchrun`` or ``accelerate launch``, which tell each process its rank. What an update sees is a function of
its number, so processes agree on it without a word; every share is weighted by the targets of the *whole* update, so
the sum of gradients is the gradient one process alone would have found.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

T = TypeVar("T")


def join(device: str) -> None:
    """Meet the other processes, if there are any; the card of a process is that of its local rank."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2 or dist.is_initialized():
        return
    if device.startswith("cuda"):
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")


def world() -> int:
    """How many processes work on an update."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Which of them this one is; 0 reports, evaluates and saves."""
    return dist.get_rank() if world() > 1 else 0


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
