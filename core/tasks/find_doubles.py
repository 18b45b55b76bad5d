"""Job ``find_doubles``: which approved clips hold the same sound as another."""

from __future__ import annotations

from typing import Any

from core.clips import doubles
from core.jobs.args.clips import FindDoublesArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project


def run(job: Job, project: Project, args: FindDoublesArgs, reporter: Reporter) -> dict[str, Any]:
    """Look for them and keep what was found in the job's folder.

    Returns:
        ``doubles``, how many were found.

    Raises:
        Cancelled: Stop was pressed.
    """
    return {"doubles": doubles.search(project, job, reporter.advance)}
