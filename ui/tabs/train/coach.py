"""Coach on the Train page: each finding in words, and a language model's explanations where one is switched on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from core.coach.claims import unsupported
from core.coach.config import CoachConfig, load
from core.coach.explanation import MOST_QUESTION, Explanation, explanations, start_explain
from core.coach.findings import findings
from core.coach.rules import Finding
from core.damage import DamagedFile
from core.dataset.grades import Grade
from core.evaluation.start import start_evaluate
from core.jobs.args.runs import ExplainArgs
from core.project.workspace import Project
from core.training.run import Run, RunView
from ui import html
from ui.i18n import Translator
from ui.job_panel import is_live, job_panel
from ui.tabs.dataset.card import grade_line
from ui.tabs.train.control import offer

_DIGITS = {"now": 2, "before": 2, "times": 1, "free": 1, "wanted": 1, "used": 1}
_MANY = 10  # from here on a number needs no digit after the comma
_TONES = {"good": "good", "info": "none", "warn": "fair"}


def course(t: Translator, view: RunView, all_findings: Sequence[Finding]) -> str:
    """What the curves say, as notices above them."""
    parts = []
    for finding in all_findings:
        if finding.about == "course":
            button = offer(t, view, int(finding.values["step"])) if finding.offer == "keep" else _way(t, finding)
            parts.append(html.notice(" ".join(texts(t, finding)), finding.level, button))
    return "".join(parts)


def others(t: Translator, run: Run, all_findings: Sequence[Finding]) -> str:
    """What scores, dataset, settings and machine say; folded up but for what is pressing."""
    rest = [finding for finding in all_findings if finding.about != "course"]
    if not rest:
        return ""
    if len(rest) == 1 and rest[0].key == "all_well":  # one line says it
        return f'<p data-key="coach">{html.light("good", texts(t, rest[0])[0])}</p>'
    pressing = [finding for finding in rest if finding.level != "info"]
    info = [finding for finding in rest if finding.level == "info"]
    body = _list(t, run, pressing) if pressing else ""
    if info:
        body += html.details(t("coach.more", count=t.number(len(info))), _list(t, run, info))
    return f'<section data-key="coach"><h3>{html.e(t("coach.title"))}</h3>{body}</section>'


def explained(t: Translator, project: Project, run: Run) -> str:
    """The language model's part: what is sent, the buttons, its answers; one line where it is off."""
    try:
        config = load(project.workspace)
    except DamagedFile:  # System names it
        config = CoachConfig()
    answers = explanations(run)
    if not config.is_ready and not answers:
        link = html.go(t("coach.go", tab=t("tabs.system")), "system", style="quiet")
        body = f'<p class="vw-dim">{html.e(t("coach.model_off"))}</p><div class="vw-row">{link}</div>'
        return html.details(t("coach.model"), body)
    asking = _asking(t, project, run, config) if config.is_ready else ""
    newest = "".join(_answer(t, answer) for answer in answers[-1:])
    history = "".join(_answer(t, answer) for answer in reversed(answers[:-1]))
    details = html.details(t("coach.earlier", count=t.number(len(answers) - 1)), history) if history else ""
    title = html.e(t("coach.model"))
    return f'<section class="vw-card vw-gap" data-key="explained"><h3>{title}</h3>{asking}{newest}{details}</section>'


def texts(t: Translator, finding: Finding) -> tuple[str, str, str]:
    """What is seen, what it means, what to do."""
    name = f"light_{finding.key}" if finding.light else finding.key
    values = {
        key: t.number(value, 0 if key == "times" and value >= _MANY else _DIGITS.get(key, 0))
        for key, value in finding.values.items()
    }
    values |= {key: t.get(f"languages.{code}", code) for key, code in finding.words.items()}
    if finding.light:
        text = grade_line(t, Grade(finding.key, finding.light, dict(finding.values)))
    else:
        text = t(f"finding.{name}", **values)
    means, do = (t(f"finding.{name}_{part}", **values) for part in ("means", "do"))
    return text, means, do


def facts(t: Translator, project: Project, run: Run) -> list[str]:
    """What a language model is told: the findings in sentences, and nothing else."""
    return [" ".join(texts(t, finding)) for finding in findings(project, run)]


def act_on_coach(t: Translator, project: Project, evt: Any, device: str) -> bool:
    """Answer the buttons of this part; False if ``evt.do`` is not one of them.

    Raises:
        UserError: it cannot be done now.
    """
    if evt.do == "score":
        start_evaluate(project, evt.id, device=device)
    elif evt.do == "explain":
        question = str(json.loads(evt.value).get("question", "")) if evt.value else ""
        run = Run(project, evt.id)
        config = load(project.workspace)
        start_explain(project, run, facts(t, project, run), config=config, language=t.language, question=question)
    else:
        return False
    return True


def host_of(config: CoachConfig) -> str:
    """Where questions go to, without more than the host."""
    return urlsplit(config.address).netloc


def _list(t: Translator, run: Run, finding_list: Sequence[Finding]) -> str:
    lines = []
    for number, finding in enumerate(finding_list, 1):
        sight, means, do = texts(t, finding)
        same_way_follows = number < len(finding_list) and finding_list[number].tab == finding.tab  # once is enough
        button = "" if same_way_follows else _way(t, finding)
        if finding.offer == "score":
            button = html.action(t("coach.score"), "score", run.id)
        row = f'<div class="vw-row">{button}</div>' if button else ""
        advice = f'<p class="vw-dim">{html.e(means)} {html.e(do)}</p>'
        lines.append(f"<li>{html.light(_TONES[finding.level], sight)}{advice}{row}</li>")
    return f'<ul class="vw-lights">{"".join(lines)}</ul>'


def _way(t: Translator, finding: Finding) -> str:
    if not finding.tab:
        return ""
    return html.go(t("coach.go", tab=t(f"tabs.{finding.tab}")), finding.tab, style="quiet")


def _asking(t: Translator, project: Project, run: Run, config: CoachConfig) -> str:
    job = project.latest(ExplainArgs.kind)
    panel = job_panel(t, job) if job is not None and job.read().status != "done" and is_live(job) else ""
    off = t("coach.busy") if job is not None and job.alive() else ""
    off_attribute = " disabled" if off else ""
    notice = t(
        f"coach.{'sent_texts' if config.share_texts else 'sent_numbers'}", model=config.model, host=host_of(config)
    )
    form = (
        f'<form data-do="explain" data-id="{html.e(run.id)}" data-key="ask-run" class="vw-ask">'
        f'<label class="vw-field"><span>{html.e(t("coach.question"))}</span><input type="text" name="question" required'
        f' maxlength="{MOST_QUESTION}" placeholder="{html.e(t("coach.question_example"))}" autocomplete="off"></label>'
        f'<button type="submit" class="vw-btn"{off_attribute}>{html.e(t("coach.ask"))}</button></form>'
    )
    button = html.action(t("coach.explain"), "explain", run.id, off_reason=off, elem_id="explain-run")
    return f'<p class="vw-dim">{html.e(notice)}</p><div class="vw-row">{button}</div>{form}{panel}'


def _answer(t: Translator, answer: Explanation) -> str:
    doubtful = unsupported(answer.answer, [*answer.facts, answer.question, *answer.shared_texts], len(answer.facts))
    pieces, place = [], 0
    for span in doubtful:
        pieces.append(html.e(answer.answer[place : span.start]))
        mark = html.e(answer.answer[span.start : span.end])
        pieces.append(f'<mark class="vw-doubt" title="{html.e(t("coach.not_in_facts"))}">{mark}</mark>')
        place = span.end
    pieces.append(html.e(answer.answer[place:]))
    paragraphs = "".join(f"<p>{part}</p>" for part in "".join(pieces).replace("**", "").split("\n") if part.strip())
    about = t(
        "coach.about" if answer.cost is None else "coach.about_cost",
        model=answer.model,
        at=t.moment(answer.at),
        step=t.number(answer.step),
        tokens=t.number(answer.tokens),
        cost=t.number(answer.cost or 0.0, 4),
    )
    citations = "".join(f"<li>{html.e(fact)}</li>" for fact in answer.facts)
    fact_list = f'<ol class="vw-dim" data-facts>{citations}</ol>'
    details = html.details(t("coach.facts"), fact_list) if citations else ""
    warning = f'<p class="vw-dim">{html.e(t("coach.marked"))}</p>' if doubtful else ""
    question = f"<p><b>{html.e(t('coach.asked', question=answer.question))}</b></p>" if answer.question else ""
    return (
        f'<article class="vw-answer" data-key="a{answer.at:.3f}">{question}{paragraphs}{warning}'
        f'<p class="vw-dim">{html.e(about)}</p>{details}</article>'
    )
