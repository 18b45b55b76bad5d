"""Searches through the sound of all approved clips; of very many a job makes them and keeps its findings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.errors import UserError
from core.files import read_json, write_json
from core.jobs.args.base import JobArgs
from core.jobs.job import Job
from core.project.records import ClipFilter
from core.project.workspace import Project

AT_ONCE = 2_000  # clips that are looked through while a page is made
RESULT = "findings.json"  # in the job's folder
APPROVED = ClipFilter("approved")

Progress = Callable[[str, int, int], None]  # what is done of a stage, and of how much; may raise to stop


def no_progress(stage: str, done: int, total: int) -> None:
    """Of a search that nobody waits for."""


def needs_job(project: Project) -> bool:
    """Whether there are too many clips to look through them while a page is made."""
    return project.figures.count(APPROVED) > AT_ONCE


def start(project: Project, args: JobArgs) -> Job:
    """Start the job of a search.

    Raises:
        UserError: ``search.no_clips``: no clip is approved.
        Busy: it is running already.
    """
    if not project.figures.count(APPROVED):
        raise UserError("search.no_clips", "There is no approved clip to look through.", "Approve clips first.")
    return project.start_job(args)


def last(project: Project, args_type: type[JobArgs]) -> Job | None:
    """The last job of this kind that came to its end."""
    jobs = (job for job, _ in project.jobs_of(args_type))
    return next((job for job in jobs if job.read().status == "done" and (job.path / RESULT).exists()), None)


def keep(job: Job, findings: list[Any]) -> None:
    """Keep what a job found (JSON values) in its folder."""
    write_json(job.path / RESULT, findings)


def findings(project: Project, args_type: type[JobArgs]) -> list[Any]:
    """What the last finished job found; nothing where that cannot be read any more: it can be looked for anew."""
    job = last(project, args_type)
    try:
        return list(read_json(job.path / RESULT)) if job else []
    except (OSError, ValueError, TypeError):
        return []
