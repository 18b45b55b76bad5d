"""The process group of one run by several processes: who takes part, and how they meet.

`core.training.multi_process` says what they do together; an engine asks here which share of an update is its own.
"""

from __future__ import annotations

import datetime
import os

_PATIENCE = datetime.timedelta(days=7)  # features may take long, and so may a pause
_MEETING = datetime.timedelta(minutes=5)  # for the first one to find the launcher that started it

_shares_updates = False


class DesyncError(RuntimeError):
    """Processes that share a run are no longer at the same place."""


def rank_and_world_size() -> tuple[int, int]:
    """This process's rank and how many a launcher has started; (0, 1) without one."""
    values = [os.environ.get(name, "") for name in ("RANK", "WORLD_SIZE")]
    if all(value.isdigit() for value in values) and int(values[1]) > 1:
        return int(values[0]), int(values[1])
    return 0, 1


def world() -> int:
    """How many processes work on an update."""
    if not _shares_updates:
        return 1
    import torch.distributed as dist

    return dist.get_world_size()


def rank() -> int:
    """Which of them this one is; 0 leads."""
    if not _shares_updates:
        return 0
    import torch.distributed as dist

    return dist.get_rank()


def join() -> None:
    """Meet the other processes; a process's card is that of its local rank. Each still works alone."""
    import torch
    import torch.distributed as dist
    from torch.distributed.rendezvous import rendezvous

    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if cards:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % cards)
    # The launcher kills who waits in vain; the first one is nobody's child but the job's.
    meeting = _PATIENCE if rank_and_world_size()[0] else _MEETING
    store, number, count = next(iter(rendezvous("env://", timeout=meeting)))
    store.set_timeout(_PATIENCE)
    backend = "cpu:gloo,cuda:nccl" if cards else "gloo"
    dist.init_process_group(backend, store=store, rank=number, world_size=count, timeout=_PATIENCE)


def leave() -> None:
    """Leave the group in order, which waits for the others."""
    import torch.distributed as dist

    if dist.is_initialized():
        dist.destroy_process_group()


def share_updates(yes: bool = True) -> None:
    """From here on updates are shared with all who joined."""
    global _shares_updates
    _shares_updates = yes
