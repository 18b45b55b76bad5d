"""Which batch size is quickest on this card: a button, its job, and the table of what was tried."""

from __future__ import annotations

from typing import Any

from core.dataset.freeze import latest
from core.jobs.args.training import TryBatchesArgs
from core.project.engine import usual_base
from core.project.workspace import Project
from core.system import hardware
from core.training.batches import tried_batches
from core.training.draft import changed_settings, keep_changed_settings
from core.training.presets import Preset, choose
from core.training.probe import start_probe
from ui import html
from ui.batches import batches_table
from ui.i18n import Translator
from ui.job_panel import act_on_job, in_line, is_live, job_panel
from ui.page import Page
from ui.tabs.train.base_model import base_ready


def batches_card(page: Page, project: Project | None) -> str:
    """HTML of the card; `act_on_batches` answers its buttons."""
    t = page.t
    parts = [f'<p class="vw-dim">{html.e(t("batches.help"))}</p>']
    off = _reason(t, project)
    job = project.latest("try_batches") if project else None
    if job:
        batches = project and tried_batches(project.workspace, _preset(project).id)
        parts.append(job_panel(t, job, done_text=t("batches.done" if batches else "batches.no_choice")))
    if not (job and job.alive()):
        button = html.action(t("batches.try"), "try-batches", off_reason=off, elem_id="try-batches")
        parts.append(f'{html.reason(off)}<div class="vw-row">{button}</div>')
        parts.append(html.reason(in_line(t, project)) if project and not off else "")
    if project and not off:
        parts.append(_result(t, project))
    return f'<section class="vw-card"><h3>{html.e(t("batches.title"))}</h3>{"".join(parts)}</section>'


def is_trying(project: Project | None) -> bool:
    """Whether the card changes by itself."""
    return project is not None and is_live(project.latest("try_batches"))


def act_on_batches(page: Page, project: Project | None, evt: Any) -> bool:
    """Answer the card's buttons; False if ``evt.do`` is not one of them.

    Raises:
        UserError: as of `start_probe`.
    """
    if project is None:
        return False
    preset = _preset(project)
    if evt.do == "try-batches" and not _reason(page.t, project):
        frozen = latest(project)
        args = TryBatchesArgs(
            dataset=frozen.id if frozen else "",
            base=usual_base(project),
            preset=preset.id,
            changes=changed_settings(project, preset.id),
            device=page.settings.device,
        )
        start_probe(project, args)
    elif evt.do == "use-batches" and (batches := tried_batches(page.workspace, preset.id)):
        keep_changed_settings(project, preset.id, {**changed_settings(project, preset.id), **batches.changes})
    else:
        return act_on_job(project, evt.do, evt.id) if evt.do in ("stop", "force", "dismiss") else False
    return True


def _result(t: Translator, project: Project) -> str:
    preset = _preset(project)
    batches = tried_batches(project.workspace, preset.id)
    if batches is None:
        return ""
    table = batches_table(t, batches)
    name = t.get(preset.label_key, preset.id)
    if not batches.changes:
        return table
    changes = changed_settings(project, preset.id)
    if batches.changes.items() <= changes.items():
        return f"{table}{html.notice(t('batches.used', preset=name), 'good')}"
    return f'{table}<div class="vw-row">{html.action(t("batches.use", preset=name), "use-batches")}</div>'


def _preset(project: Project) -> Preset:
    cards = hardware.cards()
    return choose(cards[0].total_gb if cards else None, project.info.engine)


def _reason(t: Translator, project: Project | None) -> str:
    """Why nothing can be tried; empty if it can."""
    if project is None:
        return t("batches.no_project")
    if latest(project) is None:
        return t("batches.no_dataset")
    return "" if base_ready(project, usual_base(project)) else t("batches.no_base")
