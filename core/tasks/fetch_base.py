"""Job ``fetch_base``: a base model from the hub becomes a local folder; what nobody can see of it is asked later."""

from __future__ import annotations

from typing import Any

from core.engines.download import download
from core.engines.registry import bases
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
    folder = models.hub_folder(project.workspace.models, base)
    if not all((folder / name).is_file() for name in base.files):
        folder = download(project.workspace.models, base, reporter, hub=args.hub)
    models.questions(folder)  # what is no base is told now
    return {"base": base.label, "folder": str(folder)}
