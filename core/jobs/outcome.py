"""Outcome of a job that another one, or a program, was waiting for: its failure is theirs."""

from __future__ import annotations

from typing import Any

from core.errors import Cancelled, UserError
from core.jobs.job import Job, JobView


class JobError(UserError):
    """An error that was written down, told on as it was: its sentences are filled in already."""

    def __init__(self, code: str, text: str, hint: str, values: dict[str, Any]) -> None:
        Exception.__init__(self, f"{text} {hint}".strip())
        self.code, self.text, self.hint, self.values = code, text, hint, values


def check_done(job: Job) -> JobView:
    """The view of a job that has ended well.

    Raises:
        Cancelled: it was stopped. UserError: its own error; ``demo.part_ended``: it ended without a word.
    """
    view = job.read()
    if view.status == "cancelled":
        raise Cancelled
    if view.status == "failed":
        raise JobError(view.code, view.text, view.hint, view.values)
    if view.status != "done":
        raise UserError(
            "demo.part_ended",
            "“{job}” ended without a word.",
            "Its log says more: {log}. Start it once more.",
            job=view.title or view.kind.replace("_", " "),
            kind=view.kind,
            title=view.title,
            log=str(job.log_path),
        )
    return view
