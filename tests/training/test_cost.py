"""What a run will cost is told from runs on the same sort of base."""

from __future__ import annotations

import pytest

from core.jobs import events
from core.jobs.job import Job
from core.training.config import TrainConfig, config_text
from core.training.cost import estimate
from core.training.run import CONFIG
from core.workspace import Project

CONFIGURED = TrainConfig(max_steps=100, batch_size=2, accumulation=1)


def _ran(project: Project, base: str, steps_per_s: float) -> None:
    job = Job.create(project.runs, "train", {"base": base, "dataset": "d"}, files={CONFIG: config_text(CONFIGURED)})
    values = {"steps_per_s": steps_per_s, "memory_mb": 2048.0}
    events.append(job.events_path, events.Metrics(step=1, values=values))


@pytest.mark.parametrize(("base", "seconds"), [("starter", 25.0), (None, 50.0), ("xtts-v2", None)])
def test_a_cost_is_that_of_runs_on_the_same_base(project: Project, base: str | None, seconds: float | None) -> None:
    _ran(project, "starter", 4.0)
    _ran(project, "/models/mine", 2.0)
    cost = estimate(project, CONFIGURED, base)
    assert (cost.seconds, cost.memory_gb) == (seconds, 2.0 if seconds else None)
    twice = estimate(project, CONFIGURED.model_copy(update={"batch_size": 4}), base)
    assert (twice.seconds, twice.memory_gb) == (seconds and 2 * seconds, None)
