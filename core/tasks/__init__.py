"""Tasks that a worker runs: each module has ``run(job, project, args, reporter) -> dict``, may import anything."""

from __future__ import annotations

from typing import Any

from core.jobs import guest, locks
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import project_of
from core.system.process import import_heavy


def run(job: Job, reporter: Reporter) -> dict[str, Any]:
    """Do what ``job.json`` says; returns the result."""
    spec = job.spec()
    task, project = import_heavy(f"core.tasks.{spec.kind}"), project_of(job)
    if spec.kind not in guest.HOSTS and locks.holder(project.workspace.gpu_lock).get("path") == str(job.path):
        guest.wait_until_gone(project.workspace.gpu_lock)
    result: dict[str, Any] | None = task.run(job, project, spec.args, reporter)
    return result or {}
