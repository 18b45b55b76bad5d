"""Moving runs and checkpoints to the trash, with what was made of them."""

from __future__ import annotations

from pathlib import Path

from core.checkpoint_ref import CheckpointRef, step_folder
from core.files import subfolders
from core.jobs import events
from core.jobs.args.runs import CompareArgs, EvaluateArgs
from core.jobs.job import Job, busy
from core.project.trash import discard
from core.project.workspace import Project
from core.training.run import Run


def discard_run(project: Project, run_id: str) -> None:
    """Move a run to the trash with its checkpoints, its samples, what it spoke to be compared, and its report.

    Raises:
        Busy: it is at work or waits, or its checkpoints speak to be scored or compared.
        UserError: ``train.no_run``.
    """
    run = Run(project, run_id)
    for job in (run.job, *_speaking_of(project, run_id)):  # its files would come back without the run
        if job.alive():
            raise busy(job.holder())
    # Left behind, it would be taken for what a later run of the same name has spoken.
    sample_folders = [folder / run_id for folder in subfolders(project.spoken)]
    discard(project, "run", run.title, [run.path, *sample_folders, project.reports / run_id])


def discard_checkpoint(project: Project, checkpoint: CheckpointRef, name: str) -> None:
    """Move a checkpoint to the trash; its samples can still be heard on the Train page.

    Args:
        project: whose it is.
        checkpoint: which.
        name: what a person calls it.

    Raises:
        Busy: its run is at work, or waits.
        UserError: ``train.no_run``, ``train.no_checkpoint``.
    """
    run = Run(project, checkpoint.run_id)
    folder = run.checkpoint(checkpoint.step)
    if run.job.alive():
        raise busy(run.job.holder())
    sample_paths = [*run.checkpoints.scores(checkpoint.step), *spoken_to_compare(project, checkpoint)]
    discard(project, "checkpoint", name, [folder, *sample_paths])
    events.append(run.job.events_path, events.Pruned(step=checkpoint.step))


def _speaking_of(project: Project, run_id: str) -> list[Job]:
    """Jobs in which checkpoints of a run speak, or that use its references."""
    jobs = []
    for kind in (EvaluateArgs.kind, CompareArgs.kind):
        job = project.latest(kind)
        args = job.spec().args if job else None
        names = {args.run_id} if isinstance(args, EvaluateArgs) else set()
        names |= {args.run, args.speaker} if isinstance(args, CompareArgs) else set()
        if job is not None and run_id in names:
            jobs.append(job)
    return jobs


def spoken_to_compare(project: Project, checkpoint: CheckpointRef) -> list[Path]:
    """Folders of the sentences of other runs that a checkpoint has spoken."""
    places = (folder / checkpoint.run_id / step_folder(checkpoint.step) for folder in subfolders(project.spoken))
    return [place for place in places if place.is_dir()]
