"""The train tab: on the left what to train and Start, on the right how it goes."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import gradio as gr
from pydantic import BaseModel

from core.dataset.freeze import DatasetInfo, datasets
from core.engines.options import TrainConfig
from core.engines.registry import bases, preload, train_config
from core.errors import UserError
from core.jobs.args.bases import RewriteBaseArgs, TryBaseArgs
from core.jobs.args.training import MeasurePaceArgs
from core.listening.ranking import run_votes
from core.project.workspace import Project
from core.system import hardware
from core.training.cost import estimate, measure_pace
from core.training.draft import changed_settings, keep_changed_settings
from core.training.presets import Preset, choose, preset, presets
from core.training.room import expected_bytes
from core.training.run import Run, runs
from core.training.start import start_training
from ui import html
from ui.form import Form
from ui.i18n import Translator
from ui.job_panel import act_on_job, in_line, is_live, job_panel
from ui.page import Page, Tab, Updates, view_of
from ui.parts import Panel
from ui.parts.engine_forms import EngineForms, changes_list
from ui.parts.queue_strip import say_place
from ui.parts.select import select
from ui.tabs.train.base_model import act_on_base, base_name, base_panel, base_ready
from ui.tabs.train.coach import act_on_coach
from ui.tabs.train.control import act_on_run
from ui.tabs.train.from_hub import act_on_hub, hub_form
from ui.tabs.train.ready import ready_view
from ui.tabs.train.runs_table import act_on_runs, runs_table
from ui.tabs.train.sweep import SweepDraft, act_on_sweep, sweep_forms
from ui.tabs.train.tries import act_on_tries
from ui.tabs.train.unread import act_on_unread
from ui.tabs.train.view import run_chooser, run_view


@dataclass(frozen=True)
class Selection:
    """What is chosen on the left; the address keeps it, so a reload does too."""

    base: str
    dataset: str
    preset: Preset
    run: Run | None
    overlay: list[str]
    all_runs: list[Run]
    all_datasets: list[DatasetInfo]

    @classmethod
    def read(cls, project: Project, query: str) -> Selection:
        """From the address, or what suits best where it is silent or out of date."""
        view, frozen, all_runs = view_of(query), datasets(project), runs(project)
        engine = project.info.engine
        by_id = {preset.id: preset for preset in presets(engine)}
        cards = hardware.cards()
        recommendation = choose(cards[0].total_gb if cards else None, engine)
        base = view.get("base", "")
        return cls(
            base if base in _bases(project) else _default_base(project),
            next((data.id for data in frozen if data.id == view.get("dataset")), frozen[0].id if frozen else ""),
            by_id.get(view.get("preset", ""), recommendation),
            next((run for run in all_runs if run.id == view.get("run")), _at_work(all_runs)),
            [id_ for id_ in view.get("overlay", "").split(",") if id_],
            all_runs,
            frozen,
        )


def _bases(project: Project) -> list[str]:
    return [*bases(project.info.engine).catalog, "folder"]


def _default_base(project: Project) -> str:
    if runs(project):
        last = runs(project)[0].base_id
        return last if last in _bases(project) else "folder"
    models = bases(project.info.engine)
    return models.small if project.info.demo else models.default


def _at_work(all_runs: list[Run]) -> Run | None:
    """What a person comes to see: the run that is at work, be it resumed or with others behind it, else the last."""
    at_work = (run for run in all_runs if run.job.read().status in ("running", "paused"))
    return next(at_work, max(all_runs, key=_last_sign, default=None))


def _last_sign(run: Run) -> float:
    """When something was last heard of a run, as Unix time in seconds."""
    try:
        return run.job.events_path.stat().st_mtime
    except OSError:
        return run.job.read().created_at


def _folder_at_work(project: Project) -> str:
    """The folder that a job tries or rewrites the weights of; empty if none does."""
    newest = [
        *((job, args.folder) for job, args in islice(project.jobs_of(TryBaseArgs), 1)),
        *((job, args.folder) for job, args in islice(project.jobs_of(RewriteBaseArgs), 1)),
    ]
    return next((str(folder) for job, folder in newest if is_live(job)), "")


def build(page: Page) -> Tab:
    """Lay the tab out."""
    t = page.t
    top = Panel()
    with gr.Row(visible=False, elem_classes=["vw-columns"]) as body:
        with gr.Column(scale=2, min_width=320):
            setup = Panel()
            folder = gr.Textbox(label=t("train.folder"), visible=False)
            base = Panel()
            hub = Panel()
            ready = Panel()
            name = gr.Textbox(
                label=t("train.name"),
                placeholder=t("train.name_example"),
                max_length=80,
                elem_id="run-name",
                elem_classes=["vw-draft"],
            )
            cost = Panel()
            marks = Panel()
            with gr.Accordion(t("common.more_settings"), open=False):
                forms = EngineForms(t, train_config, "training", functools.partial(_grouped, t))
            source = gr.Textbox(visible=False)
            actions = Panel(elem_id="train-actions")
            sweep, planned = Panel(), Panel()
        with gr.Column(scale=3, min_width=320):
            chooser = Panel()
            live = Panel()
    table = Panel()
    inputs = forms.inputs

    def refresh(project: Project | None, query: str, last_key: str, path: str | None, *all_values: Any) -> Updates:
        heading = html.heading(t("tabs.train"), t("train.purpose"))
        lead = _lead(t, project)
        if project is None or lead:
            return {top: heading + lead, body: gr.update(visible=False), table: ""}
        preload(project.info.engine)
        selection = Selection.read(project, query)
        updates: Updates = {top: heading, body: gr.update(visible=True)}
        key = f"{project.slug}/{selection.preset.id}"
        form, values = forms.own(project.info.engine, all_values)
        if last_key != key:
            draft = changed_settings(project, selection.preset.id)
            filling = form.fill({**selection.preset.values, **draft})
            updates |= form.differing(filling, values) | {source: key, planned: ""}
            updates |= forms.shown(project.info.engine)
            values = [filling[field] for field in form.inputs]
        return updates | {
            setup: _setup(t, project, selection),
            folder: gr.update(visible=selection.base == "folder", info=t("train.folder_help", files=_files(project))),
            base: base_panel(t, project, selection.base),
            hub: hub_form(t, project) if selection.base == "folder" else "",
            ready: ready_view(t, project, selection.dataset, selection.base, path, selection.preset),
            **show_changes(project, selection, form, values),
            **_live(project, selection),
            table: runs_table(t, selection.all_runs, selection.run, selection.overlay, run_votes(project)),
        }

    def show_changes(project: Project, selection: Selection, form: Form, values: Sequence[Any]) -> Updates:
        changes = form.changes(values, selection.preset.values)
        return {
            cost: _cost(t, project, selection, changes),
            marks: changes_list(t, form, selection.preset.config().model_dump(), changes),
            sweep: sweep_forms(t, selection.preset.id, changes),
        }

    def _live(project: Project, selection: Selection) -> Updates:
        return {
            actions: _actions(t, project, selection),
            chooser: run_chooser(t, selection.all_runs, selection.run),
            live: run_view(
                t, project, selection.run, [run for run in selection.all_runs if run.id in selection.overlay]
            ),
        }

    def tick(project: Project | None, query: str) -> Updates:
        if project is None or not datasets(project):
            return {}
        selection = Selection.read(project, query)
        panels = _live(project, selection) | {base: base_panel(t, project, selection.base)}
        if selection.base != "folder" and is_live(project.latest("download_base")):
            panels[ready] = ready_view(t, project, selection.dataset, selection.base, "", selection.preset)
        if selection.base == "folder" and is_live(project.latest("fetch_base")):
            panels[hub] = hub_form(t, project)
        if selection.base == "folder" and (place := _folder_at_work(project)):
            panels[ready] = ready_view(t, project, selection.dataset, "folder", place, selection.preset)
        if is_live(project.latest("measure_pace")):
            draft = changed_settings(project, selection.preset.id)
            panels[cost] = _cost(t, project, selection, draft)
        return panels

    def edit(project: Project | None, query: str, *all_values: Any) -> Updates:
        if project is None:
            return {}
        selection = Selection.read(project, query)
        form, values = forms.own(project.info.engine, all_values)
        keep_changed_settings(project, selection.preset.id, form.changes(values, selection.preset.values))
        return show_changes(project, selection, form, values)

    def act(project: Project | None, evt: Any, query: str, title: str, path: str, *all_values: Any) -> Updates | None:
        if project is None or act_on_job(project, evt.do, evt.id) or act_on_base(project, evt.do, evt.id):
            return None
        if act_on_run(project, evt) or act_on_runs(t, project, evt):
            return None
        if act_on_coach(t, project, evt, page.settings.device):
            return None
        if act_on_tries(page, project, evt) or act_on_hub(project, evt) or act_on_unread(project, evt):
            return None
        if evt.do == "use-fetched":
            return {folder: evt.id}
        if evt.do == "answer-base":
            bases(project.info.engine).answer(project.workspace.models, Path(evt.id), json.loads(evt.value))
            return None
        if evt.do not in ("start", "measure-pace"):
            return None
        selection = Selection.read(project, query)
        base_id = bases(project.info.engine).local(path) if selection.base == "folder" else selection.base
        form, values = forms.own(project.info.engine, all_values)
        form.parse(values)  # names a bad number by its label
        changes = form.changes(values, selection.preset.values)
        if evt.do == "measure-pace":
            _measure_pace(page, project, selection, base_id, changes)
            return None
        job = start_training(
            project, selection.dataset, selection.preset.id, changes, title, base_id,
            device=page.settings.device, wait=True,
        )  # fmt: skip
        say_place(page, job)
        run_list = run_chooser(t, selection.all_runs, selection.run)
        return {name: "", chooser: run_list + html.arrive(f"run={job.id}", job.id)}

    def on_sweep(project: Project | None, evt: Any, query: str, title: str, path: str, *all_values: Any) -> Updates:
        if project is None:
            return {}
        selection = Selection.read(project, query)
        form, values = forms.own(project.info.engine, all_values)
        form.parse(values)  # names a bad number by its label
        base_id = bases(project.info.engine).local(path) if selection.base == "folder" else selection.base
        changes = form.changes(values, selection.preset.values)
        draft = SweepDraft(selection.dataset, selection.preset.id, base_id, changes)
        return {planned: act_on_sweep(t, project, draft, evt, title, page.settings.device)}

    def reset(project: Project | None, evt: Any, query: str, *all_values: Any) -> Updates | None:
        if project is None:
            return None
        selection = Selection.read(project, query)
        form, values = forms.own(project.info.engine, all_values)
        filling = form.fill(selection.preset.values)
        if evt.id:
            field = form.inputs[form.names.index(evt.id)]
            filling = {**dict(zip(form.inputs, values, strict=True)), field: filling[field]}
        values = [filling[field] for field in form.inputs]
        keep_changed_settings(project, selection.preset.id, form.changes(values, selection.preset.values))
        return filling | show_changes(project, selection, form, values)

    def look(project: Project | None, query: str, path: str | None) -> Updates:
        if project is None or not datasets(project):
            return {}
        selection = Selection.read(project, query)
        return {ready: ready_view(t, project, selection.dataset, selection.base, path, selection.preset)}

    page.on(folder.change, look, [page.view, folder], [ready], refresh=False)
    for panel in (actions, live, base, hub, cost, ready, table):
        page.on(panel.act, act, [page.view, name, folder, *inputs], [name, chooser, folder])
    for panel in (sweep, planned):
        page.on(panel.act, on_sweep, [page.view, name, folder, *inputs], [planned])
    page.on(marks.act, reset, [page.view, *inputs], [cost, marks, sweep, *inputs], refresh=False)
    changes = functools.partial(gr.on, [field.input for field in inputs])
    page.on(changes, edit, [page.view, *inputs], [cost, marks, sweep], refresh=False)
    outputs = [top, body, setup, folder, base, hub, ready, cost, marks, source, actions, sweep, planned]
    outputs += [chooser, live, table, *forms.outputs]
    return Tab("train", outputs, refresh, tick, [page.view, source, folder, *inputs])


def _measure_pace(page: Page, project: Project, selection: Selection, base_id: str, changes: Mapping[str, Any]) -> None:
    args = MeasurePaceArgs(
        dataset=selection.dataset,
        base=base_id,
        preset=selection.preset.id,
        changes=dict(changes),
        device=page.settings.device,
    )
    say_place(page, measure_pace(project, args))


def _grouped(t: Translator, model: type[BaseModel]) -> dict[str, list[str]]:
    """The settings by the part of the form they stand in: what everybody may turn, and what an expert does."""
    assert issubclass(model, TrainConfig)
    groups: dict[str, list[str]] = {"length": [], "learning": [], "memory": [], "expert": []}
    for name in model.form_fields():
        extra = model.model_fields[name].json_schema_extra
        group = str(extra.get("group", "")) if isinstance(extra, dict) else ""
        groups.get(group, groups["expert"]).append(name)
    return {t(f"train.group_{key}"): names for key, names in groups.items()}


def _lead(t: Translator, project: Project | None) -> str:
    """The empty state, if something is missing that has to come first."""
    if project is None:
        return html.empty(t("common.no_project"), html.go(t("common.to_home"), "home"))
    if not datasets(project):
        return html.empty(t("train.no_dataset"), html.go(t("common.go_to", tab=t("tabs.dataset")), "dataset"))
    return ""


def _files(project: Project) -> str:
    models = bases(project.info.engine)
    others = {name: f"{name} (*{suffix})" for name, suffix in models.rewritten.items()}
    return ", ".join(others.get(name, name) for name in models.required_files)


def _setup(t: Translator, project: Project, selection: Selection) -> str:
    cards, engine = hardware.cards(), project.info.engine
    recommendation = choose(cards[0].total_gb if cards else None, engine).id
    names = [(base_id, base_name(t, project, base_id)) for base_id in bases(engine).catalog]
    names.append(("folder", t("train.base_folder")))
    frozen = [
        (data.id, t("train.dataset_line", id=data.name, minutes=t.minutes(data.seconds), at=t.moment(data.at)))
        for data in selection.all_datasets
    ]
    sizes = [
        (size.id, t.get(size.label_key, size.id) + (f" · {t('train.suits')}" if size.id == recommendation else ""))
        for size in presets(engine)
    ]
    about = t.get(selection.preset.description_key, "")
    return (
        select(t("train.base"), "base", names, selection.base)
        + select(t("train.dataset"), "dataset", frozen, selection.dataset)
        + select(t("train.preset"), "preset", sizes, selection.preset.id, help=about)
    )


def _cost(t: Translator, project: Project, selection: Selection, changes: dict[str, Any]) -> str:
    try:
        config = preset(selection.preset.id).config(changes)
    except UserError:
        return ""  # a number that cannot be, perhaps half typed; Start says so
    cost = estimate(project, config, None if selection.base == "folder" else selection.base)
    parts = [t("train.cost_update", clips=t.number(cost.clips))]
    frozen = next((data for data in selection.all_datasets if data.id == selection.dataset), None)
    if frozen and frozen.train:
        times = cost.updates * cost.clips / frozen.train
        parts.append(
            t(
                "train.cost_times",
                updates=t.number(cost.updates),
                train=t.number(frozen.train),
                times=t.number(times, 1 if times < 10 else 0),
            )
        )
    if cost.seconds is not None:
        parts.append(t("train.cost_probe" if cost.is_probe else "train.cost_time", time=t.length(cost.seconds)))
    else:
        parts.append(t("train.cost_unknown"))
    if cost.memory_gb is not None:
        parts.append(t("train.cost_memory", gb=t.number(cost.memory_gb, 1)))
    elif selection.preset.min_vram_gb:
        parts.append(t("train.cost_card", gb=t.number(selection.preset.min_vram_gb)))
    if selection.base != "folder":
        disk_gb = expected_bytes(project, config, selection.base) / 1e9
        free_gb = shutil.disk_usage(project.path).free / 1e9
        parts.append(t("train.cost_disk", gb=t.number(disk_gb, 1), free=t.number(free_gb, 0 if free_gb > 10 else 1)))
    probe = "" if cost.seconds is not None else _probe(t, project, selection)
    return f'<p class="vw-dim">{html.e(" ".join(parts))}</p>{probe}'


def _probe(t: Translator, project: Project, selection: Selection) -> str:
    """The button that times a few updates before the first run, and its job."""
    job = project.latest("measure_pace")
    if job and (job.alive() or job.read().status == "failed"):
        return job_panel(t, job)
    if not base_ready(project, selection.base):
        return ""
    button = html.action(t("train.measure_pace"), "measure-pace", title=t("train.measure_pace_help"))
    return f'<div class="vw-row">{button}<span class="vw-dim">{html.e(t("train.measure_pace_help"))}</span></div>'


def _actions(t: Translator, project: Project, selection: Selection) -> str:
    """Start, or Start when the card is free; one that goes on or could is the page's first choice, not a new one."""
    holder = project.workspace.on_card()
    reason = _blocking_job(t, project, holder) or ("" if base_ready(project, selection.base) else t("train.no_base"))
    view = selection.run.read() if selection.run else None
    style = "wide" if view and (view.job.active or view.resumable) else "primary wide"
    label = t("train.start_later") if holder and not reason else t("train.start")
    button = html.action(label, "start", style=style, off_reason=reason, elem_id="start-training")
    note = reason or in_line(t, project)
    return f'<div class="vw-row">{button}</div>{html.reason(note)}'


def _blocking_job(t: Translator, project: Project, holder: dict[str, Any]) -> str:
    """The job of this project that has to end first: any but the one on the card, which can be waited for."""
    for job in project.all_jobs():
        if job.alive() and str(job.path) != holder.get("path") and job.read().status != "waiting":
            spec = job.spec()
            return t("job.in_the_way", job=t.job_name(spec.kind, spec.title))
    return ""
