"""Sweep on the Train page: values of one setting to be tried in turn, what that costs, and the runs in the queue."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from core.errors import UserError
from core.project.workspace import Project
from core.training.presets import preset
from core.training.sweep import MOST_RUNS, Sweep, plan_sweep, proposed_values, start_sweep, sweep_fields
from ui import html
from ui.i18n import Translator
from ui.tabs.train.runs_table import MOST_OVERLAID


@dataclass(frozen=True)
class SweepDraft:
    """What is chosen on the left of the page: everything but the values."""

    dataset: str
    preset: str
    base: str
    changes: dict[str, Any]


def sweep_forms(t: Translator, preset_id: str, changes: Mapping[str, Any]) -> str:
    """A row for each setting of which several values may be tried, with values proposed; folded up."""
    try:
        config = preset(preset_id).config(dict(changes))
    except UserError:
        return ""  # a number that cannot be, perhaps half typed; Start says so
    rows = []
    for field in sweep_fields(config):
        proposals = proposed_values(config, field)
        values = " ".join(str(value) if isinstance(value, int) else t.plain(value) for value in proposals)
        rows.append(
            f'<form data-do="sweep-look" data-id="{html.e(field)}" class="vw-row"><label class="vw-field">'
            f"<span>{html.e(t(f'training.{field}'))}</span>"
            f'<input type="text" name="values" required maxlength="200" autocomplete="off" value="{html.e(values)}">'
            f'</label><button type="submit" class="vw-btn">{html.e(t("sweep.look"))}</button></form>'
        )
    about = f'<p class="vw-dim">{html.e(t("sweep.help", most=MOST_RUNS))}</p>'
    return html.details(t("sweep.title"), about + "".join(rows)) if rows else ""


def sweep_preview(t: Translator, project: Project, draft: SweepDraft, field: str, values_text: str) -> str:
    """What the runs would take, with the button that puts them into the queue.

    Raises:
        UserError: ``sweep.no_number``; as of `plan_sweep`.
    """
    sweep = _planned(project, draft, field, values_text)
    columns = ("value", "updates", "time", "disk")
    head = "".join(f"<th>{html.e(t(f'sweep.{name}'))}</th>" for name in columns)
    rows = "".join(
        f"<tr><td>{html.e(t.plain(run.value))}</td><td>{html.e(t.number(run.cost.updates))}</td>"
        f"<td>{html.e(_time(t, run.cost.seconds))}</td><td>{html.e(t.megabytes(run.bytes))}</td></tr>"
        for run in sweep.runs
    )
    total = t(
        "sweep.total" if sweep.seconds is not None else "sweep.total_unknown",
        time=_time(t, sweep.seconds),
        size=t.megabytes(sweep.bytes),
        free=t.megabytes(shutil.disk_usage(project.path).free),
    )
    draft_json = json.dumps({"field": field, "values": values_text, "draft": asdict(draft)}, sort_keys=True)
    buttons = html.action(t("sweep.start", count=t.number(len(sweep.runs))), "sweep-start", draft_json, style="primary")
    buttons += html.action(t("sweep.close"), "sweep-close")
    return (
        f'<section class="vw-card" data-key="sweep" data-reveal="sweep {html.e(field)} {html.e(values_text)}">'
        f"<h3>{html.e(t('sweep.of', setting=t(f'training.{field}')))}</h3>"
        f'<div class="vw-scroll" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
        f'<p>{html.e(total)}</p><p class="vw-dim">{html.e(t("sweep.after"))}</p>'
        f'<div class="vw-row">{buttons}</div></section>'
    )


def act_on_sweep(t: Translator, project: Project, draft: SweepDraft, evt: Any, name: str, device: str) -> str:
    """Answer this part's buttons with what stands in its place from now on.

    Runs start as they were shown: where something was changed on the page since, the new cost is shown first.

    Raises:
        UserError: as of `sweep_preview` and `start_sweep`.
    """
    if evt.do == "sweep-look":
        return sweep_preview(t, project, draft, evt.id, str(json.loads(evt.value)["values"]))
    if evt.do != "sweep-start":
        return ""
    wish = json.loads(evt.id)
    field, values_text = str(wish["field"]), str(wish["values"])
    if wish["draft"] != json.loads(json.dumps(asdict(draft))):
        return html.notice(t("sweep.changed")) + sweep_preview(t, project, draft, field, values_text)
    sweep = _planned(project, draft, field, values_text)
    label = t(f"training.{field}")
    titles = [" · ".join(part for part in (name, f"{label} {t.plain(run.value)}") if part) for run in sweep.runs]
    jobs = start_sweep(project, draft.dataset, draft.preset, sweep, draft.base, titles, device=device)
    overlay = ",".join(job.id for job in jobs[1 : MOST_OVERLAID + 1])
    arrive = html.arrive(f"run={jobs[0].id}&overlay={overlay}", jobs[0].id)
    return html.notice(t("sweep.queued", count=t.number(len(jobs))), "good") + arrive


def _planned(project: Project, draft: SweepDraft, field: str, values_text: str) -> Sweep:
    config = preset(draft.preset).config(draft.changes)
    is_whole = isinstance(getattr(config, field, None), int)
    values = [_number(text, is_whole) for text in re.split(r"[;\s]+|,\s+", values_text.strip()) if text]
    return plan_sweep(project, draft.preset, draft.changes, draft.base, field, values)


def _number(text: str, is_whole: bool) -> float:
    """What was typed; in a whole number, points and commas part thousands."""
    try:
        value = int(re.sub(r"[.,](?=\d{3}\b)", "", text)) if is_whole else float(text.replace(",", "."))
        if not math.isfinite(value):
            raise ValueError
    except ValueError:
        raise UserError(
            "sweep.no_number",
            "“{given}” is not a number.",
            "Write numbers with a space between them, such as 0.0001 0.0002.",
            given=text[:40],
        ) from None
    return value


def _time(t: Translator, seconds: float | None) -> str:
    return "–" if seconds is None else t.length(seconds)
