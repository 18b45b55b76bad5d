"""Job ``merge_project``: what is new in another project comes into this one."""

from __future__ import annotations

from typing import Any

from core.jobs.args.projects import MergeProjectArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.merge import keep_outcome, merge
from core.project.workspace import Project


def run(job: Job, project: Project, args: MergeProjectArgs, reporter: Reporter) -> dict[str, Any]:
    """Bring it in, and note beside the job what came and what stayed; see `core.merge.merge`."""
    plan = merge(project.workspace.project(args.project), project, reporter)
    keep_outcome(job, plan)
    return {**plan.counts, "conflicts": len(plan.conflicts)}
