"""Setup panels: base, dataset and preset to choose from, what the run will cost, and the Start button."""

from __future__ import annotations

import shutil
from typing import Any

from core.engines.registry import bases
from core.errors import UserError
from core.project.workspace import Project
from core.training.cost import estimate
from core.training.presets import machine_preset, preset, presets
from core.training.room import expected_bytes
from ui import html
from ui.i18n import Translator
from ui.job_panel import in_line, job_panel
from ui.parts.select import select
from ui.tabs.train.base_model import base_name, base_ready
from ui.tabs.train.selection import Selection


def setup_view(t: Translator, project: Project, selection: Selection) -> str:
    engine = project.info.engine
    recommendation = machine_preset(engine).id
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


def cost_view(t: Translator, project: Project, selection: Selection, changes: dict[str, Any]) -> str:
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


def actions_view(t: Translator, project: Project, selection: Selection) -> str:
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
