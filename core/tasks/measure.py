"""Job ``measure``: how clips sound and whose voice they are."""

from __future__ import annotations

from typing import Any

from core.errors import UserError
from core.jobs.args.clips import MeasureArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.measures.run import measure_clips
from core.project.workspace import Project


def run(job: Job, project: Project, args: MeasureArgs, reporter: Reporter) -> dict[str, Any]:
    """Measure the clips that lack a measure.

    Returns:
        See `core.measures.run.measure_clips`.

    Raises:
        UserError: ``measure.all_failed``.
        Cancelled: Stop was pressed; holds the result so far.
    """
    result = measure_clips(project, project.store.clips(), reporter)
    if result["failed"] and not result["measured"]:
        raise UserError(
            "measure.all_failed",
            "None of the {count} clips could be measured.",
            "The warnings say why. Cutting the recordings into clips again may help.",
            count=result["failed"],
        )
    return result
