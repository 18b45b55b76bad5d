"""Auto-resume: runs that a power cut or a crash broke off go on when the server starts, a bounded number of times."""

from __future__ import annotations

import logging

from core.errors import UserError
from core.jobs import events
from core.project.workspace import Workspace
from core.training.run import Run, runs
from core.training.start import resume

MOST_LAUNCHES = 4
"""Launches in a row without a new checkpoint, a person's own among them, after which a run is left to a person."""

log = logging.getLogger("voicewright")


def resume_interrupted(workspace: Workspace) -> list[Run]:
    """Resume every run of this computer that ended without a word, in the order in which they began.

    Each waits its turn for the card. One that a person stopped stays stopped. One that cannot be resumed is logged, and
    the others go on.
    """
    candidates = [run for project in workspace.projects() for run in runs(project) if _is_interrupted(run)]
    resumed_runs = []
    for run in sorted(candidates, key=lambda run: run.read().job.launched_at):
        try:
            resume(run.project, run.id, wait=True)
        except (UserError, OSError) as error:
            log.warning("the run %s of %s was not resumed: %s", run.id, run.project.slug, error)
        else:
            log.warning("the run %s of %s was broken off, and is resumed", run.id, run.project.slug)
            resumed_runs.append(run)
    return resumed_runs


def _is_interrupted(run: Run) -> bool:
    view = run.read()
    is_resumable = view.job.status == "interrupted" and view.resumable and not run.job.stop_requested()
    is_resumable = is_resumable and run.job.has_run_here  # one that was brought home is a person's to go on with
    return is_resumable and _launches(run) < MOST_LAUNCHES


def _launches(run: Run) -> int:
    """How often the run was launched since it last got further."""
    launches, furthest = 0, -1
    for event in events.EventReader(run.job.events_path).read():
        if isinstance(event, events.Launched):
            launches += 1
        elif isinstance(event, events.Checkpoint) and event.step > furthest:
            launches, furthest = 0, event.step
    return launches
