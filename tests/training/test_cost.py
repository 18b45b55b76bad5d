"""What a run will cost is told from runs on the same sort of base."""

from __future__ import annotations

import os

import pytest

from core.engines.options import TrainConfig
from core.jobs import events, locks
from core.jobs.args.training import MeasurePaceArgs, TrainArgs
from core.jobs.job import Job
from core.project.workspace import Project
from core.training.config import config_text
from core.training.cost import estimate
from core.training.run import CONFIG

CONFIGURED = TrainConfig(max_steps=100, batch_size=2, accumulation=1)


def _ran(project: Project, base: str, steps_per_s: float, **more: float) -> Job:
    about = {"base": base, "dataset": "d"}
    job = Job.create(project.runs, TrainArgs(**about), files={CONFIG: config_text(CONFIGURED, **about)})
    values = {"steps_per_s": steps_per_s, "memory_mb": 2048.0, **more}
    events.append(job.events_path, events.Metrics(step=1, values=values))
    return job


@pytest.mark.parametrize(("base", "seconds"), [("starter", 25.0), (None, 50.0), ("xtts-v2", None)])
def test_a_cost_is_that_of_runs_on_the_same_base(project: Project, base: str | None, seconds: float | None) -> None:
    _ran(project, "starter", 4.0)
    _ran(project, "/models/mine", 2.0)
    cost = estimate(project, CONFIGURED, base)
    assert (cost.seconds, cost.memory_gb) == (seconds, 2.0 if seconds else None)
    twice = estimate(project, CONFIGURED.model_copy(update={"batch_size": 4}), base)
    assert (twice.seconds, twice.memory_gb) == (seconds and 2 * seconds, None)


def test_checks_and_samples_are_part_of_the_cost(project: Project) -> None:
    job = _ran(project, "starter", 4.0, eval_s=3.0)
    for number, took_s in enumerate((1.0, 3.0)):
        sample = events.Sample(step=0, sentence=number, text="One.", path="0.wav", took_s=took_s)
        events.append(job.events_path, sample)
    wished = CONFIGURED.model_copy(update={"eval_every": 50, "save_every": 40, "sample_sentences": 4})
    # Updates; checks before the first, in the middle and at the end; sentences before the first, at 40, 80 and the end.
    assert estimate(project, wished, "starter").seconds == 25.0 + 3 * 3.0 + 4 * 4 * 2.0


def test_before_the_first_run_it_is_told_by_updates_that_were_timed(project: Project) -> None:
    args = MeasurePaceArgs(dataset="d", base="starter", preset="xtts-cpu")
    job = Job.create(project.jobs, args)
    result = {"step_s": 0.5, "eval_s": 3.0, "clips": 2, "memory_mb": 900.0}
    events.append(job.events_path, events.Finished(outcome="done", result=result))
    wished = CONFIGURED.model_copy(update={"eval_every": 50})
    cost = estimate(project, wished, "starter")
    assert (cost.seconds, cost.is_probe) == (100 * 0.5 + 3 * 3.0, True)
    assert estimate(project, wished.model_copy(update={"batch_size": 4}), "starter").seconds == 100 * 1.0 + 3 * 3.0
    assert estimate(project, wished, "xtts-v2").seconds is None
    _ran(project, "starter", 4.0)
    assert estimate(project, CONFIGURED, "starter").is_probe is False  # a run knows better


def test_a_run_still_at_work_is_not_the_last_run(project: Project) -> None:
    job = _ran(project, "starter", 4.0)
    events.append(job.events_path, events.Launched())
    held = locks.try_lock(job.path / "lock", {})
    assert held is not None
    assert estimate(project, CONFIGURED, "starter").seconds is None
    os.close(held)
    assert estimate(project, CONFIGURED, "starter").seconds == 25.0
