"""One picture for every job: stage, bar, how many of how many, time left, Stop; afterwards the result and next step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from core.errors import without_folders
from core.jobs.events import Warning as JobWarning
from core.jobs.job import Job, JobView
from core.project.workspace import Project
from core.reasons import original_words
from ui import html
from ui.i18n import Translator

WARNINGS_SHOWN = 20
SHOWN_AFTER_END_S = 60.0
# Where each kind of job is at home.
JOB_TABS = {
    "import_sources": "sources",
    "list_link": "sources",
    "scan_collection": "sources",
    "clean": "sources",
    "segment": "segments",
    "edit": "segments",
    "transcribe": "transcripts",
    "measure": "review",
    "find_doubles": "dataset",
    "find_cut_words": "dataset",
    "train": "train",
    "measure_pace": "train",
    "try_batches": "system",
    "download_base": "train",
    "evaluate": "listen",
    "synthesize": "speak",
    "import_text": "speak",
    "speak_document": "speak",
    "write_document": "speak",
    "export": "speak",
    "import_voice": "speak",
    "voice_picture": "voices",
    "self_test": "speak",
    "try_base": "train",
    "fetch_base": "train",
    "rewrite_base": "train",
    "compare": "listen",
    "report": "listen",
    "explain": "train",
    "demo": "home",
    "finetune": "train",
    "unpack_project": "sources",
    "copy_project": "sources",
    "merge_project": "home",
}


def job_panel(
    t: Translator,
    job: Job | None,
    *,
    done_text: str = "",
    next_step: str = "",
    way_out: str = "",
    resume: bool = False,
    resume_label: str = "",
    dismissable: bool = True,
    stop_label: str = "",
    fraction: float | None = None,
) -> str:
    """HTML of a job for a `Panel`; empty if there is none.

    Its buttons send ``stop``, ``force`` and ``dismiss`` with the job's id, which `act_on_job` answers, and ``resume``,
    which the tab answers. The page brings it into view when a click has made it appear.

    Args:
        done_text: the sentence with the result, shown once the job is done.
        next_step: HTML of the button that leads on.
        way_out: HTML of the button that helps where it failed.
        resume: whether this kind of job can be taken up again.
        resume_label: what the button for that says, where it is no going on.
        dismissable: whether a person may put away how it ended.
        stop_label: what its Stop button says, where stopping keeps something.
        fraction: how far it is on the whole (0 to 1), where that is more than how far its stage is.
    """
    if job is None:
        return ""
    view = job.read()
    if not view.active and job.dismissed:
        return ""
    button = html.action(resume_label or t("job.resume"), "resume", view.id, style="primary") if resume else ""
    ending = "" if view.active else _ending(t, view, done_text, next_step, way_out, button)
    dismiss = dismissable and not view.active and view.status != "new"
    # Read out when it begins and ends; what changes every second is not.
    parts = [f'<div aria-live="polite">{_headline(t, view, dismiss)}{ending}</div>']
    if view.active:
        parts.append(
            _progress(t, job, view, stop_label or t("job.stop"), view.fraction if fraction is None else fraction)
        )
    parts.append(_warnings(t, view.warnings))
    if view.active or view.status in ("failed", "interrupted"):
        tail = "\n".join(map(without_folders, job.log_tail().splitlines()))
        if tail:
            parts.append(html.details(t("job.log"), f'<pre class="vw-log" tabindex="0">{html.e(tail)}</pre>'))
    id_ = html.e(view.id)
    reveal = f"{id_}@{view.launched_at or 0:.0f}{'' if view.active else ' ended'}"
    return f'<section class="vw-job" data-key="{id_}" data-reveal="{reveal}">{"".join(parts)}</section>'


def is_live(job: Job | None) -> bool:
    """Whether a tab's tick has to show the job anew: it runs, or gave its last sign of life a moment ago."""
    if job is None:
        return False
    view = job.read()
    if view.active or view.status == "new":
        return True
    last = job.events_path.stat().st_mtime if job.events_path.exists() else view.created_at
    return time.time() - last < SHOWN_AFTER_END_S


def act_on_job(project: Project, do: str, job_id: str) -> bool:
    """Answer the panel's own buttons (stop, force, dismiss); False if ``do`` is not one of them."""
    answers: dict[str, Callable[[Job], None]] = {
        "stop": Job.stop,
        "force": project.force_stop,
        "dismiss": Job.dismiss,
    }
    if do not in answers:
        return False
    answers[do](project.job(job_id))
    return True


def in_line(t: Translator, project: Project) -> str:
    """That what needs the card would take a place in the queue, and behind whom; empty if the card is free."""
    holder = project.workspace.on_card()
    return t("job.in_line", job=t.job_name(str(holder.get("kind", "")), str(holder.get("title", "")))) if holder else ""


def job_line(t: Translator, view: JobView) -> str:
    """A job in one line: what it is and how far; a stage called like the job itself says both."""
    name, stage = t.job_name(view.kind), stage_line(t, view)
    same = stage == name or stage.startswith(f"{name} · ")
    return stage if same else t("app.running", name=name, stage=stage)


def stage_line(t: Translator, view: JobView) -> str:
    """``Decoding recordings · 3 of 12 · about 2 min left``."""
    if view.status == "waiting":
        behind = t.job_name(view.behind.get("kind", ""), view.behind.get("title", "")) if view.behind else ""
        place = f" · {t('job.place', place=t.number(view.place))}" if view.place else ""
        return (t("job.waiting_for", job=behind) if behind else t("job.waiting_line")) + place
    parts = [t.get(f"stages.{view.stage}", view.stage) if view.stage else t("job.starting")]
    if view.status == "paused":
        parts = [t("job.paused")]
    if view.total > 1:
        is_whole = view.total == int(view.total)
        # A part of the next one is not done yet: 5.9 of 7 is not 6.
        count = t.number(math.floor(view.done)) if is_whole else f"{view.fraction:.0%}"
        parts.append(t("job.of", count=count, total=t.number(view.total)) if is_whole else count)
    if view.eta_s is not None and view.status == "running":
        parts.append(t.time_left(view.eta_s))
    return " · ".join(parts)


def _headline(t: Translator, view: JobView, dismiss: bool) -> str:
    status = t(f"job.{view.status}")
    name = t.job_name(view.kind, view.title)
    chip = f'<span class="vw-chip">{html.e(status)}</span>'
    if dismiss:
        chip = f'<span class="vw-row">{chip}{html.action(t("job.dismiss"), "dismiss", view.id, style="quiet")}</span>'
    return f'<div class="vw-spread"><b>{html.e(name)}</b>{chip}</div>'


def _progress(t: Translator, job: Job, view: JobView, stop_label: str, fraction: float) -> str:
    item = f'<div class="vw-dim">{html.e(view.item)}</div>' if view.item else ""
    if job.stop_requested():
        line, buttons = t("job.stopping"), html.action(t("job.force"), "force", view.id, style="danger")
    else:
        label = t("job.leave_queue") if view.status == "waiting" else stop_label
        line, buttons = stage_line(t, view), html.action(label, "stop", view.id)
    if view.status == "waiting":
        return f'<div class="vw-spread"><span>{html.e(line)}</span>{buttons}</div>'
    bar = html.bar(fraction, t.job_name(view.kind, view.title))
    return f'{bar}<div class="vw-spread"><div><span>{html.e(line)}</span>{item}</div>{buttons}</div>'


def _ending(t: Translator, view: JobView, done_text: str, next_step: str, way_out: str, button: str) -> str:
    if view.status == "done":
        return f'{html.notice(done_text or t("job.done_text"), "good")}<div class="vw-row">{button}{next_step}</div>'
    if view.status == "failed":
        text = t.error(view.code, view.text, view.hint, view.values)
        return f'{html.notice(text, "bad")}<div class="vw-row">{button}{way_out}</div>'
    if view.status in ("cancelled", "interrupted"):
        not_begun = view.status == "cancelled" and view.started_at is None  # left the queue
        text = t("job.not_begun_text") if not_begun else t(f"job.{view.status}_text")
        return f'{html.notice(text, "warn")}<div class="vw-row">{button}{next_step}</div>'
    return ""


def _warning(t: Translator, warning: JobWarning) -> str:
    """What happened and what to do; below it, what a program said of it."""
    original = "".join(
        f'<small class="vw-dim" lang="en">{html.e(without_folders(words))}</small>'
        for words in original_words(warning.values)
        if words not in warning.text
    )
    return f"{html.e(t.error(warning.code, warning.text, warning.hint, warning.values))}{original}"


def _warnings(t: Translator, warnings: list[JobWarning]) -> str:
    if not warnings:
        return ""
    items = "".join(f"<li>{_warning(t, warning)}</li>" for warning in warnings[-WARNINGS_SHOWN:])
    return html.details(t("job.warnings", count=len(warnings)), f"<ul>{items}</ul>")
