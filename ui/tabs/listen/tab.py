"""The listen tab: two checkpoints with hidden names say the same sentence; votes make a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from core.checkpoint_ref import CheckpointRef
from core.errors import UserError
from core.evaluation.common_test_set import start_common_test_set
from core.evaluation.scorecard import recommended_step
from core.evaluation.start import latest_evaluation, start_evaluate
from core.evaluation.test_set import set_own_sentences
from core.jobs.args.runs import CompareArgs, ReportArgs
from core.jobs.job import Job
from core.listening.candidates import Candidate, candidates, sentences
from core.listening.comparison import start_compare
from core.listening.grid import grid
from core.listening.listeners import listeners, trust, trusted_names
from core.listening.pairs import CHOICES, Pair, Playtime, following_pair, next_pair, pair, reveal, undo, vote
from core.listening.ranking import table
from core.project.records import Vote
from core.project.workspace import Project
from core.text import as_title
from core.training.run import Run, runs
from ui import html
from ui.http import visitor
from ui.i18n import Translator
from ui.job_panel import act_on_job, is_live
from ui.page import Page, Tab, Updates, view_of
from ui.parts import Panel, script
from ui.parts.queue_strip import say_place
from ui.parts.select import select
from ui.tabs.listen import session
from ui.tabs.listen.changes import files_mark
from ui.tabs.listen.grid import grid_view
from ui.tabs.listen.job_slots import fill
from ui.tabs.listen.pair import pair_view
from ui.tabs.listen.ranking import ranking_view
from ui.tabs.listen.report import report_view, start_report
from ui.tabs.listen.scorecard import run_verdict, scorecard_view
from ui.tabs.listen.two_runs import two_runs_view
from ui.tabs.train.view import NEW_SESSION, voice_name


def build(page: Page) -> Tab:
    """Lay the tab out."""
    t = page.t
    panel = Panel(more_script=script("listen.js", __file__))
    scores_panel = Panel()
    grid_panel = Panel(more_script=script("grid.js", __file__))
    mover = Panel()  # after a vote the address holds the pair whose names are on show, so a reload keeps it

    def refresh(project: Project | None, query: str) -> Updates:
        if project is None:
            top = html.heading(t("tabs.listen"), t("listen.purpose"))
            lead = html.empty(t("common.no_project"), html.go(t("common.to_home"), "home"))
            return {panel: top + lead, scores_panel: "", grid_panel: ""}
        return with_jobs(make(project, query), _jobs(project))

    def make(project: Project, query: str) -> Updates:
        """All but how far jobs are, which `with_jobs` adds."""
        top = html.heading(t("tabs.listen"), t("listen.purpose"))
        pool, votes = candidates(project), project.store.votes()
        updates: Updates = {
            scores_panel: scorecard_view(t, project, query),
            grid_panel: _below(t, project, query, pool),
        }
        if not sentences(project):
            lead = html.empty(t("listen.nothing"), html.go(t("common.go_to", tab=t("tabs.train")), "train"))
            return updates | {panel: top + lead}
        updates[panel] = top + _above(page, project, query, pool, votes)
        if view_of(query).get("session") == NEW_SESSION:
            start = _count(votes, listener(query))
            updates[mover] = html.arrive(f"session={start}&judged=", query, made_for=query)
        return updates

    def with_jobs(views: Updates, jobs: Sequence[Job | None]) -> Updates:
        return {part: fill(t, view, jobs) for part, view in views.items()}

    def act(project: Project | None, evt: Any, query: str) -> Updates | None:
        if project is None or act_on_job(project, evt.do, evt.id):
            return None
        if evt.do == "report":
            start_report(t, project, evt.id)
            return None
        if evt.do in ("compare", "compare-test-set"):
            newer, _, older = evt.id.partition("/")
            device = page.settings.device
            if evt.do == "compare":
                say_place(page, start_compare(project, newer, older, device=device))
            else:
                say_place(page, start_common_test_set(project, older, newer, device=device))
            return None
        if evt.do in CHOICES:
            vote(project, evt.id, evt.do, listener(query), playtime=_playtime(evt.value))
            return {mover: html.arrive(f"judged={evt.id}", evt.id)}
        if evt.do in ("trust", "distrust"):
            trust(project, evt.id, on=evt.do == "trust")
            return None
        if evt.do == "undo":
            undo(project, listener(query))
        elif evt.do == "skip":
            _pair_for(project, query, fresh=True)
        return {mover: html.arrive("judged=", query)}

    def act_on_scores(project: Project | None, evt: Any) -> Updates | None:
        if project is None or act_on_job(project, evt.do, evt.id):
            return None
        if evt.do == "score":
            say_place(page, start_evaluate(project, evt.id, device=page.settings.device))
        elif evt.do == "test-sentences":
            set_own_sentences(project, evt.value.splitlines())
        return None

    def tick(project: Project | None, query: str) -> Updates:
        # While a voice is learning or being scored, what there is to compare grows; how a job ended is shown as well.
        if project is None:
            return {}
        jobs = _jobs(project)
        if not any(map(is_live, jobs)) and not project.running():
            return {}
        name, mark = f"listen {id(page)} {listener(query)} {query}", files_mark(project, jobs)
        views = project.figures.kept_while_unchanged(name, lambda: make(project, query), also=mark)
        return with_jobs(views, jobs)

    for part in (panel, grid_panel):
        page.on(part.act, act, [page.view], [mover])
    page.on(scores_panel.act, act_on_scores)
    return Tab("listen", [panel, scores_panel, grid_panel, mover], refresh, tick, inputs=[page.view])


def _jobs(project: Project) -> list[Job | None]:
    """The newest of each kind that this tab starts."""
    return [latest_evaluation(project), project.latest(ReportArgs.kind), project.latest(CompareArgs.kind)]


def _above(page: Page, project: Project, query: str, pool: Sequence[Candidate], votes: Sequence[Vote]) -> str:
    """The pair, or a session's end; who listens; what the votes say."""
    t, view = page.t, view_of(query)
    ranking, name, first_pair = table(project, pool, votes), listener(query), view.get("judged", "")
    below = ranking_view(t, project.slug, ranking, listeners(votes, trusted_names(project)))
    own = _count(votes, name)
    start, count = view.get("session", ""), None
    if start == NEW_SESSION:
        count = 0
    elif start.isdecimal() and int(start) <= own:
        count = own - int(start)
        if count >= session.PAIRS and not first_pair:
            scores = run_verdict(t, project, Run(project, pool[0].checkpoint.run_id))
            return session.end_view(t, ranking, scores) + below
    progress = "" if count is None else session.progress_view(t, count - bool(first_pair))
    take_back = _undo(t) if own and not first_pair else ""
    return (
        progress + _pair(page, project, query) + take_back + _who(t, query) + _choose(t, project, query, pool) + below
    )


def _count(votes: Sequence[Vote], name: str) -> int:
    return sum(1 for vote in votes if vote.listener == name)


def _below(t: Translator, project: Project, query: str, pool: Sequence[Candidate]) -> str:
    """Of the run that the address names, else of the newest that has spoken: its grid, and the report."""
    titles = {candidate.checkpoint.run_id: candidate.run_title for candidate in pool}
    if not titles:  # nothing has spoken: what was trained can be told all the same
        newest = next((run for run in runs(project) if any(step > 0 for step in run.checkpoints.steps())), None)
        return report_view(t, project, newest) if newest else ""
    wish = view_of(query).get("grid", "")
    run_id = wish if wish in titles else next(iter(titles))
    step = recommended_step(project, Run(project, run_id))
    best = None if step is None else CheckpointRef(run_id, step)
    cells = grid_view(t, project.slug, grid(project, run_id, pool), list(titles.items()), best)
    return two_runs_view(t, project, pool) + cells + report_view(t, project, Run(project, run_id))


def listener(query: str) -> str:
    """Who listens: the name that was typed, which the address holds, else the login's."""
    return as_title(view_of(query).get("by", ""))[:40] or visitor.login_name()


def _playtime(value: str) -> Playtime:
    """What the player says it has played; nothing where it says nothing that can be read."""
    try:
        left_s, right_s = (float(seconds) for seconds in json.loads(value)["heard"])
    except (ValueError, LookupError, TypeError):
        return Playtime(0.0, 0.0)
    return Playtime(left_s, right_s)


def _wish(query: str) -> tuple[CheckpointRef | None, CheckpointRef | None, str]:
    view = view_of(query)
    return _checkpoint(view.get("a", "")), _checkpoint(view.get("b", "")), _sentence(query)


def _sentence(query: str) -> str:
    """The sentence that the address names; a number, as version 0.1 wrote there, names none."""
    sentence = view_of(query).get("sentence", "")
    return "" if sentence.isdecimal() else sentence


def _pair_for(project: Project, query: str, *, fresh: bool = False) -> Pair:
    return next_pair(project, *_wish(query), fresh=fresh, listener=listener(query))


def _checkpoint(name: str) -> CheckpointRef | None:
    """The checkpoint that the address names; None where it names none."""
    try:
        return CheckpointRef.parse(name)
    except ValueError:
        return None


def _pair(page: Page, project: Project, query: str) -> str:
    try:
        open_pair = _pair_for(project, query)
        if pair_id := view_of(query).get("judged", ""):
            return pair_view(page.t, project.slug, pair(project, pair_id), reveal(project, pair_id), open_pair)
        following = following_pair(project, *_wish(query), listener=listener(query))
        return pair_view(page.t, project.slug, open_pair, None, following)
    except UserError as error:
        return html.notice(page.say(error), "warn") + html.place(page.t("listen.let_choose"), "judged=&a=&b=&sentence=")


def _who(t: Translator, query: str) -> str:
    """The field for the listener's name."""
    name, about = html.e(view_of(query).get("by", "")), html.e(t("listen.who_help"))
    return (
        f'<label class="vw-pick vw-gap" data-key="who-listens"><span>{html.e(t("listen.who"))}</span>'
        f'<input type="text" data-view="by" data-listener maxlength="40" value="{name}"'
        f' placeholder="{html.e(t("listen.who_example"))}"><span class="vw-dim">{about}</span></label>'
    )


def _choose(t: Translator, project: Project, query: str, pool: Sequence[Candidate]) -> str:
    """Two checkpoints and a sentence of one's own choice; which of them is A stays hidden."""
    view = view_of(query)
    a, b = view.get("a", ""), view.get("b", "")
    voices = [("", t("listen.any"))] + [
        (item.checkpoint.name, voice_name(t, item.run_title, item.checkpoint)) for item in pool
    ]
    sentence_choices = [("", t("listen.any_sentence"))] + [
        (item.text, item.text) for item in sentences(project, _checkpoint(a), _checkpoint(b))
    ]
    lists = (
        select(t("listen.one"), "a", voices, a, clears="judged")
        + select(t("listen.other"), "b", voices, b, clears="judged")
        + select(t("listen.sentence"), "sentence", sentence_choices, _sentence(query), clears="judged")
    )
    free = html.place(t("listen.let_choose"), "judged=&a=&b=&sentence=")
    return html.details(t("listen.choose"), f'<div class="vw-halves">{lists}</div>{free}')


def _undo(t: Translator) -> str:
    return f"<p>{html.action(t('listen.undo'), 'undo', style='quiet', keys='u U')}</p>"
