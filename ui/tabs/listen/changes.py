"""Change detection: a mark of all that the Listen page is made of, besides the database."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from pathlib import Path

from core.files import subfolders
from core.jobs.job import Job
from core.project.workspace import Project
from core.training.checkpoints import SCORES
from core.training.run import runs


def files_mark(project: Project, jobs: Iterable[Job | None]) -> Hashable:
    """Differs whenever a run, a sample, a score, a report, a pair or whose votes are trusted has changed.

    Files are replaced, never written over, so that the time of their folder tells. How far a run is that trains is not
    part of it. ``jobs`` are those that the page shows: whether they are at work, how they ended, what is dismissed;
    their progress is no part of it either.
    """
    listening = project.path / "listening"
    folders = [project.datasets, project.runs, project.reports, project.path / "evaluation", listening]
    folders += [listening / "pairs", project.spoken]
    for condition in subfolders(project.spoken):
        folders += [folder for run in subfolders(condition) for folder in (run, *subfolders(run))]
    samples = []
    for run in runs(project):
        view = run.read()
        sample_count = sum(map(len, view.samples.values()))
        samples.append((run.id, run.title, sample_count, len(view.job.pruned), len(view.checkpoints)))
        folders += [run.path, run.path / "checkpoints", run.path / SCORES, *subfolders(run.path / "samples")]
    job_states = tuple((job.id, job.alive(), job.dismissed, *_state(job)) for job in jobs if job)
    return tuple(samples), job_states, _on_card(project), tuple(map(_changed_at, folders))


def _state(job: Job) -> tuple[str, bool]:
    view = job.read()
    return view.status, bool(view.warnings)


def _on_card(project: Project) -> tuple[str, str]:
    """What works on the card, be it of another project: the page says that others wait for it."""
    holder = project.workspace.on_card() or {}
    return str(holder.get("kind", "")), str(holder.get("title", ""))


def _changed_at(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0
