"""Errors of a graphics card in words, and how long a silent one is waited for."""

from __future__ import annotations

import time

import pytest
import torch

from core.reasons import out_of_memory
from core.system import cuda_errors
from core.training.watchdog import Watchdog
from tests.jobs.conftest import until
from tests.training.conftest import Recorded

# What torch ends every error of CUDA with.
ADVICE = """
CUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below might be incorrect.
For debugging consider passing CUDA_LAUNCH_BLOCKING=1
Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.
"""


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("CUDA error: unspecified launch failure\nCUDA kernel errors might be …", "train.card_lost"),
        ("CUDA error: the launch timed out and was terminated", "train.card_lost"),
        ("NVML: GPU is lost", "train.card_lost"),
        ("CUDA error: uncorrectable ECC error encountered", "train.card_lost"),
        ("CUDA error: device-side assert triggered", "train.card_fault"),
        ("CUDA error: an illegal memory access was encountered" + ADVICE, "train.card_fault"),
    ],
)
def test_a_lost_card_and_a_broken_computation_are_told_apart_with_what_to_do(said: str, code: str) -> None:
    error = cuda_errors.translate(RuntimeError(said))
    assert error is not None and error.code == code and "resume" in error.hint
    assert said.splitlines()[0] in error.text and "\n" not in error.text


def test_what_is_no_error_of_the_card_stays_a_bug() -> None:
    for error in (
        RuntimeError("CUDA error: no kernel image is available for execution on the device" + ADVICE),
        RuntimeError("CUDA driver version is insufficient for CUDA runtime version"),
        RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"),
        RuntimeError("Expected all tensors to be on the same device"),
        ValueError("CUDA error: unspecified launch failure"),
        ValueError("out of memory"),
    ):
        assert cuda_errors.translate(error) is None and not out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError(),
        RuntimeError("CUDA error: out of memory" + ADVICE),
        RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: not enough memory"),
        RuntimeError("mkl_malloc: failed to allocate memory"),
        RuntimeError("std::bad_alloc"),
    ],
)
def test_full_memory_is_known_however_it_is_said(error: Exception) -> None:
    assert out_of_memory(error) and cuda_errors.translate(error) is None


def test_patience_grows_with_the_longest_wait_seen_in_a_stage(recorded: Recorded) -> None:
    dog = Watchdog(recorded.reporter, minutes=1.0)
    assert dog.patience_s("update") == 360.0  # never seen: kernels are chosen, caches filled
    with dog.watch("update"):
        dog._since -= 2.0
    assert dog.patience_s("update") == 60.0
    with dog.watch("update"):
        dog._since -= 30.0
        dog.alive()  # as it looks for Stop between two batches
        dog._since -= 10.0
    assert 600.0 <= dog.patience_s("update") < 620.0
    assert dog.patience_s("evaluate") == 360.0


def test_what_shows_signs_of_life_is_left_alone(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    """Speaking looks for Stop all the while; far longer than the patience, it is never taken for hung."""
    ended: list[str] = []
    monkeypatch.setattr(Watchdog, "_end", lambda self, stage, silent_s: ended.append(stage))
    with Watchdog(recorded.reporter, minutes=0.001, factor=1.0) as dog:
        dog.longest_s["sample"] = 1.0
        with dog.watch("sample"):
            for _ in range(30):
                time.sleep(0.05)
                recorded.reporter.stop_requested()
        assert ended == []
        with dog.watch("sample"):
            until(lambda: ended)
