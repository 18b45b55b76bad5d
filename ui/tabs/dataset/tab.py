"""The dataset tab: what would be trained on, how good it looks, what to do about it, and freezing it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from core.dataset.freeze import datasets, discard_dataset, freeze, is_current, rename
from core.dataset.report import report
from core.engines.session import Exclusion
from core.errors import UserError
from core.jobs.job import Job
from core.measures.start import left_to_measure, start_measure
from core.project.workspace import Project
from core.sources.reading import read_next
from ui import html
from ui.i18n import Translator
from ui.job_panel import act_on_job, is_live, job_panel
from ui.page import Page, Tab, Updates, view_of
from ui.parts import Panel
from ui.tabs.dataset.card import card, quality
from ui.tabs.dataset.checks import act_on_check, checks
from ui.tabs.dataset.frozen import frozen_table
from ui.tabs.dataset.gaps import gaps, sentences

DROPPED_SHOWN = 100


def build(page: Page) -> Tab:
    """Lay the tab out."""
    t = page.t
    head, panel, mover = Panel(), Panel(), Panel()

    def refresh(project: Project | None, query: str) -> Updates:
        if project is None:
            return {
                head: _head(t, None),
                panel: html.empty(t("common.no_project"), html.go(t("common.to_home"), "home")),
            }
        return {head: _head(t, project), panel: _page(t, project, view_of(query))}

    def tick(project: Project | None, _query: str) -> Updates:
        return {head: _head(t, project)} if project and any(map(is_live, _jobs(project))) else {}

    def turn(project: Project | None) -> str:
        return " ".join(job.spec().kind for job in _jobs(project) if job.alive()) if project else ""

    def act(project: Project | None, evt: Any) -> Updates | None:
        if project is None:
            return None
        if evt.do == "freeze":
            freeze(project)
        elif evt.do == "rename-dataset":
            rename(project, evt.id, evt.value)
        elif evt.do == "delete-dataset":
            discard_dataset(project, evt.id)
        elif evt.do == "measure":
            start_measure(project)
        elif evt.do == "read":
            read_next(project, sentences(project, report(project)))
            return {mover: html.arrive(f"project={project.slug}&tab=sources", evt.view)}
        elif not act_on_check(project, evt.do, evt.id, str(getattr(evt, "seen", ""))):
            act_on_job(project, evt.do, evt.id)
        return None

    for area in (head, panel):
        page.on(area.act, act, [], [mover])
    return Tab("dataset", [head, panel, mover], refresh, tick, inputs=[page.view], turn=turn)


def _is_measuring(project: Project) -> bool:
    job = project.latest("measure")
    return bool(job and job.alive())


def _head(t: Translator, project: Project | None) -> str:
    """What the tab is for, and the jobs that measure, look for doubles or for cut words, while they run."""
    heading = html.heading(t("tabs.dataset"), t("dataset.purpose"))
    jobs = _jobs(project) if project else []
    return heading + "".join(job_panel(t, job) for job in jobs if job.alive())


def _jobs(project: Project) -> list[Job]:
    """The newest of each kind that is shown here."""
    return [job for kind in ("measure", "find_doubles", "find_cut_words") if (job := project.latest(kind))]


def _page(t: Translator, project: Project, view: dict[str, str]) -> str:
    now, frozen = report(project), datasets(project)
    if not now.clips and not now.exclusions and not frozen:
        key = "dataset.nothing_approved" if now.waiting or now.rejects else "dataset.no_clips"
        lead = ("review", "tabs.review") if now.waiting or now.rejects else ("sources", "tabs.sources")
        return html.empty(t(key), html.go(t("common.go_to", tab=t(lead[1])), lead[0]))
    fresh = bool(frozen) and is_current(frozen[0], now)
    unmeasured_count = 0 if _is_measuring(project) else sum("sound" in left_to_measure(clip) for clip in now.clips)
    return (
        card(t, now, frozen, fresh)
        + _exclusions(t, project, now.exclusions)
        + checks(t, project, len(now.clips))
        + quality(t, now, unmeasured_count)
        + gaps(t, project, now)
        + frozen_table(t, project, frozen, fresh, view)
    )


def _exclusions(t: Translator, project: Project, exclusions: tuple[Exclusion, ...]) -> str:
    """What would be dropped, with the engine's reason and the way to each clip."""
    if not exclusions:
        return ""
    counts = Counter(clip.code for clip in exclusions)
    reasons = "".join(
        f"<li>{html.e(t(f'dataset.reason_{code.partition(chr(46))[2]}'))}: {t.number(count)}</li>"
        for code, count in counts.most_common()
    )
    rows = "".join(_exclusion(t, project, exclusion) for exclusion in exclusions[:DROPPED_SHOWN])
    table = f'<div class="vw-scroll"><table>{rows}</table></div>'
    return html.details(t("dataset.dropped_list", count=t.number(len(exclusions))), f"<ul>{reasons}</ul>{table}")


def _exclusion(t: Translator, project: Project, exclusion: Exclusion) -> str:
    try:
        text = project.store.clip(exclusion.clip_id).text
    except UserError:  # removed in another window just now
        return ""
    sentence = t.error(exclusion.code, exclusion.text, "", exclusion.values)
    link = html.go(t("dataset.to_clip"), "review", style="quiet", view=f"filter=all&clip={exclusion.clip_id}")
    label = html.e(text or t("review.no_text"))
    return f'<tr><td>{label}<br><span class="vw-dim">{html.e(sentence)}</span></td><td>{link}</td></tr>'
