"""Job ``speak_document``: have every line of a long text spoken that has not been, and proofread."""

from __future__ import annotations

from typing import Any

from core.jobs.args.studio import SpeakDocumentArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.studio.speaking import Speech


def run(job: Job, project: Project, args: SpeakDocumentArgs, reporter: Reporter) -> dict[str, Any]:
    """Write a take for each line; returns how many were spoken, failed and are doubtful."""
    return {**Speech(project, args, reporter).speak(), "document": args.document}
