"""Job ``scan_collection``: what a pending zip or folder would bring in. Nothing of it is brought in."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

from core.jobs.args.sources import ScanCollectionArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.sources.collections.pending import find_facts

_MEMORY_BYTES = 1_500_000_000  # beyond what the process has when it begins: 500,000 rows need a third of it


def run(job: Job, project: Project, args: ScanCollectionArgs, reporter: Reporter) -> dict[str, Any]:
    """Look through what waits, in bounded memory, and keep what was found beside it."""
    limit_memory(_MEMORY_BYTES)
    reporter.progress("scan_collection", 0, 1)
    find_facts(project, args.held)
    return {}


def limit_memory(more_bytes: int) -> None:
    """Let this process take no more than ``more_bytes`` from now on; beyond that it gets a MemoryError."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + more_bytes
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
