"""A visible checkpoint is whole, and the newest whole one can be resumed from."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.files import read_json
from core.jobs.job import REPOSITORY
from core.training.checkpoints import ADAPTER, STATE, Checkpoints


def write(step: int, folder: Path) -> None:
    (folder / "adapter.json").write_text(json.dumps({"step": step}))
    (folder / STATE).write_text("x" * 1000)


def test_only_the_newest_keeps_its_state(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save_base()
    for step in (10, 20, 30):
        checkpoints.save(step, lambda folder, step=step: write(step, folder))
    assert checkpoints.steps() == [0, 10, 20, 30]
    assert [bool(read_json(checkpoints.folder(step) / ADAPTER).get("base")) for step in (0, 10)] == [True, False]
    assert [path.parent.name for path in checkpoints.path.rglob(STATE)] == ["step-000030"]
    assert checkpoints.newest_state() == checkpoints.folder(30)


def test_a_failing_save_leaves_the_old_state(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(10, lambda folder: write(10, folder))

    def fail(folder: Path) -> None:
        write(20, folder)
        raise OSError("disk full")

    with pytest.raises(OSError):
        checkpoints.save(20, fail)
    assert checkpoints.steps() == [10]
    assert checkpoints.newest_state() == checkpoints.folder(10)
    assert [path.name for path in checkpoints.path.iterdir()] == ["step-000010"]


def test_cleaning_removes_what_is_half_written_or_later_than_the_state(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    for step in (10, 20):
        checkpoints.save(step, lambda folder, step=step: write(step, folder))
    (checkpoints.path / ".tmp-step-000030").mkdir()
    checkpoints.clean(keep_to=10)
    assert [path.name for path in checkpoints.path.iterdir()] == ["step-000010"]


_SAVER = """
import sys, json
from pathlib import Path
import numpy as np
from safetensors.numpy import save_file
from core.training.checkpoints import Checkpoints, STATE
checkpoints = Checkpoints(Path(sys.argv[1]))
def write(folder, step):
    save_file({"a": np.ones(50_000, np.float32)}, folder / "adapter.safetensors")
    (folder / STATE).write_bytes(b"s" * 400_000)
    (folder / "adapter.json").write_text(json.dumps({"step": step}))
step = max(checkpoints.steps(), default=0)
while True:
    step += 1
    checkpoints.save(step, lambda folder: write(folder, step))
"""


def test_killed_while_saving_never_costs_the_newest_state(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    newest = 0
    for attempt in range(12):
        process = subprocess.Popen([sys.executable, "-c", _SAVER, str(tmp_path)], cwd=REPOSITORY)
        until = time.monotonic() + 30
        while max(checkpoints.steps(), default=0) <= newest and time.monotonic() < until:
            time.sleep(0.002 * (attempt % 3))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        state = checkpoints.newest_state()
        assert state is not None
        step = json.loads((state / "adapter.json").read_text())["step"]
        assert step > newest
        assert (state / STATE).stat().st_size == 400_000
        assert (state / "adapter.safetensors").stat().st_size > 200_000
        newest = step
        checkpoints.clean(keep_to=step)
