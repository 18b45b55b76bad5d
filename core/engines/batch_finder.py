"""Batch size finder: two real updates on the longest clips tell what fits, what is quickest, how long a run takes."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

from core.engines.callbacks import ShouldStop, never
from core.engines.gradient_session import GradientSession
from core.engines.options import TrainConfig
from core.engines.precision import autocast_dtype
from core.engines.session import BATCH_TRIALS_S, BatchTrial, Fits
from core.errors import Cancelled, UserError
from core.reasons import out_of_memory
from core.system import cuda_errors

_SHARE = 0.92  # of a card's memory: samples are spoken beside the training, and drivers keep some
_SLOWER = 0.9  # of the quickest so far: beyond it larger batches are not tried
_WORTHWHILE = 4  # clips at once from which on computing things twice no longer buys speed


def largest_batch(
    session: GradientSession[Any, Any, Any], config: TrainConfig, should_stop: ShouldStop = never
) -> Fits:
    """The largest batch that fits, with as many clips an update as ``config`` has, tried with a fresh session.

    On a card everything up to a whole update at once is tried; on the processor not more than ``config`` has at once.
    Activations are computed twice only where otherwise fewer than a few clips fit at once.

    Raises:
        Cancelled: ``should_stop`` said so between two tries.
        UserError: ``train.nothing_fits``.
    """
    clips = config.clips_per_update
    max_rows = clips if session.device.startswith("cuda") else config.batch_size
    best: Fits | None = None
    for checkpointing in (config.gradient_checkpointing, True):
        for size, accumulation in candidates(clips, max_rows):
            if best is not None and size <= best.micro_batch:
                break
            if should_stop():
                raise Cancelled
            if (result := _try(session, size, accumulation, checkpointing)) is not None:
                best = result
                break
        if best is not None and best.micro_batch >= min(_WORTHWHILE, max_rows):
            break
    if best is None:
        raise UserError(
            "train.nothing_fits",
            "Not even one clip at a time fits into the memory there is.",
            "Close other programs that use the card, choose a smaller adapter, or a card with more memory.",
        )
    return best


def sweep(
    open_session: Callable[[str], GradientSession[Any, Any, Any]],
    config: TrainConfig,
    should_stop: ShouldStop = never,
    seconds: float = BATCH_TRIALS_S,
) -> Iterator[BatchTrial]:
    """Try batches from one clip at once on, with and without keeping activations, in every precision there is.

    The usual precision comes first; after ``seconds`` no other one is begun, and no larger batch tried.

    Args:
        open_session: opens a fresh session with a value of the setting ``precision``.
        config: how many clips an update has.
        should_stop: asked between two tries.
        seconds: see above.

    Raises:
        Cancelled: ``should_stop`` said so.
    """
    clips, until = config.clips_per_update, time.monotonic() + seconds
    session: GradientSession[Any, Any, Any] | None = open_session("auto")
    assert session is not None
    names = _precisions(session.device)
    for precision in names:
        session = session or open_session(precision)
        for checkpointing in (False, True):
            quickest = 0.0
            for size, accumulation in reversed(candidates(clips, clips)):
                if should_stop():
                    raise Cancelled
                if time.monotonic() > until:
                    return
                fits = _try(session, size, accumulation, checkpointing)
                if fits is None:
                    yield BatchTrial(precision, checkpointing, size, accumulation)
                    break
                pace = clips / fits.step_s
                yield BatchTrial(precision, checkpointing, size, accumulation, pace, fits.memory_mb)
                if pace < _SLOWER * quickest:
                    break
                quickest = max(quickest, pace)
        session = None
        cuda_errors.free_memory()


def _precisions(device: str) -> list[str]:
    """Values of the setting that make a difference on a device, the usual one first."""
    usual = str(autocast_dtype("auto", device)).removeprefix("torch.")
    names = [usual, *(name for name in ("bfloat16", "float16", "float32") if name != usual)]
    if usual == "float16":
        names.remove("bfloat16")  # the card would only pretend
    if not device.startswith("cuda"):
        names = [usual, "float32"]
    return list(dict.fromkeys(names))


def candidates(clips: int, max_rows: int) -> list[tuple[int, int]]:
    """``(micro_batch, accumulation)`` from ``max_rows`` clips at once down to one, each making exactly ``clips``."""
    return [(size, clips // size) for size in range(min(max_rows, clips), 0, -1) if clips % size == 0]


def _try(session: GradientSession[Any, Any, Any], size: int, accumulation: int, checkpointing: bool) -> Fits | None:
    on_card = session.device.startswith("cuda")
    cuda_errors.free_memory()
    try:
        session.set_checkpointing(checkpointing)
        part, share = session.longest(size)
        session._mode(training=True)
        for _ in range(2):
            began = time.perf_counter()
            session._apply(session._backward([part])[0])
            if on_card:
                torch.cuda.synchronize()
            seconds = time.perf_counter() - began
    except (RuntimeError, MemoryError) as error:
        session.roll_back()
        if not out_of_memory(error):
            raise
        return None
    if on_card and torch.cuda.max_memory_reserved() > _SHARE * torch.cuda.get_device_properties(0).total_memory:
        return None
    return Fits(size, accumulation, checkpointing, _memory_mb(on_card), seconds * accumulation * share)


def _memory_mb(on_card: bool) -> float:
    if on_card:
        return float(torch.cuda.max_memory_reserved() / 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
