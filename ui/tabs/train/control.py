"""Requests to a training run: a sample or a checkpoint now, pause, train longer or shorter; and what came of it."""

from __future__ import annotations

import json
from typing import Any

from core.checkpoint_ref import CheckpointRef
from core.engines.options import MOST_STEPS
from core.errors import UserError
from core.project.workspace import Project
from core.training.run import Run, RunView
from core.training.start import resume
from ui import html
from ui.i18n import Translator

_VERBS = {"sample": Run.sample, "save": Run.save, "pause": Run.pause, "go_on": Run.resume}


def controls(t: Translator, view: RunView) -> str:
    """Buttons under the panel of a run, and a line with what was last asked."""
    running = view.job.status in ("running", "paused") and bool(view.train or view.job.status == "paused")
    length = _length(t, view) if view.train and view.job.status != "waiting" else ""
    if not running:
        return f'<div class="vw-asks">{length}</div>' if length else ""
    is_paused = view.job.status == "paused"
    buttons = "".join(
        html.action(t(f"train.{do}"), do, view.job.id, title=t(f"train.{do}_help"))
        for do in ("go_on" if is_paused else "pause", "sample", "save")
    )
    status_line = f'<p class="vw-dim" role="status">{html.e(_status(t, view))}</p>' if _status(t, view) else ""
    return (
        f'<div class="vw-asks"><div class="vw-row" role="group" aria-label="{html.e(t("train.asks"))}">{buttons}</div>'
        f"{status_line}{length}</div>"
    )


def offer(t: Translator, view: RunView, step: int) -> str:
    """The button beside the remark that stopping costs nothing."""
    return html.action(t("train.stop_keep", step=t.number(step)), "keep", CheckpointRef(view.job.id, step).name)


def act_on_run(project: Project, evt: Any) -> bool:
    """Answer the buttons of this part, and Resume; False if ``evt.do`` is not one of them.

    Raises:
        UserError: it cannot be done now.
    """
    if evt.do == "resume":
        resume(project, evt.id, wait=True)
    elif evt.do in _VERBS:
        _VERBS[evt.do](Run(project, evt.id))
    elif evt.do == "steps":
        Run(project, evt.id).change_steps(_step_field(evt.value))
    elif evt.do == "keep":
        checkpoint = CheckpointRef.parse(evt.id)
        run = Run(project, checkpoint.run_id)
        run.keep(checkpoint.step)
        run.stop()
    else:
        return False
    return True


def _step_field(fields: str) -> int:
    text = str(json.loads(fields).get("steps", "")).strip()
    if not text.isdecimal():
        raise UserError(
            "train.no_number", "“{given}” is not a number of updates.", "Type a whole number.", given=text or " "
        )
    return int(text)


def _length(t: Translator, view: RunView) -> str:
    form = (
        f'<form data-do="steps" data-id="{html.e(view.job.id)}" class="vw-row">'
        f'<label>{html.e(t("train.new_length"))} <input type="number" name="steps" inputmode="numeric" step="1" '
        f'min="{view.step + 1}" max="{MOST_STEPS}" value="{view.total}" required></label>'
        f'<button type="submit" class="vw-btn">{html.e(t("train.change"))}</button></form>'
        f'<p class="vw-dim">{html.e(t("train.new_length_help"))}</p>'
    )
    return html.details(t("train.steps"), form)


def _status(t: Translator, view: RunView) -> str:
    """What is still to be done, else what was done last."""
    if view.pending:
        return t("train.asked", request=t(f"train.asked_{view.pending[-1]}"))
    # go_on: the word of earlier versions
    answers = [answer for answer in view.job.answers if answer.do not in ("pause", "resume", "go_on")]
    if not answers:
        return ""
    last = answers[-1]
    if not t.has(f"train.answer_{last.do}"):  # of another version
        return ""
    return t(f"train.answer_{last.do}", step=t.number(last.step), steps=t.number(last.steps or 0))
