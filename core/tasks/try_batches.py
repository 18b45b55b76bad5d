"""Job ``try_batches``: which batch makes a run's updates the quickest on this card, found out in about a minute."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from core.engines.session import BATCH_TRIALS_S, BatchTrial
from core.jobs.args.training import TryBatchesArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.training.batches import keep
from core.training.probe import prepare_probe


def run(job: Job, project: Project, args: TryBatchesArgs, reporter: Reporter) -> dict[str, Any]:
    """Try real updates of the longest clips and keep what they took; prepared clips stay prepared.

    Returns:
        ``trials``, how many; ``best``, the settings of the quickest, empty where the engine has no choice.

    Raises:
        Cancelled: Stop was pressed; what was tried by then is kept.
    """
    probe = prepare_probe(project, args, reporter)
    trials: list[BatchTrial] = []
    result, began = None, time.monotonic()
    for trial in probe.engine.try_batches(
        probe.config, probe.features, probe.base, device=args.device, should_stop=reporter.stop_requested
    ):
        trials.append(trial)
        result = keep(project.workspace, args, probe.config.clips_per_update, trials)
        elapsed_s = min(time.monotonic() - began, BATCH_TRIALS_S)
        reporter.progress("try_batches", elapsed_s, BATCH_TRIALS_S, f"{trial.micro_batch} × {trial.accumulation}")
    best = result.best if result else None
    return {"trials": len(trials), "best": asdict(best) if best else {}}
