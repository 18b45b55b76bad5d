"""A run killed in the middle and resumed, against one that nothing stopped: the same to the last bit."""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from pathlib import Path

import pytest
from safetensors.torch import load_file

from core.engines.registry import DEFAULT, preload
from core.jobs import events
from core.project.workspace import Project
from core.training.run import Run
from core.training.start import resume
from tests.training.test_runs import events_of, start, wait_for

STEPS, SAVE_EVERY, EVAL_EVERY = 12, 6, 3
SETTINGS = {
    "max_steps": STEPS,
    "save_every": SAVE_EVERY,
    "eval_every": EVAL_EVERY,
    "batch_size": 2,
    "accumulation": 2,
    "learning_rate": 1e-2,
    "warmup_steps": 3,
    # What is left out at random, and the mean of the weights beside them, have to be taken up again as well.
    "dropout": 0.1,
    "lora_dropout": 0.05,
    "ema_decay": 0.5,
    "sample_sentences": 1,
}
_OF_THE_MACHINE = {"steps_per_s", "eval_s", "memory_mb", "sample_real_time_factor"}

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _threads_as_in_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    assert preload(DEFAULT).wait_until_ready(180)


def test_killed_in_the_middle_and_resumed_a_run_is_bit_for_bit_the_one_that_nothing_stopped(
    frozen: Project, starter: Path
) -> None:
    whole = start(frozen, starter, SETTINGS)
    assert whole.job.wait().status == "done", whole.job.log_tail()

    killed = start(frozen, starter, SETTINGS)
    wait_for(killed, lambda view: view.step > SAVE_EVERY)
    os.kill(events_of(killed.job, events.Started)[0].pid, signal.SIGKILL)
    view = wait_for(killed, lambda view: not view.job.active, 10)
    assert view.job.status == "interrupted"
    lost = range(SAVE_EVERY + 1, view.step + 1)
    assert 0 < len(lost) < SAVE_EVERY, "it was not killed between two checkpoints"
    resume(frozen, killed.id)
    assert killed.job.wait().status == "done", killed.job.log_tail()
    assert [event.step for event in events_of(killed.job, events.Started)] == [None, 0, None, SAVE_EVERY]

    expected, told = _told(whole), _told(killed)
    assert [step for step, name in expected if name == "loss"] == list(range(1, STEPS + 1))
    assert [step for step, name in expected if name == "val_loss"] == list(range(0, STEPS + 1, EVAL_EVERY))
    assert all(len(values) == 1 for values in expected.values())
    assert all(len(told[step, "loss"]) == 2 for step in lost), "an update that was lost was not done again"
    # Before the kill and after it: to be equal they must be the same bits, for they are written down in full.
    assert {key: set(values) for key, values in told.items()} == {key: set(values) for key, values in expected.items()}

    steps = [0, *range(SAVE_EVERY, STEPS, SAVE_EVERY), STEPS]
    assert whole.checkpoints.steps() == killed.checkpoints.steps() == steps
    for step in steps[1:]:
        one, other = (load_file(run.checkpoint(step) / "adapter.safetensors") for run in (whole, killed))
        assert one and one.keys() == other.keys()
        assert [name for name in one if not one[name].equal(other[name])] == []
    spoken = [(run.path / "samples" / f"step-{STEPS:06d}" / "0.wav").read_bytes() for run in (whole, killed)]
    assert spoken[0] == spoken[1]


def _told(run: Run) -> dict[tuple[int, str], list[float]]:
    """Every number ever told of a step, by step and name, but for those that are the machine's."""
    found: dict[tuple[int, str], list[float]] = defaultdict(list)
    for event in events_of(run.job, events.Metrics):
        for name in event.values.keys() - _OF_THE_MACHINE:
            found[event.step, name].append(event.values[name])
    return found
