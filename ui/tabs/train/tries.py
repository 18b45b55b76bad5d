"""A base of which nobody knows how it was built: its tries to be heard, with what the recogniser makes of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.engines.questions import Question
from core.project.workspace import Project
from core.synthesis.base_tries import BaseTry, proposal, start_tries, tries_of, use_try
from ui import html
from ui.http.audio_routes import audio_url
from ui.i18n import Translator
from ui.job_panel import job_panel
from ui.page import Page
from ui.parts.queue_strip import say_place


def tries_view(t: Translator, project: Project, folder: Path, questions: list[Question]) -> str:
    """The button that lets every set of answers speak, its job, and each sentence with the button that chooses it."""
    trial = tries_of(project, folder)
    busy = t("tries.running") if trial and trial[0].alive() else ""
    button = html.action(t("tries.start"), "try-base", str(folder), off_reason=busy, elem_id="try-base")
    parts = [f'<p class="vw-dim">{html.e(t("tries.about"))}</p><div class="vw-row">{button}</div>', html.reason(busy)]
    if trial:
        job, tries = trial
        if job.read().status != "done":
            parts.append(job_panel(t, job))
        best = proposal(tries)
        if tries and job.read().status == "done" and best is None:
            parts.append(html.notice(t("tries.none"), "warn"))
        parts += [_try(t, project, job.id, base_try, questions, is_best=base_try == best) for base_try in tries]
    return "".join(parts)


def act_on_tries(page: Page, project: Project, evt: Any) -> bool:
    """Answer the part's buttons; False if ``evt.do`` is not one of them.

    Raises:
        UserError: as of `start_tries` and `use_try`.
    """
    if evt.do == "try-base":
        say_place(page, start_tries(project, Path(evt.id), device=page.settings.device))
    elif evt.do == "use-try":
        job_id, _, number = evt.id.rpartition(":")
        use_try(project, job_id, int(number))
    else:
        return False
    return True


def answer_name(t: Translator, engine: str, question: Question, value: str) -> str:
    """What an answer says, in the page's words."""
    label = next((choice.label for choice in question.choices if choice.value == value), value)
    return t.get(f"questions.{engine}_{question.key}_{value}", label)


def _try(
    t: Translator, project: Project, job_id: str, base_try: BaseTry, questions: list[Question], *, is_best: bool
) -> str:
    engine = project.info.engine
    names = [answer_name(t, engine, question, base_try.answers.get(question.key, "")) for question in questions]
    title = " · ".join(names)
    if base_try.problem:
        notice = html.notice(t.error(**base_try.error) if base_try.error else base_try.problem, "warn")
        return f'<article class="vw-card" data-key="try{base_try.number}"><p>{html.e(title)}</p>{notice}</article>'
    facts = []
    if base_try.errors is not None:
        facts.append(t("tries.errors", percent=t.number(100 * base_try.errors)))
    if base_try.likeness is not None:
        facts.append(t("tries.likeness", value=t.number(base_try.likeness, 2)))
    mark = html.light("good", t("tries.proposed")) if is_best else ""
    use = html.action(
        t("tries.use"), "use-try", f"{job_id}:{base_try.number}", style="primary" if is_best else "",
        title=f"{t('tries.use')}: {title}",
    )  # fmt: skip
    return (
        f'<article class="vw-card vw-take" data-key="{html.e(job_id)}-{base_try.number}"><p>{html.e(title)} {mark}</p>'
        f"{html.player(audio_url(project.slug, 'try', job_id, base_try.number), title)}"
        f'<div class="vw-spread"><span class="vw-dim">{html.e(" · ".join(facts))}</span>{use}</div></article>'
    )
