"""Job ``rewrite_base``: a base's weights, in a form that only a job may read, are rewritten beside it."""

from __future__ import annotations

from typing import Any

from core.engines.registry import bases, get_engine
from core.jobs.args.bases import RewriteBaseArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project


def run(job: Job, project: Project, args: RewriteBaseArgs, reporter: Reporter) -> dict[str, Any]:
    """Write the weights; the file they came from stays.

    Returns:
        ``folder``.
    """
    reporter.progress("rewrite_base", 0, 1, item=args.file)
    get_engine(project.info.engine).rewrite_weights(args.folder, args.file, reporter.stop_requested)
    bases(project.info.engine).questions(args.folder)  # what is no base is told now
    return {"folder": str(args.folder)}
