"""Job ``evaluate``: score the checkpoints of a run."""

from __future__ import annotations

from typing import Any

from core.evaluation.run import Evaluation
from core.evaluation.scorecard import scorecard
from core.jobs.args.runs import EvaluateArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.training.run import Run


def run(job: Job, project: Project, args: EvaluateArgs, reporter: Reporter) -> dict[str, Any]:
    """Speak and measure what is missing; what is done stays, also after Stop.

    Returns:
        ``run``, ``scored`` (checkpoints, the base among them), ``verdict`` and its ``step``.
    """
    training = Run(project, args.run_id)
    result = Evaluation(project, training, args, reporter).score()
    verdict = scorecard(project, training).verdict
    return {"run": training.id, "scored": result, "verdict": verdict.kind, "step": verdict.step}
