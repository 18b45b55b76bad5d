"""Job ``download_base``: fetch a base model, or have the engine make it."""

from __future__ import annotations

import os
from typing import Any

from core.engines.download import download
from core.engines.registry import bases, get_engine
from core.errors import Busy
from core.jobs import locks
from core.jobs.args.bases import DownloadBaseArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project


def run(job: Job, project: Project, args: DownloadBaseArgs, reporter: Reporter) -> dict[str, Any]:
    """Leave the base at its place in ``models/``; an earlier download is taken up where it was broken off."""
    engine, folder = project.info.engine, project.workspace.models
    models = bases(engine)
    base = models.catalog[args.base_id]
    models.require_license(folder, base.id)
    # Projects share the models: two of them must not write the same files at once.
    lock = locks.try_lock(folder / f".{base.id}.lock", {"title": base.label, "path": str(job.path)})
    if lock is None:
        raise Busy(
            "base.busy",
            "{label} is already being downloaded for another project.",
            "Wait until it is done.",
            label=base.label,
        )
    try:
        if models.state(folder, base.id).status != "ready":
            if base.is_made:
                reporter.progress("make_base", 0, 1)
                get_engine(engine).make_base(base.id, models.place(folder, base.id))
            else:
                download(folder, base, reporter, hub=args.hub)
        ready = models.state(folder, base.id)
        return {"base": base.label, "megabytes": ready.total_bytes // 1_000_000, "folder": str(ready.folder)}
    finally:
        os.close(lock)
