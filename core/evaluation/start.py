"""Starting to score a run: what can be refused is refused in the click."""

from __future__ import annotations

from core.errors import UserError
from core.jobs.args.runs import EvaluateArgs
from core.jobs.job import Job, busy
from core.project.workspace import Project
from core.training.run import Run


def start_evaluate(project: Project, run_id: str, *, device: str = "auto") -> Job:
    """Score the checkpoints of a run in a job, which may wait in the queue; what is scored already is not done again.

    Raises:
        Busy: checkpoints of this project are being scored, or wait for it.
        UserError: ``train.no_run``; ``evaluate.no_checkpoint``: it has none yet.
    """
    run = Run(project, run_id)
    if not any(step > 0 for step in run.checkpoints.steps()):
        raise UserError(
            "evaluate.no_checkpoint",
            "“{run}” has no checkpoint yet that could be scored.",
            "Train first; each checkpoint can be scored as soon as it is saved.",
            run=run.title,
        )
    if (job := latest_evaluation(project)) and job.alive():
        raise busy(job.holder())  # one after the other: both would write the same files
    return project.start_job(EvaluateArgs(run_id=run.id, device=device), title=run.title, gpu=True, wait=True)


def latest_evaluation(project: Project) -> Job | None:
    """The newest job that scores, of whichever run."""
    return project.latest(EvaluateArgs.kind)
