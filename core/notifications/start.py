"""What happens that a person may want to be told of: a job's end, a run that waits for room."""

from __future__ import annotations

import functools
import logging
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from core.errors import UserError
from core.jobs.events import Finished
from core.jobs.job import Job
from core.notifications.config import NotificationConfig, load
from core.notifications.outbox import FORGOTTEN_S, launch_delivery, post, send
from core.project.workspace import Project, Workspace, project_of

# Which tab tells of a job; what is not named here tells of itself where it was asked for.
_TABS = {"train": "train", "demo": "home", "evaluate": "listen", "export": "speak", "synthesize": "speak"}
log = logging.getLogger("voicewright")


def on_end(job: Job, end: Finished) -> None:
    """Tell of a job that took its time and is done, or has failed; never of one that a person stopped.

    Never raises: a job's end is none the worse for a word that nobody could send.
    """
    try:
        project = project_of(job)
        config = load(project.workspace)
        if not config.addresses:
            return
        view = job.read()
        took_s = end.at - (view.launched_at or end.at)
        if end.outcome == "cancelled" or took_s < 60 * config.after_minutes:
            return
        event = f"{job.path}#{view.launched_at}#{end.outcome}"
        _post(project, config, event, end.outcome, _tab(view.kind), title=view.title, time=_length(config, took_s))
    except Exception:
        log.exception("no notification of the end of %s", job.id)


def on_full_disk(job: Job, step: int) -> None:
    """Tell, also in quiet hours, that a run has paused because the disk is nearly full. Never raises."""
    try:
        project = project_of(job)
        config = load(project.workspace)
        _post(project, config, f"{job.path}#room#{step}", "room", "system", urgent=True, title=job.read().title)
    except Exception:
        log.exception("no notification of the pause of %s", job.id)


def on_drive(project: Project, what: str, missing_bytes: int, *, is_limit: bool = False) -> None:
    """Tell once a day that the copy of a project on a drive stands still: ``away`` or ``no_room``. Never raises.

    ``missing_bytes`` is how much more room it needs, 0 where the drive does not say; ``is_limit`` whether it is the
    copy's own limit that leaves none.
    """
    try:
        config = load(project.workspace)
        event = f"{project.path}#drive_{what}#{time.strftime('%Y-%m-%d')}"
        if what == "no_room" and not missing_bytes:
            what = "full"
        elif what == "no_room" and is_limit:
            what = "over_limit"
        _post(project, config, event, f"drive_{what}", "train", missing=str(-(-missing_bytes >> 20)))
    except Exception:
        log.exception("no notification of the drive of %s", project.slug)


def catch_up(workspace: Workspace) -> None:
    """Tell of jobs that ended without a word, as after a power cut, and send what has waited. Called now and then."""
    config = load(workspace)
    if not config.addresses:
        return
    for project in workspace.projects():
        for job in project.all_jobs():
            try:
                _tell_if_cut(project, config, job)
            except (UserError, OSError):  # of a damaged one, or one deleted this moment; the others count all the same
                log.exception("%s was not looked at for a notification", job.id)
    launch_delivery(workspace)


def _tell_if_cut(project: Project, config: NotificationConfig, job: Job) -> None:
    view = job.read()
    if view.status != "interrupted" or not job.has_run_here:  # what another computer did is no news of this one
        return
    if time.time() - job.events_path.stat().st_mtime > FORGOTTEN_S:
        return
    _post(project, config, f"{job.path}#{view.launched_at}#cut", "cut", _tab(view.kind), title=view.title)


def send_test(workspace: Workspace) -> list[str]:
    """Send a test to every address, at once; the addresses that did not take it."""
    config = load(workspace)
    return [address for address in config.addresses if not send(address, _words(config)["test"])]


def _post(
    project: Project,
    config: NotificationConfig,
    event: str,
    what: str,
    tab: str,
    *,
    urgent: bool = False,
    **values: str,
) -> None:
    if not config.addresses:
        return
    words = _words(config)
    text = words[what].format(project=project.info.name, **values)
    if config.page:
        link = f"{config.page.rstrip('/')}/{config.language}/?{urlencode({'project': project.slug, 'tab': tab})}"
        text += "\n" + words["link"].format(link=link)
    post(project.workspace, event, text, urgent=urgent)


def _length(config: NotificationConfig, seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return _words(config)["hours" if hours else "minutes"].format(hours=hours, minutes=minutes)


@functools.cache
def _messages() -> dict[str, Any]:
    tree: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "messages.yaml").read_text(encoding="utf-8"))
    return tree


def _words(config: NotificationConfig) -> dict[str, str]:
    messages: dict[str, dict[str, str]] = _messages()
    return messages.get(config.language, messages["en"])


def _tab(kind: str) -> str:
    return _TABS.get(kind, "home")
