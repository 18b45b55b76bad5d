"""The jobs that wait for their turn, each with its place and the way out of the queue, above every tab."""

from __future__ import annotations

import gradio as gr

from core.jobs.job import Job
from core.project.workspace import Project
from ui import html
from ui.page import Page
from ui.parts import Panel


class QueueStrip:
    """The panel; empty as long as nobody waits."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.panel = Panel(elem_id="vw-queue")
        page.on(self.panel.act, self._act)

    def show(self) -> str:
        """HTML for the panel, of the whole workspace."""
        t = self.page.t
        waiting = [entry for entry in self.page.workspace.waiting() if not entry[1].stop_requested()]
        rows = [_row(self.page, place, *entry) for place, entry in enumerate(waiting, 1)]
        if not rows:
            return ""
        title = html.e(t("job.queue"))
        return f'<section class="vw-queue" aria-label="{title}"><b>{title}</b><ol>{"".join(rows)}</ol></section>'

    def _act(self, _: Project | None, evt: gr.EventData) -> None:
        slug, _, job_id = evt.id.partition("/")
        if evt.do == "leave-queue":
            self.page.workspace.project(slug).job(job_id).stop()


def say_place(page: Page, job: Job) -> None:
    """Tell who started a job that it waits, and at which place; nothing if it is at work."""
    places = {waiting.path: place for place, (_, waiting) in enumerate(page.workspace.waiting(), 1)}
    if job.path in places:
        spec = job.spec()
        text = page.t("job.queued", place=page.t.number(places[job.path]))
        gr.Info(html.e(text), title=html.e(page.t.job_name(spec.kind, spec.title)), duration=10)


def _row(page: Page, place: int, project: Project, job: Job) -> str:
    t, spec = page.t, job.spec()
    name = t.job_name(spec.kind, spec.title)
    line = t("job.queue_line", place=t.number(place), job=name, project=project.info.name)
    leave = t("job.leave_queue")
    button = html.action(leave, "leave-queue", f"{project.slug}/{job.id}", style="quiet", title=f"{leave}: {name}")
    return f'<li class="vw-spread" data-key="{html.e(job.id)}"><span>{html.e(line)}</span>{button}</li>'
