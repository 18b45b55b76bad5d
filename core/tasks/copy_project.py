"""Job ``copy_project``: a project's recordings, clips and texts come into one of another engine."""

from __future__ import annotations

from typing import Any

from core.jobs.args.projects import CopyProjectArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.project_copy import copy_into


def run(job: Job, project: Project, args: CopyProjectArgs, reporter: Reporter) -> dict[str, Any]:
    """Fill the project the job lies in; see `core.project_copy.copy_into`."""
    return copy_into(project, project.workspace.project(args.project), reporter)
