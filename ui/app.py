"""One language's page: header, steps, the tabs; and showing the open one anew."""

from __future__ import annotations

import json
from typing import Any, cast

import gradio as gr

from core import pipeline
from core.project.workspace import Project, Workspace
from core.settings import Settings
from core.synthesis.saved_voices import saved_voices
from core.system import hardware
from ui import html
from ui.i18n import LANGUAGES, Translator
from ui.job_panel import JOB_TABS, job_line
from ui.live import Frame, Live
from ui.page import Page, Tab, Updates
from ui.parts import Panel
from ui.parts.damage import DamagePanel, is_blocked
from ui.parts.queue_strip import QueueStrip
from ui.tabs import home, transcripts
from ui.tabs.dataset import tab as dataset
from ui.tabs.listen import tab as listen
from ui.tabs.review import tab as review
from ui.tabs.segments import tab as segments
from ui.tabs.sources import tab as sources
from ui.tabs.speak import tab as speak
from ui.tabs.system import tab as system
from ui.tabs.train import tab as train
from ui.tabs.voices import tab as voices

TABS = (home, sources, segments, transcripts, review, dataset, train, listen, speak, voices, system)
# Runs within the steps' panel: has the open tab put into the page once, and shown anew, each by an event of that tab.
_REFRESH = """
const tabs = {};
window.vw.refresh = () => {{
  const tab = tabs[window.vw.tab()] || tabs.home;
  if (tab.put) trigger(tab.put);
  delete tab.put;
  trigger(tab.show);
}};
"""
_PUT = "() => ({ __type__: 'update', visible: true })"
_READ_ADDRESS = (
    "(project, tab, view, ...rest) =>"
    " { window.vw.show(window.vw.tab()); return [window.vw.project(), window.vw.tab(), location.search, ...rest]; }"
)


def build(settings: Settings, workspace: Workspace, language: str) -> gr.Blocks:
    """The page in one language."""
    t = Translator(language)
    with gr.Blocks(title=t("app.title"), analytics_enabled=False) as blocks:
        state_fields = [gr.Textbox(value, visible=False) for value in ("", "home", "")]
        page = Page(settings, workspace, t, *state_fields)
        header = Panel(elem_id="vw-header")
        names = [module.__name__.split(".")[2] for module in TABS]  # ui.tabs.NAME, or ui.tabs.NAME.tab
        events = {name: {"put": f"put_{name}", "show": f"show_{name}"} for name in names}
        steps = Panel(elem_id="vw-steps", more_script=_REFRESH.format(json.dumps(events)))
        queue_strip = QueueStrip(page)
        damage = DamagePanel(page)
        tabs: dict[str, Tab] = {}
        for name, module in zip(names, TABS, strict=True):
            # A browser makes a tab's fields when it is first opened: of all tabs together they take it half a second.
            with gr.Column(elem_id=f"page-{name}", elem_classes=["vw-page"], visible=False) as column:
                tabs[name] = module.build(page)
            getattr(steps, events[name]["put"])(None, outputs=column, js=_PUT)
        frame: dict[gr.HTML, Frame] = {
            header: lambda project, _tab, _turn: _header(page, project),
            steps: lambda project, tab, turn: _steps(page, project, tab, turn),
            queue_strip.panel: lambda _project, _tab, _turn: queue_strip.show(),
        }
        for name, event in events.items():
            _refresh(page, tabs, name, frame, damage, getattr(steps, event["show"]))
        blocks.load(None, js="() => window.vw.refresh()")
    blocks.live = Live(page, tabs, frame)
    return cast("gr.Blocks", blocks)


def _refresh(
    page: Page, tabs: dict[str, Tab], name: str, frame: dict[gr.HTML, Frame], damage: DamagePanel, event: Any
) -> None:
    """Have an event show the frame (header, steps, queue) and one tab anew: when it is opened and after each action.

    An event for each tab, since a browser looks at every input and output of one, whether it has changed or not: one
    for all tabs would take most of the time that opening a tab takes.
    """
    tab = tabs[name]
    outputs = list(dict.fromkeys([page.slug, page.tab_key, page.view, *frame, damage.panel, *tab.outputs]))
    inputs = list(dict.fromkeys([page.slug, page.tab_key, page.view, *tab.inputs]))

    def refresh(*values: Any) -> Any:
        def updates() -> dict[Any, Any]:
            state = dict(zip(inputs, values, strict=True))
            project, key = page.project(state[page.slug]), state[page.tab_key]
            if name != (key if key in tabs else "home"):  # another tab was opened meanwhile, which asks for itself
                return {}
            changes: Updates = {page.slug: project.slug if project else "", page.tab_key: key}
            page.guard(lambda: changes.update({damage.panel: damage.show(state[page.slug], project, key)}), [])
            turn = tab.turn(project) if tab.turn else ""
            changes |= {page.view: state[page.view]}
            changes |= {panel: show(project, key, turn) for panel, show in frame.items()}
            if is_blocked(project, key):
                return changes
            # Whatever the tab may come to: what is open is known from here on, else a click would act on what was.
            page.guard(lambda: changes.update(tab.refresh(project, *[state[field] for field in tab.inputs])), [])
            return changes

        return page.guard(updates, outputs)

    event(
        refresh,
        inputs,
        outputs,
        js=_READ_ADDRESS,
        show_progress="hidden",
        show_progress_on=page.slug,  # as in `Page.on`
        api_visibility="private",
        trigger_mode="always_last",
        concurrency_id="refresh",  # answers come in the order in which they were asked for
    )


def _header(page: Page, project: Project | None) -> str:
    t = page.t
    choices = "".join(
        f'<option value="{html.e(entry.slug)}"{" selected" if project and entry.slug == project.slug else ""}>'
        f"{html.e(entry.info.name)}</option>"
        for entry in page.workspace.projects()
    )
    blank = "" if project else f'<option value="" selected>{html.e(t("app.choose_project"))}</option>'
    switcher = f'<select data-open aria-label="{html.e(t("app.project"))}">{blank}{choices}</select>' if choices else ""
    return (
        '<header class="vw-header">'
        '<button type="button" class="vw-brand" data-go="home">Voice<b>wright</b></button>'
        f'{switcher}{_running(page, project)}<span class="grow"></span>'
        f'<span class="vw-chip">{html.e(_card_line(t))}</span>{_languages(t)}</header>'
        f'<div class="vw-notice warn vw-lost-server" role="alert">{html.e(t("app.lost"))}</div>'
    )


def _running(page: Page, project: Project | None) -> str:
    """The chip of the job at work: of the open project, else of any other, which it names; it leads there."""
    t = page.t
    live = sorted(page.workspace.running(), key=lambda entry: project is None or entry[0].slug != project.slug)
    views = [(owner, job.read()) for owner, job in live]
    owner, view = next((entry for entry in views if entry[1].status != "waiting"), (None, None))
    if owner is None or view is None:
        return ""
    line = job_line(t, view)
    if project is None or owner.slug != project.slug:
        line = t("app.elsewhere", project=owner.info.name, job=line)
    return (
        f'<button type="button" class="vw-chip" data-open="{html.e(owner.slug)}"'
        f' data-tab="{JOB_TABS.get(view.kind, "home")}" title="{html.e(line)}">'
        f'<i class="vw-pulse"></i><span>{html.e(line)}</span></button>'
    )


def _card_line(t: Translator) -> str:
    cards = hardware.cards()
    if not cards:
        return t("app.no_gpu")
    card = cards[0]
    return t("app.gpu", name=card.name, free=t.number(card.free_gb, 1), total=t.number(card.total_gb))


def _languages(t: Translator) -> str:
    links = "".join(
        f'<a href="../{code}/" data-language="{code}" lang="{code}" title="{name}"'
        f"{' aria-current=true' if code == t.language else ''}>{code.split('-')[0].upper()}</a>"
        for code, name in LANGUAGES.items()
    )
    return f'<nav class="vw-langs" aria-label="{html.e(t("app.language"))}">{links}</nav>'


def _steps(page: Page, project: Project | None, open_key: str, turn: str) -> str:
    """The way through the tabs; ``turn`` tells the page's script for which one the open tab was refreshed."""
    t = page.t
    cells = [
        _step(step.key, f"{number} {t('tabs.' + step.key)}", _step_text(t, step), step.state, open_key)
        for number, step in enumerate(pipeline.steps(project) if project else [], 1)
    ]
    if not project:
        cells += [_step(key, t(f"tabs.{key}"), "", "apart", open_key) for key in ("home", "speak")]
    else:
        count = len(saved_voices(project))
        cells.append(_step("voices", t("tabs.voices"), t.number(count) if count else "–", "apart", open_key))
    cells.append(_step("system", t("tabs.system"), "", "apart", open_key))
    return f'<nav class="vw-steps" data-turn="{html.e(turn)}">{"".join(cells)}</nav>'


def _step(key: str, name: str, line: str, style: str, open_key: str) -> str:
    current = ' aria-current="page"' if key == open_key else ""
    return (
        f'<button type="button" class="vw-step {style}" data-go="{key}"{current}>'
        f"<b>{html.e(name)}</b><span>{html.e(line)}&nbsp;</span></button>"
    )


def _step_text(t: Translator, step: pipeline.StepState) -> str:
    mark = " ✓" if step.state == "done" else ""
    if step.key == "sources" and step.seconds:
        return t.minutes(step.seconds) + mark
    if step.state == "empty":
        return "–"
    if step.total and step.count != step.total:
        return t("job.of", count=t.number(step.count), total=t.number(step.total))
    return t.number(step.count) + mark if step.count else mark or "–"
