"""Cards for what cannot be read: what it is, why, where it lies, and the ways to go on."""

from __future__ import annotations

import gradio as gr

from core import inspection
from core.damage import FOLDER, RECORDS, DamagedFile
from core.errors import UserError
from core.workspace import Project
from ui import html
from ui.page import Page, Updates
from ui.parts import Panel

# The tabs that would show a thing if it could be read; what is not named here is told on all.
_TABS = {
    "run": ("train", "listen", "speak"),
    "dataset": ("dataset", "train"),
    "preset": ("train",),
    "take": ("speak",),
    "export": ("speak",),
    "upload": ("sources",),
    "reading": ("sources",),
    "removed": ("sources",),
    "list": ("sources",),
    "cookies": ("home", "sources", "system"),
    "pair": ("listen",),
}
_WITHOUT_PROJECT = ("home", "system")
_SHOWN = 20


class DamagePanel:
    """The panel above the open tab; empty as long as all can be read."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.panel = Panel(elem_id="vw-damage")
        page.on(self.panel.act, self._act)

    def show(self, slug: str, project: Project | None, tab: str) -> str:
        """Cards for a tab; ``slug`` is what the address says, whether or not that project can be opened."""
        page = self.page
        shared = inspection.of_workspace(page.workspace)
        cards = [_card(page, one) for one in shared if _belongs(page, one, slug, tab)]
        if project is not None:
            own = [one for one in inspection.of_project(project) if one.kind != RECORDS]
            if tab not in _WITHOUT_PROJECT:
                cards += [_card(page, one) for one in own if tab in _TABS.get(one.kind, (tab,))]
            problem = inspection.records_error(project)
            if problem is not None and not isinstance(problem, DamagedFile):
                cards.append(_newer(page, project, problem))
        if not cards:
            return ""
        label = html.e(page.t("damage.region"))
        return f'<section class="vw-damage" aria-label="{label}">{"".join(cards[:_SHOWN])}</section>'

    def _act(self, _: Project | None, evt: gr.EventData) -> Updates | None:
        page, t = self.page, self.page.t
        if evt.do == "put-aside":
            place = inspection.put_thing_aside(page.workspace, evt.id).relative_to(page.workspace.path)
            if place.parts[0] == FOLDER:  # else there was nothing left to be moved
                gr.Info(html.e(t("damage.aside_done", place=place)), title=t("damage.aside_title"), duration=20)
        elif evt.do == "restore-records":
            copy = inspection.restore_records(page.workspace.project(evt.id))
            text = t("damage.restore_done", when=t.exactly(copy.at))
            gr.Info(html.e(text), title=t("damage.restore_title"), duration=20)
        return None


def is_blocked(project: Project | None, tab: str) -> bool:
    """Whether a tab cannot be shown because the records of the open project cannot be read."""
    return project is not None and tab not in _WITHOUT_PROJECT and inspection.records_error(project) is not None


def _belongs(page: Page, one: DamagedFile, slug: str, tab: str) -> bool:
    """Whether something of the workspace is told on a tab: on Home and System all, elsewhere of the open project."""
    if tab in _WITHOUT_PROJECT:
        return one.kind != "preset"
    if one.kind in ("project", RECORDS):
        return bool(slug) and one.thing.is_relative_to(page.workspace.projects_folder / slug)
    return tab in _TABS.get(one.kind, ())


def _card(page: Page, one: DamagedFile) -> str:
    t = page.t
    one.within(page.workspace.path)
    records = one.kind == RECORDS
    name = one.thing.parent.name if records else one.thing.stem
    title = t("damage.title", what=t(f"damage.{one.kind}", name=name))
    text = t.happened(one.code, one.text, one.values)
    parts = [f"<p>{html.e(text)}</p>"]
    if records:
        parts.append(_ways_back(page, name, _place(page, one)))
    elif one.kind == "preset":
        parts.append(f'<p class="vw-dim">{html.e(t("damage.preset_help"))}</p>')
    else:
        button = html.action(t("damage.aside"), "put-aside", _place(page, one))
        parts.append(_lies_in(page, one) + f'<div class="vw-row">{button}</div>')
        parts.append(f'<p class="vw-dim">{html.e(t("damage.aside_help"))} {html.e(t("damage.go_on"))}</p>')
    blocking = " blocks" if records else ""
    return _framed(title, "".join(parts), _place(page, one), blocking)


def _ways_back(page: Page, slug: str, place: str) -> str:
    """The copy of the records, and the way without one."""
    t = page.t
    copy = inspection.copy_offered(Project(page.workspace, slug))
    anew = html.action(t("damage.anew"), "put-aside", place, style="quiet", confirm=t("damage.anew_question"))
    if copy is None:
        said, back = t("damage.no_copy"), ""
    else:
        when = t.exactly(copy.at)
        said = t("damage.copy", when=when)
        question = t("damage.restore_question", when=when)
        back = html.action(t("damage.restore"), "restore-records", slug, style="primary", confirm=question)
    return (
        f'<p>{html.e(said)}</p><div class="vw-row">{back}{anew}</div>'
        f'<p class="vw-dim">{html.e(t("damage.blocks"))} {html.e(t("damage.aside_help"))}</p>'
    )


def _newer(page: Page, project: Project, error: UserError) -> str:
    what = page.t("damage.records", name=project.info.name)
    text = f"<p>{html.e(page.say(error))}</p>"
    return _framed(page.t("damage.newer", what=what), text, project.slug, " blocks")


def _lies_in(page: Page, one: DamagedFile) -> str:
    return f"<p>{html.e(page.t('damage.lies_in'))} <code>{html.e(_place(page, one))}</code></p>"


def _place(page: Page, one: DamagedFile) -> str:
    root = page.workspace.path
    return str(one.thing.relative_to(root)) if one.thing.is_relative_to(root) else one.thing.name


def _framed(title: str, body: str, key: str, style: str = "") -> str:
    return f'<article class="vw-card{style}" data-key="{html.e(key)}"><h3>{html.e(title)}</h3>{body}</article>'
