"""Merging a project into another one: the choice on its card, what would come in and what stays, and its job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core import merge
from core.jobs.args.projects import MergeProjectArgs
from core.jobs.job import Job
from core.merge_plan import Conflict, plan_merge
from core.project.workspace import Project, Workspace
from ui import html
from ui.i18n import Translator
from ui.job_panel import act_on_job, is_live, job_panel

_MOST_NAMES = 30


def merge_choice(t: Translator, slug: str, targets: Sequence[tuple[str, str]], busy: str) -> str:
    """A form that asks what merging a project into one of ``targets`` would do, by folder and name; empty without any.

    ``busy`` says why it is off.
    """
    if not targets:
        return ""
    options = "".join(f'<option value="{html.e(target)}">{html.e(name)}</option>' for target, name in targets)
    field = f'<span>{html.e(t("merge.into"))}</span><select name="target">{options}</select>'
    button = f'<button type="submit" class="vw-btn"{" disabled" if busy else ""}>{html.e(t("merge.look"))}</button>'
    return (
        f'<form data-do="merge-look" data-id="{html.e(slug)}"><p class="vw-dim">{html.e(t("merge.help"))}</p>'
        f'<label class="vw-field">{field}</label>{html.reason(busy)}{button}</form>'
    )


def merge_preview(t: Translator, workspace: Workspace, origin_slug: str, target_slug: str) -> str:
    """What would come in and what stays, with the button that does it.

    Raises:
        UserError: as of `plan_merge`.
    """
    origin, target = workspace.project(origin_slug), workspace.project(target_slug)
    plan = plan_merge(origin, target)
    names = {"origin": origin.info.name, "target": target.info.name}
    merge_button = html.action(t("merge.do"), "merge", f"{origin.slug}/{target.slug}", style="primary")
    buttons = "" if plan.is_empty else merge_button
    buttons += html.action(t("merge.not_now"), "merge-close")
    facts = _facts(t, plan.counts, plan.conflicts, len(plan.conflicts))
    title, lead = html.e(t("merge.title", **names)), html.e(t("merge.nothing" if plan.is_empty else "merge.preview"))
    return (
        f'<section class="vw-card" data-key="merge" data-reveal="{html.e(origin.slug)}{html.e(target.slug)}">'
        f'<h3>{title}</h3><p>{lead}</p>{facts}<div class="vw-row">{buttons}</div></section>'
    )


def start_merge(workspace: Workspace, slugs: str) -> None:
    """Have what `merge_preview` has shown brought in by a job; ``slugs`` are those of its button.

    Raises:
        UserError: as of `core.merge.start_merge`.
    """
    origin, target = map(workspace.project, slugs.split("/"))
    merge.start_merge(origin, target)


def merge_jobs(t: Translator, workspace: Workspace) -> str:
    """How far merges are, and what those that are done have brought, until a person has put that away."""
    parts = []
    for project, job in _newest_jobs(workspace):
        view = job.read()
        panel = job_panel(
            t,
            job,
            done_text=t("merge.done", origin=view.title, target=project.info.name),
            next_step=html.open_project(t("merge.open"), project.slug, "review", style="primary"),
            resume=view.status != "done",
        )
        if panel and view.status == "done":
            outcome = merge.outcome_of(job)
            panel += _facts(t, outcome.counts, outcome.conflicts, int(view.count("conflicts")))
        if panel:
            parts.append(f'<section class="vw-card" data-key="{html.e(job.id)}">{panel}</section>')
    return "".join(parts)


def is_merging(workspace: Workspace) -> bool:
    """Whether `merge_jobs` changes by itself."""
    return any(is_live(job) for _, job in _newest_jobs(workspace))


def act_on_merge(workspace: Workspace, evt: Any) -> None:
    """Answer the buttons of `merge_jobs`.

    Raises:
        UserError: it cannot be resumed now.
    """
    for project, job in _newest_jobs(workspace):
        if job.id == evt.id:
            if evt.do == "resume":
                project.launch(job, gpu=False)
            else:
                act_on_job(project, evt.do, job.id)


def _newest_jobs(workspace: Workspace) -> Iterator[tuple[Project, Job]]:
    for project in workspace.projects():
        if (job := project.latest(MergeProjectArgs.kind)) and not (job.dismissed and not job.alive()):
            yield project, job


def _facts(t: Translator, by_kind: Mapping[str, int], conflicts: Sequence[Conflict], count: int) -> str:
    counts = [t(f"merge.{kind}", count=t.number(number)) for kind, number in by_kind.items() if number]
    items = "".join(f"<li>{html.e(line)}</li>" for line in counts)
    parts = [f'<ul class="vw-bullets">{items}</ul>'] if items else []
    if count:
        names = conflicts[:_MOST_NAMES]
        lines = "".join(f"<li>{html.e(t(f'merge.why_{entry.reason}', name=entry.name))}</li>" for entry in names)
        if count > len(names):
            lines += f"<li>{html.e(t('merge.more', count=t.number(count - len(names))))}</li>"
        parts.append(html.details(t("merge.conflicts", count=t.number(count)), f'<ul class="vw-bullets">{lines}</ul>'))
    return "".join(parts)
