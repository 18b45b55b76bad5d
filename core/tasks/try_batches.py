"""Job ``try_batches``: which batch makes a run's updates the quickest on this card, found out in about a minute."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from core.engines.registry import get_engine
from core.engines.session import BATCH_TRIALS_S, BatchTrial
from core.jobs.args.training import TryBatchesArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.training.batches import keep
from core.training.presets import preset


def run(job: Job, project: Project, args: TryBatchesArgs, reporter: Reporter) -> dict[str, Any]:
    """Try real updates of the longest clips and keep what they took; prepared clips stay prepared.

    Returns:
        ``trials``, how many; ``best``, the settings of the quickest, empty where the engine has no choice.

    Raises:
        Cancelled: Stop was pressed; what was tried by then is kept.
    """
    config = preset(args.preset).config(args.changes)
    reporter.progress("load_engine", 0, 1)
    engine = get_engine(project.info.engine)
    base = engine.base_folder(project.workspace.models, args.base)
    features = engine.prepare(project.datasets / args.dataset, base, project.features, reporter, device=args.device)
    reporter.check_stop()
    reporter.progress("load_base", 0, 1)
    trials: list[BatchTrial] = []
    clips = config.batch_size * config.accumulation
    result, began = None, time.monotonic()
    for trial in engine.try_batches(config, features, base, device=args.device, should_stop=reporter.stop_requested):
        trials.append(trial)
        result = keep(project.workspace, args, clips, trials)
        done = min(time.monotonic() - began, BATCH_TRIALS_S)
        reporter.progress("try_batches", done, BATCH_TRIALS_S, f"{trial.micro_batch} × {trial.accumulation}")
    best = result.best if result else None
    return {"trials": len(trials), "best": asdict(best) if best else {}}
