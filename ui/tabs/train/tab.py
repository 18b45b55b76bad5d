"""The train tab: on the left what to train and Start, on the right how it goes."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import gradio as gr
from pydantic import BaseModel

from core.dataset.freeze import datasets
from core.engines.options import TrainConfig
from core.engines.registry import bases, preload, train_config
from core.jobs.args.bases import RewriteBaseArgs, TryBaseArgs
from core.jobs.args.training import MeasurePaceArgs
from core.listening.ranking import run_votes
from core.project.workspace import Project
from core.training.draft import changed_settings, keep_changed_settings
from core.training.probe import start_probe
from core.training.start import start_training
from ui import html
from ui.form import Form
from ui.i18n import Translator
from ui.job_panel import act_on_job, is_live
from ui.page import Page, Tab, Updates, view_of
from ui.parts import Panel
from ui.parts.engine_forms import EngineForms, changes_list
from ui.parts.queue_strip import say_place
from ui.tabs.train.base_model import act_on_base, base_panel
from ui.tabs.train.coach import act_on_coach
from ui.tabs.train.control import act_on_run
from ui.tabs.train.from_hub import act_on_hub, hub_form
from ui.tabs.train.ready import folder_of, ready_view
from ui.tabs.train.runs_table import act_on_runs, runs_table
from ui.tabs.train.selection import Selection
from ui.tabs.train.setup import actions_view, cost_view, setup_view
from ui.tabs.train.sweep import SweepDraft, act_on_sweep, sweep_forms
from ui.tabs.train.tries import act_on_tries
from ui.tabs.train.unread import act_on_unread
from ui.tabs.train.view import run_chooser, run_view


def _is_at_work(project: Project, path: str) -> bool:
    """Whether a job tries or rewrites the weights of the folder that the field names."""
    folder = folder_of(path)
    newest = [
        *((job, args.folder) for job, args in islice(project.jobs_of(TryBaseArgs), 1)),
        *((job, args.folder) for job, args in islice(project.jobs_of(RewriteBaseArgs), 1)),
    ]
    return any(place == folder and is_live(job) for job, place in newest)


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
            sweep, plan = Panel(), Panel()
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
        refill: dict[str, str] = {}
        if not last_key and not path and (path := view_of(query).get("folder")):  # a page that was loaded anew
            refill = {"value": path}
        updates: Updates = {top: heading, body: gr.update(visible=True)}
        key = f"{project.slug}/{selection.preset.id}"
        form, values = forms.own(project.info.engine, all_values)
        if last_key != key:
            draft = changed_settings(project, selection.preset.id)
            filling = form.fill({**selection.preset.values, **draft})
            updates |= form.differing(filling, values) | {source: key, plan: ""}
            updates |= forms.shown(project.info.engine)
            values = [filling[field] for field in form.inputs]
        return updates | {
            setup: setup_view(t, project, selection),
            folder: gr.update(
                visible=selection.base == "folder", info=t("train.folder_help", files=_files(project)), **refill
            ),
            base: base_panel(t, project, selection.base),
            hub: hub_form(t, project) if selection.base == "folder" else "",
            ready: ready_list(project, selection, path),
            **show_changes(project, selection, form, values),
            **_live(project, selection),
            table: runs_table(t, selection.all_runs, selection.run, selection.overlay, run_votes(project)),
        }

    def ready_list(project: Project, selection: Selection, path: str | None) -> str:
        """What a run needs; the address follows the folder that is typed, by which a tick knows it."""
        needs = ready_view(t, project, selection.dataset, selection.base, path, selection.preset)
        if selection.base == "folder":
            needs += html.arrive(urlencode({"folder": path or ""}), path or "")
        return needs

    def show_changes(project: Project, selection: Selection, form: Form, values: Sequence[Any]) -> Updates:
        changes = form.changes(values, selection.preset.values)
        return {
            cost: cost_view(t, project, selection, changes),
            marks: changes_list(t, form, selection.preset.config().model_dump(), changes),
            sweep: sweep_forms(t, selection.preset.id, changes),
        }

    def _live(project: Project, selection: Selection) -> Updates:
        return {
            actions: actions_view(t, project, selection),
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
            panels[ready] = ready_list(project, selection, "")
        if selection.base == "folder" and is_live(project.latest("fetch_base")):
            panels[hub] = hub_form(t, project)
        path = view_of(query).get("folder", "")
        if selection.base == "folder" and _is_at_work(project, path):
            panels[ready] = ready_list(project, selection, path)
        if is_live(project.latest("measure_pace")):
            draft = changed_settings(project, selection.preset.id)
            panels[cost] = cost_view(t, project, selection, draft)
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
        return {plan: act_on_sweep(t, project, draft, evt, title, page.settings.device)}

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
        return {ready: ready_list(project, selection, path)}

    page.on(folder.change, look, [page.view, folder], [ready], refresh=False)
    for panel in (actions, live, base, hub, cost, ready, table):
        page.on(panel.act, act, [page.view, name, folder, *inputs], [name, chooser, folder])
    for panel in (sweep, plan):
        page.on(panel.act, on_sweep, [page.view, name, folder, *inputs], [plan])
    page.on(marks.act, reset, [page.view, *inputs], [cost, marks, sweep, *inputs], refresh=False)
    changes = functools.partial(gr.on, [field.input for field in inputs])
    page.on(changes, edit, [page.view, *inputs], [cost, marks, sweep], refresh=False)
    outputs = [top, body, setup, folder, base, hub, ready, cost, marks, source, actions, sweep, plan]
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
    say_place(page, start_probe(project, args))


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
    names = {name: f"{name} (*{suffix})" for name, suffix in models.rewritten.items()}
    return ", ".join(names.get(name, name) for name in models.required_files)
