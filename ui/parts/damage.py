"""Cards for what cannot be read: what it is, why, where it lies, and the ways to go on."""

from __future__ import annotations

import gradio as gr

from core import inspection
from core.damage import FOLDER, RECORDS, DamagedFile
from core.errors import UserError
from core.project.workspace import Project
from ui import html
from ui.page import Page, Updates
from ui.parts import Panel

# The tabs that would show a thing if it could be read; what is not named here is told on all.
_TABS = {
    "run": ("train", "listen", "speak"),
    "dataset": ("dataset", "train"),
    "preset": ("train",),
    "take": ("speak",),
    "export": ("speak", "voices"),
    "saved_voice": ("speak", "voices"),
    "document": ("speak",),
    "pronunciation": ("speak",),
    "upload": ("sources",),
    "reading": ("sources",),
    "removed": ("sources",),
    "list": ("sources",),
    "cookies": ("home", "sources", "system"),
    "pair": ("listen",),
}
_WITHOUT_PROJECT = ("home", "system")
_MAX_CARDS = 20


class DamagePanel:
    """The panel above the open tab; empty as long as all can be read."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.panel = Panel(elem_id="vw-damage")
        page.on(self.panel.act, self._act)

    def show(self, slug: str, project: Project | None, tab: str) -> str:
        """Cards for a tab; ``slug`` is what the address says, whether or not that project can be opened."""
        page = self.page
        in_workspace = inspection.of_workspace(page.workspace)
        cards = [_card(page, file) for file in in_workspace if _belongs(page, file, slug, tab)]
        if project is not None:
            damage = [file for file in inspection.of_project(project) if file.kind != RECORDS]
            if tab not in _WITHOUT_PROJECT:
                cards += [_card(page, file) for file in damage if tab in _TABS.get(file.kind, (tab,))]
            problem = inspection.records_error(project)
            if problem is not None and not isinstance(problem, DamagedFile):
                cards.append(_newer(page, project, problem))
        if not cards:
            return ""
        label = html.e(page.t("damage.region"))
        return f'<section class="vw-damage" aria-label="{label}">{"".join(cards[:_MAX_CARDS])}</section>'

    def _act(self, _: Project | None, evt: gr.EventData) -> Updates | None:
        page, t = self.page, self.page.t
        if evt.do == "put-aside":
            place = inspection.put_thing_aside(page.workspace, evt.id).relative_to(page.workspace.path)
            if place.parts[0] == FOLDER:  # else there was nothing left to be moved
                gr.Info(html.e(t("damage.aside_done", place=place)), title=t("damage.aside_title"), duration=20)
        elif evt.do == "restore-records":
            copy = inspection.restore_records(page.workspace.project(evt.id))
            text = t("damage.restore_done", at=t.exactly(copy.at))
            gr.Info(html.e(text), title=t("damage.restore_title"), duration=20)
        return None


def is_blocked(project: Project | None, tab: str) -> bool:
    """Whether a tab cannot be shown because the records of the open project cannot be read."""
    return project is not None and tab not in _WITHOUT_PROJECT and inspection.records_error(project) is not None


def _belongs(page: Page, file: DamagedFile, slug: str, tab: str) -> bool:
    """Whether something of the workspace is told on a tab: on Home and System all, elsewhere of the open project."""
    if tab in _WITHOUT_PROJECT:
        return file.kind != "preset"
    if file.kind in ("project", RECORDS):
        return bool(slug) and file.thing.is_relative_to(page.workspace.projects_folder / slug)
    return tab in _TABS.get(file.kind, ())


def _card(page: Page, file: DamagedFile) -> str:
    t = page.t
    file.within(page.workspace.path)
    records = file.kind == RECORDS
    name = file.thing.parent.name if records else file.thing.stem
    title = t("damage.title", thing=t(f"damage.{file.kind}", name=name))
    text = t.error_text(file.code, file.text, file.values)
    parts = [f"<p>{html.e(text)}</p>"]
    if records:
        parts.append(_ways_back(page, name, _place(page, file)))
    elif file.kind == "preset":
        parts.append(f'<p class="vw-dim">{html.e(t("damage.preset_help"))}</p>')
    else:
        button = html.action(t("damage.aside"), "put-aside", _place(page, file))
        parts.append(_lies_in(page, file) + f'<div class="vw-row">{button}</div>')
        parts.append(f'<p class="vw-dim">{html.e(t("damage.aside_help"))} {html.e(t("damage.go_on"))}</p>')
    blocking = " blocks" if records else ""
    return _article(title, "".join(parts), _place(page, file), blocking)


def _ways_back(page: Page, slug: str, place: str) -> str:
    """The copy of the records, and the way without one."""
    t = page.t
    copy = inspection.copy_offered(Project(page.workspace, slug))
    anew = html.action(t("damage.anew"), "put-aside", place, style="quiet", confirm=t("damage.anew_question"))
    if copy is None:
        message, back = t("damage.no_copy"), ""
    else:
        moment = t.exactly(copy.at)
        message = t("damage.copy", at=moment)
        question = t("damage.restore_question", at=moment)
        back = html.action(t("damage.restore"), "restore-records", slug, style="primary", confirm=question)
    return (
        f'<p>{html.e(message)}</p><div class="vw-row">{back}{anew}</div>'
        f'<p class="vw-dim">{html.e(t("damage.blocks"))} {html.e(t("damage.aside_help"))}</p>'
    )


def _newer(page: Page, project: Project, error: UserError) -> str:
    records = page.t("damage.records", name=project.info.name)
    text = f"<p>{html.e(page.say(error))}</p>"
    return _article(page.t("damage.newer", thing=records), text, project.slug, " blocks")


def _lies_in(page: Page, file: DamagedFile) -> str:
    return f"<p>{html.e(page.t('damage.lies_in'))} <code>{html.e(_place(page, file))}</code></p>"


def _place(page: Page, file: DamagedFile) -> str:
    root = page.workspace.path
    return str(file.thing.relative_to(root)) if file.thing.is_relative_to(root) else file.thing.name


def _article(title: str, body: str, key: str, style: str = "") -> str:
    return f'<article class="vw-card{style}" data-key="{html.e(key)}"><h3>{html.e(title)}</h3>{body}</article>'
