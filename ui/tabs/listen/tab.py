"""The listen tab: two checkpoints with hidden names say the same sentence; votes make a table."""

from __future__ import annotations

from typing import Any

from core.checkpoint_ref import CheckpointRef
from core.errors import UserError
from core.listening.candidates import candidates, sentences
from core.listening.pairs import CHOICES, Pair, next_pair, pair, reveal, undo, vote
from core.listening.ranking import table
from core.project.workspace import Project
from ui import html
from ui.http import visitor
from ui.i18n import Translator
from ui.page import Page, Tab, Updates, view_of
from ui.parts import Panel
from ui.parts.select import select
from ui.tabs.listen.pair import pair_view, ranking_view
from ui.tabs.train.view import voice_name


def build(page: Page) -> Tab:
    """Lay the tab out."""
    t = page.t
    panel = Panel()
    mover = Panel()  # after a vote the address holds the pair whose names are on show, so a reload keeps it

    def refresh(project: Project | None, query: str) -> Updates:
        top = html.heading(t("tabs.listen"), t("listen.purpose"))
        if project is None:
            return {panel: top + html.empty(t("common.no_project"), html.go(t("common.to_home"), "home"))}
        if not sentences(project):
            lead = html.go(t("common.go_to", tab=t("tabs.train")), "train")
            return {panel: top + html.empty(t("listen.nothing"), lead)}
        vote_id = view_of(query).get("judged", "")
        below = _choose(t, project, query) + ranking_view(t, table(project))
        return {panel: top + _pair(page, project, query) + below + ("" if vote_id else _undo(t, project))}

    def act(project: Project | None, evt: Any, query: str) -> Updates | None:
        if project is None:
            return None
        if evt.do in CHOICES:
            vote(project, evt.id, evt.do, visitor.login_name())
            return {mover: html.arrive(f"judged={evt.id}", evt.id)}
        if evt.do == "undo":
            undo(project)
        elif evt.do == "skip":
            _pair_for(project, query, fresh=True)
        return {mover: html.arrive("judged=", query)}

    def tick(project: Project | None, query: str) -> Updates:
        # While a voice is learning, what there is to compare grows.
        return refresh(project, query) if project and project.running() else {}

    page.on(panel.act, act, [page.view], [mover])
    return Tab("listen", [panel], refresh, tick, inputs=[page.view])


def _pair_for(project: Project, query: str, *, fresh: bool = False) -> Pair:
    view = view_of(query)
    number = view.get("sentence", "")
    sentence = int(number) if number.isdigit() else None
    left, right = _checkpoint(view.get("a", "")), _checkpoint(view.get("b", ""))
    return next_pair(project, left, right, sentence, fresh=fresh)


def _checkpoint(name: str) -> CheckpointRef | None:
    """The checkpoint that the address names; None where it names none."""
    try:
        return CheckpointRef.parse(name)
    except ValueError:
        return None


def _pair(page: Page, project: Project, query: str) -> str:
    try:
        if vote_id := view_of(query).get("judged", ""):
            return pair_view(page.t, project.slug, pair(project, vote_id), reveal(project, vote_id))
        return pair_view(page.t, project.slug, _pair_for(project, query), None)
    except UserError as error:
        return html.notice(page.say(error), "warn") + html.place(page.t("listen.let_choose"), "judged=&a=&b=&sentence=")


def _choose(t: Translator, project: Project, query: str) -> str:
    """Two checkpoints and a sentence of one's own choice; which of them is A stays hidden."""
    view = view_of(query)
    a, b = view.get("a", ""), view.get("b", "")
    voices = [("", t("listen.any"))] + [
        (item.checkpoint.name, voice_name(t, item.run_title, item.checkpoint)) for item in candidates(project)
    ]
    sentence_choices = [("", t("listen.any_sentence"))] + [
        (str(item.number), f"{item.number + 1}. {item.text}")
        for item in sentences(project, _checkpoint(a), _checkpoint(b))
    ]
    lists = (
        select(t("listen.one"), "a", voices, a, clears="judged")
        + select(t("listen.other"), "b", voices, b, clears="judged")
        + select(t("listen.sentence"), "sentence", sentence_choices, view.get("sentence", ""), clears="judged")
    )
    free = html.place(t("listen.let_choose"), "judged=&a=&b=&sentence=")
    return html.details(t("listen.choose"), f'<div class="vw-halves">{lists}</div>{free}')


def _undo(t: Translator, project: Project) -> str:
    return f"<p>{html.action(t('listen.undo'), 'undo', style='quiet')}</p>" if project.store.votes() else ""
