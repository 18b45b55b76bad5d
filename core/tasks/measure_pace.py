"""Job ``measure_pace``: a few real updates, so that a first run's length is known before it begins."""

from __future__ import annotations

import time
from typing import Any

from core.jobs.args.training import MeasurePaceArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.training.pace import memory_mb
from core.training.probe import prepare_probe

_LONGEST_S = 20.0  # of updates, after the first
_MOST_UPDATES = 8


def run(job: Job, project: Project, args: MeasurePaceArgs, reporter: Reporter) -> dict[str, Any]:
    """Train for a moment as the run would, and keep nothing but how long that took; prepared clips stay prepared.

    Returns:
        ``step_s`` and ``eval_s``, seconds an update and a check on unseen sentences take; ``clips`` an update;
        ``memory_mb``.
    """
    probe = prepare_probe(project, args, reporter)
    session = probe.engine.start(probe.config, probe.features, probe.base, None, device=args.device)
    times: list[float] = []
    # The first update is slower than all others.
    while len(times) < 2 or (sum(times[1:]) < _LONGEST_S and len(times) <= _MOST_UPDATES):
        reporter.progress("measure_pace", len(times), _MOST_UPDATES + 1)
        began = time.monotonic()
        session.step(reporter.stop_requested)
        session.last_values()  # a card answers before it is done
        times.append(time.monotonic() - began)
    began = time.monotonic()
    session.evaluate(reporter.stop_requested)
    return {
        "step_s": sum(times[1:]) / (len(times) - 1),
        "eval_s": time.monotonic() - began,
        "clips": probe.config.clips_per_update,
        "memory_mb": memory_mb(),
    }
