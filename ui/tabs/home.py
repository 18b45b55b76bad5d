"""Home: the projects as cards, a new one, the demo, and the trash."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import gradio as gr

from core import pipeline
from core.damage import DamagedFile
from core.engines import registry
from core.errors import UserError
from core.jobs.job import Job
from core.pipeline import ProjectCard
from core.project.contents import OPTIONS
from core.project.workspace import Project
from core.project_copy import start_copy
from core.transfer import bring
from ui import html
from ui.http.audio_routes import project_url
from ui.i18n import Translator
from ui.job_panel import JOB_TABS, act_on_job, is_live, job_line, job_panel
from ui.page import Page, Tab, Updates
from ui.parts import Panel
from ui.parts.merge_card import act_on_merge, is_merging, merge_choice, merge_jobs, merge_preview, start_merge
from ui.parts.trash_list import act_on_trash, trash_list


def build(page: Page) -> Tab:
    """Lay the tab out."""
    t = page.t
    panel = Panel()
    with gr.Accordion(t("transfer.title"), open=False):
        gr.HTML(f'<p class="vw-dim">{html.e(t("transfer.help"))}</p>')
        with gr.Row(elem_classes=["vw-drop"]):
            file = gr.File(label=t("transfer.file"), height=120)
    merging, merges, trash = Panel(), Panel(), Panel()

    def arrive(_: Project | None, path: str | None) -> Updates:
        if not path:
            return {}
        project = bring(page.workspace, Path(path), Path(path).name)
        move = html.arrive(f"project={project.slug}&tab=sources", str(project.info.created))
        return {panel: _overview(page) + move, file: None}

    def refresh(_: Project | None) -> Updates:
        updates = {panel: _overview(page), merges: merge_jobs(t, page.workspace)}
        return updates | {trash: trash_list(page.t, page.workspace)}

    def tick(_: Project | None, _query: str) -> Updates:
        newest = (next(iter(project.all_jobs()), None) for project in page.workspace.projects())
        if not any(is_live(job) for job in newest):
            return {}
        updates = {merges: merge_jobs(t, page.workspace)} if is_merging(page.workspace) else {}
        return {panel: _overview(page), **updates}

    def act(_: Project | None, evt: gr.EventData) -> Updates:
        move = _act(page, evt)
        return {panel: _overview(page) + move} if move else {}

    def on_merge(_: Project | None, evt: gr.EventData) -> Updates:
        content = ""
        if evt.do == "merge-look":
            content = merge_preview(t, page.workspace, evt.id, str(json.loads(evt.value)["target"]))
        elif evt.do == "merge":
            start_merge(page.workspace, evt.id)
        return {merging: content}

    def on_merges(_: Project | None, evt: gr.EventData) -> None:
        act_on_merge(page.workspace, evt)

    def on_card(project: Project | None, evt: gr.EventData) -> Updates:
        return on_merge(project, evt) if evt.do == "merge-look" else act(project, evt)

    page.on(panel.act, on_card, [], [panel, merging])
    page.on(merging.act, on_merge, [], [merging])
    page.on(merges.act, on_merges)
    page.on(trash.act, act, [], [panel])
    page.on(file.upload, arrive, [file], [panel, file])
    return Tab("home", [panel, merging, merges, trash], refresh, tick)


def _act(page: Page, evt: gr.EventData) -> str:
    """Answer a click in the cards, the demo's panel or the trash; returns what moves the page on, if anything."""
    workspace = page.workspace
    if evt.do == "create":
        fields = json.loads(evt.value)
        project = workspace.create(fields["name"], fields["language"], fields.get("engine", registry.DEFAULT))
        return html.arrive(f"project={project.slug}&tab=sources", str(project.info.created))
    if evt.do == "copy-project":
        project = start_copy(workspace.project(evt.id), json.loads(evt.value)["engine"])
        return html.arrive(f"project={project.slug}&tab=sources", str(project.info.created))
    if evt.do == "demo":
        from core import demo

        demo.start_demo(workspace, page.t.language, page.settings.device)
    elif evt.do == "rename":
        workspace.project(evt.id).change(name=evt.value)
    elif evt.do == "delete":
        workspace.delete(workspace.project(evt.id))
    elif act_on_trash(workspace, evt):
        return ""
    elif demo_job := _demo_job(page):
        act_on_job(demo_job[0], evt.do, evt.id)
    return ""


def _overview(page: Page) -> str:
    t = page.t
    cards = pipeline.project_cards(page.workspace)
    demo_job = _demo_job(page)
    running = bool(demo_job and demo_job[1].alive())
    grid = "".join(_card(page, card, _alike(cards, card), first=not index) for index, card in enumerate(cards))
    parts = [html.heading(t("home.title"), t("home.purpose"))]
    parts.append(_demo_panel(page, demo_job, cards))
    parts.append(f'<div class="vw-cards">{grid}{_demo_card(page, running, first=not cards)}{_new(page, cards)}</div>')
    return "".join(parts)


def _alike(cards: Sequence[ProjectCard], card: ProjectCard) -> list[tuple[str, str]]:
    """Folders and names of the projects that this one may be merged into, itself among them."""
    key = (card.engine, card.language)
    return [(peer.slug, peer.name) for peer in cards if (peer.engine, peer.language) == key and not peer.problem]


def _new(page: Page, cards: list[ProjectCard]) -> str:
    t = page.t
    # Another form once a project was made, and so an empty one; a refused name stays to be put right.
    stamp = max((card.created for card in cards if not card.demo), default=0.0)
    options = "".join(
        f'<option value="{code}"{" selected" if code == t("home.default_language") else ""}>'
        f"{html.e(t.get(f'languages.{code}', code))}</option>"
        for code in registry.languages()
    )
    name, language = html.e(t("home.name")), html.e(t("home.language"))
    return (
        f'<form class="vw-card" data-key="new{stamp}" data-do="create"><h3>{html.e(t("home.new"))}</h3>'
        f'<label class="vw-field"><span>{name}</span><input type="text" name="name" required maxlength="80"'
        f' autocomplete="off" placeholder="{html.e(t("home.name_example"))}"></label>'
        f'<label class="vw-field"><span>{language}</span><select name="language">{options}</select></label>{_engine(t)}'
        f'<button type="submit" class="vw-btn wide" id="create-project">{html.e(t("home.create"))}</button></form>'
    )


def _engine(t: Translator) -> str:
    """Which model the voice is made with, where there is more than one."""
    if len(registry.engines()) == 1:
        return ""
    names = "".join(f'<option value="{engine.name}">{html.e(engine.label)}</option>' for engine in registry.engines())
    label = html.e(t("home.engine"))
    about = "".join(
        f'<p class="vw-dim"><b>{html.e(engine.label)}</b>: {html.e(t(f"engines.{engine.name}.about"))}</p>'
        for engine in registry.engines()
        if t.has(f"engines.{engine.name}.about")
    )
    field = f'<label class="vw-field"><span>{label}</span><select name="engine">{names}</select></label>'
    return field + html.details(t("home.engine_about"), about)


def _demo_job(page: Page) -> tuple[Project, Job] | None:
    """The newest demo and its job."""
    for project in page.workspace.projects():
        if project.info.demo and (job := project.latest("demo")):
            return project, job
    return None


def _demo_panel(page: Page, demo_job: tuple[Project, Job] | None, cards: list[ProjectCard]) -> str:
    if demo_job is None:
        return ""
    project, job = demo_job
    card = next((peer for peer in cards if peer.slug == project.slug), None)
    has_votes = card and any(step.key == "listen" and step.state != "empty" for step in card.steps)
    if has_votes and not job.alive():
        return ""
    # A stopped demo has nothing to compare: its card says where to go on.
    ok = job.read().status == "done"
    to_listen = html.open_project(page.t("home.demo_listen"), project.slug, "listen", style="primary") if ok else ""
    return job_panel(page.t, job, done_text=page.t("home.demo_done"), next_step=to_listen)


def _demo_card(page: Page, running: bool, *, first: bool) -> str:
    t = page.t
    busy = t("home.demo_running") if running else ""
    button = html.action(
        t("home.demo"), "demo", style="primary wide" if first else "wide", off_reason=busy, elem_id="start-demo"
    )
    return (
        f'<section class="vw-card" data-key="demo"><h3>{html.e(t("home.demo_title"))}</h3>'
        f'<p class="vw-dim">{html.e(t("home.demo_text"))}</p>{html.reason(busy)}{button}</section>'
    )


def _card(page: Page, card: ProjectCard, alike: Sequence[tuple[str, str]], *, first: bool) -> str:
    t = page.t
    facts = [
        t.get(f"languages.{card.language}", card.language),
        *([] if card.problem or len(registry.engines()) < 2 else [registry.info(card.engine).label]),
        t.minutes(card.seconds) if card.seconds else t("home.no_recordings"),
    ]
    called_so = card.name.casefold() == t("home.demo_chip").casefold()
    chip = f'<span class="vw-chip">{html.e(t("home.demo_chip"))}</span>' if card.demo and not called_so else ""
    if card.problem:
        key = "damage.chip" if isinstance(card.problem, DamagedFile) else "damage.chip_newer"
        chip += f' <span class="vw-chip warn">{html.e(t(key))}</span>'
    tab = JOB_TABS.get(card.running.kind, "home") if card.running else card.next
    tab = card.next if tab == "home" else tab  # the demo is at home where it already is seen
    label = t("home.continue", tab=t(f"tabs.{tab}"))
    return (
        f'<article class="vw-card" data-key="{html.e(card.slug)}">'
        f'<div class="vw-spread"><h3>{html.e(card.name)}</h3>{chip}</div>'
        f'<p class="vw-dim">{html.e(" · ".join([*facts, t.moment(card.created)]))}</p>'
        f"{_dots(page, card)}<p>{html.e(_state(page, card))}</p>"
        f"{html.open_project(label, card.slug, tab, style='primary wide' if first else 'wide', name=card.name)}"
        f"{_settings(page, card, alike)}</article>"
    )


def _dots(page: Page, card: ProjectCard) -> str:
    """The road as eight small bars."""
    bars = "".join(f'<i class="{s.state}" title="{html.e(page.t("tabs." + s.key))}"></i>' for s in card.steps)
    count = sum(step.state == "done" for step in card.steps)
    label = page.t("home.steps_done", count=count, total=len(card.steps))
    return f'<div class="vw-dots" role="img" aria-label="{html.e(label)}">{bars}</div>'


def _state(page: Page, card: ProjectCard) -> str:
    t = page.t
    if card.running:
        return job_line(t, card.running)
    if card.problem:
        return t("damage.card")
    if not card.furthest:
        return t("home.just_begun")
    step = next(peer for peer in card.steps if peer.key == card.furthest)
    if step.state == "partial" and step.total:
        how_far = t("job.of", count=t.number(step.count), total=t.number(step.total))
        return t("home.reached_part", tab=t(f"tabs.{step.key}"), how_far=how_far)
    return t("home.reached", tab=t(f"tabs.{step.key}"))


def _settings(page: Page, card: ProjectCard, alike: Sequence[tuple[str, str]]) -> str:
    t = page.t
    counts = {step.key: t.number(step.total) for step in card.steps}
    question = t(
        "home.delete_question",
        name=card.name,
        recordings=counts["sources"],
        clips=counts["segments"],
        runs=counts["train"],
    )
    field = (
        f'<label class="vw-field"><span>{html.e(t("home.name"))}</span><input type="text" data-do="rename"'
        f' data-id="{html.e(card.slug)}" value="{html.e(card.name)}" maxlength="80" required></label>'
    )
    title = f"{t('home.delete')}: {card.name}"
    delete = html.action(t("home.delete"), "delete", card.slug, style="danger quiet", confirm=question, title=title)
    moves = f"{_copy(t, card)}{_take_away(t, card)}{_merge(page, card, alike)}"
    return html.details(t("home.more"), f"{field}{moves}{delete}")


def _copy(t: Translator, card: ProjectCard) -> str:
    """The form that copies a project for another model, where there is one that speaks its language."""
    targets = [engine for engine in registry.engines() if engine.name != card.engine and _speaks(engine.name, card)]
    if not targets or card.problem:
        return ""
    names = "".join(f'<option value="{html.e(engine.name)}">{html.e(engine.label)}</option>' for engine in targets)
    return (
        f'<form data-do="copy-project" data-id="{html.e(card.slug)}" class="vw-take"><p class="vw-dim">'
        f'{html.e(t("copy.help"))}</p><label class="vw-field"><span>{html.e(t("copy.engine"))}</span>'
        f'<select name="engine">{names}</select></label>'
        f'<button type="submit" class="vw-btn">{html.e(t("copy.copy"))}</button></form>'
    )


def _speaks(engine: str, card: ProjectCard) -> bool:
    try:
        registry.language_code(card.language, engine)
    except UserError:
        return False
    return True


def _merge(page: Page, card: ProjectCard, alike: Sequence[tuple[str, str]]) -> str:
    targets = [] if card.problem else [(slug, name) for slug, name in alike if slug != card.slug]
    return merge_choice(page.t, card.slug, targets, page.t("merge.busy") if card.running else "")


def _take_away(t: Translator, card: ProjectCard) -> str:
    """The form that sends the whole project as one file."""
    choices = "".join(
        f'<label class="vw-tick"><input type="checkbox" name="with" value="{option}" checked> '
        f"{html.e(t(f'transfer.{option}'))}</label>"
        for option in OPTIONS
    )
    off = t("transfer.busy") if card.running else ""
    button = f'<button type="submit" class="vw-btn"{" disabled" if off else ""}>{html.e(t("transfer.take"))}</button>'
    return (
        f'<form action="{html.e(project_url(card.slug))}" class="vw-take"><p class="vw-dim">'
        f"{html.e(t('transfer.take_help'))}</p>{choices}{html.reason(off)}{button}</form>"
    )
