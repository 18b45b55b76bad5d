"""Runs that cannot be compared yet: the offer to let both speak the test set, or one the sentences of the other."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import UserError
from core.evaluation.common_test_set import common_script, unspoken_count
from core.jobs.args.runs import CompareArgs
from core.listening.candidates import Candidate
from core.listening.comparison import begun, strangers
from core.project.workspace import Project
from core.training.run import Run
from ui import html
from ui.i18n import Translator
from ui.job_panel import in_line
from ui.tabs.listen.job_slots import slot

_MOST = 3  # offers at a time


def two_runs_view(t: Translator, project: Project, pool: Sequence[Candidate]) -> str:
    """An offer for each two runs without a sentence in common, or with a test set of which something is unspoken.

    While they speak there is the place of the job alone.
    """
    job = project.latest(CompareArgs.kind)
    if job is not None and job.alive():
        return slot(job)
    titles = {candidate.checkpoint.run_id: candidate.run_title for candidate in pool}
    offers = []
    groups = strangers(pool)
    for newer, older in groups[:_MOST]:
        names = {"newer": titles[newer], "older": titles[older]}
        count = sum(1 for entry in pool if entry.checkpoint.run_id == older and entry.checkpoint.step)
        label = t("listen.compare", **names, count=t.number(count))
        pair = f"{newer}/{older}"
        buttons = _test_set_button(t, project, pool, newer, older) + html.action(label, "compare", pair, style="quiet")
        offers.append(html.notice(t("listen.strangers", **names), "info", buttons))
    incomplete = [pair for pair in begun(project, pool) if pair not in groups]
    for newer, older in incomplete[: _MOST - len(offers)]:
        if button := _test_set_button(t, project, pool, newer, older, is_begun=True):
            offers.append(html.notice(t("listen.begun", newer=titles[newer], older=titles[older]), "info", button))
    return slot(job) + "".join(offers) + (html.reason(in_line(t, project)) if offers else "")


def _test_set_button(
    t: Translator, project: Project, pool: Sequence[Candidate], newer: str, older: str, *, is_begun: bool = False
) -> str:
    """Both speak after the references of the older run: so each further run speaks once, to be compared with all."""
    runs = Run(project, older), Run(project, newer)
    try:
        script = common_script(project, *runs)
    except UserError:
        return ""  # it has no test set, or what it was spoken with is not known
    remaining = unspoken_count(script, pool, runs)
    if not remaining:
        return ""
    label = t("listen.compare_test_set", count=t.number(len(script.seeds)), sounds=t.number(remaining))
    return html.action(label, "compare-test-set", f"{newer}/{older}", style="" if is_begun else "primary")
