"""Job ``fetch_base``: a base model from the hub becomes a local folder; what nobody can see of it is asked later."""

from __future__ import annotations

from typing import Any

from core.engines.download import download
from core.engines.registry import bases, get_engine
from core.jobs.args.bases import FetchBaseArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project


def run(job: Job, project: Project, args: FetchBaseArgs, reporter: Reporter) -> dict[str, Any]:
    """Leave its files in ``models/``; an earlier download is taken up where it was broken off.

    Returns:
        ``folder``, and what it is called.
    """
    models = bases(project.info.engine)
    base = models.on_hub(args.address, args.paths)
    folder = project.workspace.models / base.id
    file_sets = {base.files, models.required_files}  # as it came, or as it was rewritten
    if not any(all((folder / name).is_file() for name in names) for names in file_sets):
        folder = download(project.workspace.models, base, reporter, hub=args.hub)
    for name in models.unread_weights(folder):
        reporter.progress("rewrite_base", 0, 1, item=name)
        get_engine(project.info.engine).rewrite_weights(folder, name, reporter.stop_requested)
        (folder / name).unlink()  # it is four times as large, and its hash is kept
    models.questions(folder)  # what is no base is told now
    return {"base": base.label, "folder": str(folder)}
