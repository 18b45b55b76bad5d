"""Runs that cannot be compared yet: the offer to let one speak the sentences of the other."""

from __future__ import annotations

from collections.abc import Sequence

from core.jobs.args.runs import CompareArgs
from core.listening.candidates import Candidate
from core.listening.comparison import strangers
from core.project.workspace import Project
from ui import html
from ui.i18n import Translator
from ui.job_panel import in_line, job_panel

_MOST = 3  # offers at a time


def two_runs_view(t: Translator, project: Project, pool: Sequence[Candidate]) -> str:
    """An offer for each two runs without a sentence in common, and how far such a job is."""
    job = project.latest(CompareArgs.kind)
    panel = job_panel(t, job, done_text=t("listen.compare_done"))
    if job is not None and job.alive():
        return panel
    titles = {candidate.checkpoint.run_id: candidate.run_title for candidate in pool}
    offers = []
    for newer, older in strangers(pool)[:_MOST]:
        count = sum(1 for one in pool if one.checkpoint.run_id == older and one.checkpoint.step)
        text = t("listen.strangers", newer=titles[newer], older=titles[older])
        label = t("listen.compare", older=titles[older], newer=titles[newer], count=t.number(count))
        offers.append(html.notice(text, "info", html.action(label, "compare", f"{newer}/{older}")))
    note = html.reason(in_line(t, project)) if offers else ""
    return panel + "".join(offers) + note
