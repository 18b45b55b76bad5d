"""Two processes that share an update learn what one learns."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from core import REPOSITORY
from core.engines.xtts.options import XttsTrainConfig
from core.engines.xtts.train.session import start
from tests import warm

SETTINGS = {
    **{"batch_size": 3, "accumulation": 1, "max_steps": 20, "lora_rank": 4, "learning_rate": 3e-3, "warmup_steps": 2},
    **{"precision": "float32", "reference_pool": 8, "dropout": 0.0, "lora_dropout": 0.0},
}
PROGRAM = """
import json, os, sys
from pathlib import Path
from core.system.process import import_heavy
import_heavy("core.engines.xtts.train.session")
import torch
torch.set_num_threads(1)
from core.engines.xtts.features.extract import prepare
from core.engines.xtts.train.session import start
from tests import warm
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.reasons import out_of_memory
from core.engines.xtts.options import XttsTrainConfig
from core.engines.distributed import join, rank, share_updates, world
dataset, base, cache, out = map(Path, sys.argv[1:5])
job = Job.create(out / os.environ["RANK"], TrainArgs(dataset="d", base="starter"))
features = prepare(dataset, base, cache, Reporter(job))
join()
share_updates()
session = start(XttsTrainConfig(**json.loads(sys.argv[5])), features, base, None)
assert world() == 2
told = [session.step() for _ in range(2)]
# Memory runs out in one of them alone: both hear of it, and take less at once.
losses, left = session._losses, [rank()]
def short(*given):
    if left.pop() if left else 0:
        raise RuntimeError("out of memory")
    return losses(*given)
session._losses = short
try:
    session.step()
    raise SystemExit("nobody noticed")
except RuntimeError as error:
    assert out_of_memory(error), error
assert session.step_number == 2 and session.halve_batch()
told += [session.step() for _ in range(2)]
(out / f"{rank()}.json").write_text(json.dumps([told, [p.double().sum().item() for p in session.parameters]]))
"""


@pytest.mark.slow
def test_two_processes_give_the_losses_of_one(features: Any, dataset: Path, starter: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    cache = features.cache.folder.parent
    command = [
        warm.python(),
        "-c",
        PROGRAM,
        str(dataset),
        str(starter),
        str(cache),
        str(tmp_path),
        json.dumps(SETTINGS),
    ]
    shared = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    both = [
        subprocess.Popen(command, cwd=REPOSITORY, env={**shared, "RANK": str(n), "LOCAL_RANK": str(n)}) for n in (0, 1)
    ]
    alone = start(XttsTrainConfig(**SETTINGS), features, starter, None)
    expected = [alone.step() for _ in range(4)]
    try:
        assert [process.wait(240) for process in both] == [0, 0]
    finally:
        for one in both:
            one.kill()
    (first, weights), (second, others) = (json.loads((tmp_path / f"{n}.json").read_text()) for n in (0, 1))
    assert first == second and weights == others, "all processes take the same step"
    for ours, one in zip(first, expected, strict=True):
        assert ours == pytest.approx(one, rel=1e-3)
    assert first[3]["loss"] != first[0]["loss"]
