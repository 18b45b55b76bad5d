"""All runs of a project in a table: what they were trained with, what came of it; to open, lay over, rename, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.checkpoint_ref import CheckpointRef
from core.listening.ranking import RunVotes
from core.project.workspace import Project
from core.training.run import Run, RunView
from core.training.trash import discard_checkpoint, discard_run
from ui import html
from ui.i18n import Translator
from ui.tabs.train.view import step_name, voice_name

MOST_OVERLAID = 3  # a curve is told from the others by its colour


def runs_table(
    t: Translator, runs: Sequence[Run], current: Run | None, overlay: Sequence[str], votes: Mapping[str, RunVotes]
) -> str:
    """HTML for a `Panel`, closed until asked for; empty without runs. `act_on_runs` answers its buttons.

    Args:
        t: the page's language.
        runs: newest first.
        current: the run that is shown beside.
        overlay: ids of the runs whose curves are laid over it.
        votes: what was preferred, by the run's id.
    """
    if not runs:
        return ""
    columns = ("run", "begun", "preset", "length", "lowest_error", "votes")
    head = "".join(f"<th>{html.e(t(f'train.{name}'))}</th>" for name in columns)
    body = "".join(_run(t, run, run.read(), current, overlay, votes.get(run.id, RunVotes())) for run in runs)
    table = (
        f'<div class="vw-scroll" tabindex="0"><table class="vw-stack"><thead><tr>{head}<th></th></tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
    checkpoints = _checkpoints(t, current) if current else ""
    about = f'<p class="vw-dim">{html.e(t("train.runs_help"))}</p>'
    return html.details(t("train.runs", count=t.number(len(runs))), f"{about}{table}{checkpoints}")


def act_on_runs(t: Translator, project: Project, evt: Any) -> bool:
    """Answer the table; False if ``evt.do`` is not one of its buttons.

    Raises:
        Busy: what is to be deleted is at work. UserError: it is there no longer.
    """
    if evt.do == "rename-run":
        Run(project, evt.id).job.rename(evt.value)
    elif evt.do == "delete-run":
        discard_run(project, evt.id)
    elif evt.do == "delete-checkpoint":
        checkpoint = CheckpointRef.parse(evt.id)
        discard_checkpoint(project, checkpoint, voice_name(t, Run(project, checkpoint.run_id).title, checkpoint))
    else:
        return False
    return True


def _run(t: Translator, run: Run, view: RunView, current: Run | None, overlay: Sequence[str], votes: RunVotes) -> str:
    is_current = current is not None and run.id == current.id
    lowest = min(((value, step) for step, value in view.val if step), default=None)
    preset_id = str(view.about.get("preset", ""))
    error = t("train.error_at", error=t.plain(round(lowest[0], 3)), step=t.number(lowest[1])) if lowest else "–"
    cells = (
        ("begun", t.moment(view.job.created_at)),
        ("preset", t.get(f"presets.{preset_id}.label", preset_id)),
        ("length", t("job.of", count=t.number(view.step), total=t.number(view.total))),
        ("lowest_error", error),
        ("votes", t("train.won", wins=t.number(votes.wins), votes=t.number(votes.count))),
    )
    name = html.title_field("rename-run", run.id, run.title, t("train.name"))
    buttons = html.action(
        t("train.delete_run"), "delete-run", run.id, style="danger quiet",
        title=f"{t('train.delete_run')}: {run.title}",
        confirm=t("train.delete_run_sure", name=run.title, checkpoints=t.number(len(view.checkpoints))),
    )  # fmt: skip
    if not is_current:
        ids = [id_ for id_ in overlay if id_ != run.id] if run.id in overlay else [*overlay, run.id][-MOST_OVERLAID:]
        over = html.place(t("train.overlay"), f"overlay={','.join(ids)}", is_pressed=run.id in overlay)
        buttons = html.place(t("train.show_run"), f"run={run.id}") + over + buttons
    td = "".join(f'<td data-label="{html.e(t(f"train.{key}"))}">{html.e(text)}</td>' for key, text in cells)
    mark = ' aria-current="true"' if is_current else ""
    return f'<tr data-key="{html.e(run.id)}"{mark}><td>{name}</td>{td}<td class="vw-row">{buttons}</td></tr>'


def _checkpoints(t: Translator, run: Run) -> str:
    """The checkpoints of a run, each to be deleted; the base voice is none."""
    steps = [step for step in run.checkpoints.steps() if step > 0]
    rows = "".join(
        f'<div class="vw-spread vw-line" data-key="c{step}"><span>{html.e(step_name(t, step))}</span>'
        + html.action(
            t("train.delete_run"), "delete-checkpoint", CheckpointRef(run.id, step).name, style="danger quiet",
            title=f"{t('train.delete_run')}: {step_name(t, step)}",
            confirm=t("train.delete_checkpoint_sure", name=step_name(t, step)),
        )
        + "</div>"
        for step in steps
    )  # fmt: skip
    return html.details(t("train.checkpoints_of", name=run.title, count=t.number(len(steps))), rows) if steps else ""
