"""Explanations without a click: a run that has ended, or trains on, is explained once, where a person wished so."""

from __future__ import annotations

import logging
import sqlite3
import time

from core.coach.config import CoachConfig, load
from core.coach.explanation import explanations, start_explain
from core.errors import UserError
from core.jobs.args.runs import ExplainArgs
from core.project.workspace import Project, Workspace
from core.training.run import Run, RunView, runs
from ui.i18n import Translator
from ui.tabs.train.coach import facts

EVERY_S = 60.0
_FORGOTTEN_S = 24 * 3600.0  # what ended before is explained on a click
log = logging.getLogger("voicewright")


def explain_due(workspace: Workspace, now: float | None = None) -> None:
    """Start what is due. A service that fails is not asked again for the same; the rules' findings stand anyhow."""
    config = load(workspace)
    if not config.is_ready or not (config.at_end or config.every_minutes):
        return
    for project in workspace.projects():
        for run in runs(project):
            try:
                _explain_if_due(project, run, config, time.time() if now is None else now)
            except (UserError, OSError, sqlite3.Error) as error:  # of this run alone
                log.info("%s is not explained: %s", run.id, getattr(error, "code", error))


def _explain_if_due(project: Project, run: Run, config: CoachConfig, now: float) -> None:
    view = run.read()
    since = _due_since(run, view, config, now)
    if since is None or _was_asked(project, run, since):
        return
    t = Translator(config.language)
    start_explain(project, run, facts(t, project, run), config=config, language=t.language)


def _due_since(run: Run, view: RunView, config: CoachConfig, now: float) -> float | None:
    """The Unix time since when it should have been explained; None if nothing is due."""
    if not view.train:
        return None
    reports = [answer.at for answer in explanations(run) if answer.kind == "report"]
    if view.job.status in ("running", "paused"):
        last = max([view.job.launched_at or now, *reports])
        since = now - 60 * config.every_minutes
        return since if config.every_minutes and last <= since else None
    # What the log says, not its file's time: a run that was brought here, or lost a checkpoint, ended no later.
    finish = view.job.finished_at
    if not config.at_end or finish is None or view.job.status not in ("done", "failed", "cancelled"):
        return None
    is_told = any(at >= finish for at in reports)
    return None if is_told or now - finish >= _FORGOTTEN_S else finish


def _was_asked(project: Project, run: Run, since: float) -> bool:
    return any(
        args.run == run.id and not args.question and job.spec().at >= since
        for job, args in project.jobs_of(ExplainArgs)
    )
