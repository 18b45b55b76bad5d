"""Job ``find_cut_words``: which approved clips begin or end inside a word."""

from __future__ import annotations

from typing import Any

from core.clips import ends
from core.jobs.args.clips import FindCutWordsArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project


def run(job: Job, project: Project, args: FindCutWordsArgs, reporter: Reporter) -> dict[str, Any]:
    """Look for them and keep what was found in the job's folder.

    Returns:
        ``cut_words``, how many clips were found.

    Raises:
        Cancelled: Stop was pressed.
    """
    return {"cut_words": ends.search(project, job, reporter.advance)}
