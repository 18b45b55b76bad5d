"""Job ``unpack_project``: a project that was taken away as one file comes in."""

from __future__ import annotations

from typing import Any

from core.files import inside
from core.jobs.args.projects import UnpackProjectArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.transfer import unpack


def run(job: Job, project: Project, args: UnpackProjectArgs, reporter: Reporter) -> dict[str, Any]:
    """Fill the project the job lies in; see `core.transfer.unpack`."""
    return unpack(project, inside(project.uploads, args.file), args.name, reporter)
