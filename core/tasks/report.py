"""Job ``report``: set the report on a run as HTML and PDF."""

from __future__ import annotations

import time
from typing import Any

from core.files import read_json, write_atomic, write_json
from core.jobs.args.runs import ReportArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.report.document import HTML, PDF, WORDS, About, Document, report_folder
from core.report.html import page
from core.report.pdf import pdf


def run(job: Job, project: Project, args: ReportArgs, reporter: Reporter) -> dict[str, Any]:
    """Write ``reports/<run>/report.html`` and ``report.pdf``, in the place of an earlier one."""
    document = Document.model_validate(read_json(job.path / WORDS))
    folder = report_folder(project, args.run)
    folder.mkdir(parents=True, exist_ok=True)
    reporter.progress("report", 0, 2)
    content = page(document)
    reporter.check_stop()
    reporter.progress("report", 1, 2)
    pages = pdf(document)
    reporter.check_stop()
    write_atomic(folder / HTML, content)
    write_atomic(folder / PDF, pages)
    write_json(folder / "about.json", About(at=time.time(), language=document.language).model_dump())
    return {"run": args.run}
