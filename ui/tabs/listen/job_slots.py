"""Places of jobs in a view: what is around them is made anew only when it has changed, how far they are each second."""

from __future__ import annotations

from collections.abc import Sequence

from core.jobs.args.runs import CompareArgs, EvaluateArgs
from core.jobs.job import Job
from ui.i18n import Translator
from ui.job_panel import job_panel

_DONE = {EvaluateArgs.kind: "scores.done", CompareArgs.kind: "listen.compare_done"}
_STOP = {EvaluateArgs.kind: "scores.stop"}


def slot(job: Job | None) -> str:
    """The place of a job, empty if there is none."""
    return f"<!--job {job.id}-->" if job else ""


def fill(t: Translator, view: str, jobs: Sequence[Job | None]) -> str:
    """The view with each job that has a place in it as it is now."""
    for job in jobs:
        if job is not None and (place := slot(job)) in view:
            done, stop = (words.get(job.spec().kind, "") for words in (_DONE, _STOP))
            panel = job_panel(t, job, done_text=t(done) if done else "", stop_label=t(stop) if stop else "")
            view = view.replace(place, panel)
    return view
