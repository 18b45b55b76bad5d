"""Job: fetch a base model, or make the starter."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from core.engines.registry import get_engine
from core.engines.xtts.base_files import BASES, require_license, state
from core.engines.xtts.download import download
from core.errors import Busy
from core.jobs import locks
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.workspace import Workspace


def run(job: Job, arguments: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Leave the base at its place in ``models/``; an earlier download is taken up where it was broken off."""
    workspace, base = Workspace(Path(arguments["workspace"])), BASES[arguments["base_id"]]
    require_license(workspace, base.id)
    # Projects share the models: two of them must not write the same files at once.
    lock = locks.try_lock(workspace.models / f".{base.id}.lock", {"title": base.label, "path": str(job.path)})
    if lock is None:
        raise Busy(
            "base.busy",
            "{label} is already being downloaded for another project.",
            "Wait until it is done.",
            label=base.label,
        )
    try:
        if state(workspace, base.id).status != "ready":
            if base.repository:
                download(workspace, base, reporter, hub=arguments["hub"])
            else:
                reporter.progress("make_starter", 0, 1)
                get_engine("xtts").base_folder(workspace, base.id)
        ready = state(workspace, base.id)
        return {"base": base.label, "megabytes": ready.total_bytes // 1_000_000, "folder": str(ready.folder)}
    finally:
        os.close(lock)
