"""``/news``: what a page that nobody looks at is told of jobs, in its language, and of no others than it knew."""

from __future__ import annotations

import pytest

from core.jobs import events
from core.jobs.args.clips import MeasureArgs
from core.jobs.job import Job
from core.project.workspace import Project
from tests.server.conftest import Client
from ui.i18n import Translator


def _job(project: Project, *outcome: events.Event, title: str = "") -> Job:
    job = Job.create(project.jobs, MeasureArgs(), title=title)
    events.append(job.events_path, events.Launched())
    for event in outcome:
        events.append(job.events_path, event)
    return job


@pytest.mark.parametrize("language", ["en", "pt-BR"])
def test_it_tells_how_the_jobs_ended_that_were_at_work_before(
    client: Client, project: Project, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = _job(project, events.Finished(outcome="done"))
    failed = _job(project, events.Finished(outcome="failed", code="bug", text="x"))
    stopped = _job(project, events.Finished(outcome="cancelled"))
    cut = _job(project, events.Started(pid=1))
    other = _job(project, events.Finished(outcome="done"))
    at_work = _job(project)
    monkeypatch.setattr(Project, "running", lambda self: at_work if self.slug == project.slug else None)
    jobs = (done, failed, stopped, cut, at_work)
    known = ",".join([*(f"{project.slug}/{job.id}" for job in jobs), "none/none", f"{project.slug}/../..", "x"])
    page = client(workspace=project.workspace.path)
    answer = page.get("/news", params={"lang": language, "jobs": known}).json()
    t = Translator(language)
    assert answer["running"] == [f"{project.slug}/{at_work.id}"]
    name = t.job_name("measure")
    assert [message["text"] for message in answer["ended"]] == [
        t(f"notify.browser_{outcome}", job=name) for outcome in ("done", "failed", "interrupted")
    ]
    assert all(project.info.name in message["title"] for message in answer["ended"])
    assert other.id not in str(answer)


def test_it_is_behind_the_login(client: Client, project: Project) -> None:
    page = client(workspace=project.workspace.path, password="a long password")
    assert page.get("/news", follow_redirects=False).status_code in (303, 401)
