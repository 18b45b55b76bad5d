"""A run's report: its words in the page's language, and the part of the tab that makes and shows it."""

from __future__ import annotations

import time

from core.coach.findings import findings
from core.dataset.freeze import dataset
from core.engines.registry import bases, info
from core.errors import UserError
from core.evaluation.scorecard import scorecard
from core.jobs.args.runs import ReportArgs
from core.jobs.job import Job
from core.listening.candidates import sentences_of
from core.listening.listeners import listeners, trusted_names
from core.listening.ranking import Ranking, table
from core.project.workspace import Project
from core.report.document import HTML, PDF, WORDS, Curve, Document, Figure, Section, Table, about_report
from core.training.run import Run, RunView
from ui import html, plots
from ui.form import value_name
from ui.http.audio_routes import report_url
from ui.i18n import Translator
from ui.tabs.listen.job_slots import slot
from ui.tabs.listen.ranking import listener_name, percent, verdict_text
from ui.tabs.listen.scorecard import charts, main_numbers, run_verdict, who_listened
from ui.tabs.train.base_model import license_note
from ui.tabs.train.coach import texts
from ui.tabs.train.view import step_name, voice_name


def start_report(t: Translator, project: Project, run_id: str) -> Job:
    """Set the report on a run as it stands now, in a job.

    Raises:
        Busy: another report of this project is being made.
        UserError: ``train.no_run``.
    """
    run = Run(project, run_id)
    words = document(t, project, run).model_dump_json()
    return project.start_job(ReportArgs(run=run_id), title=run.title, files={WORDS: words})


def report_view(t: Translator, project: Project, run: Run) -> str:
    """The button that makes the report, how far it is, and the newest one to open or save."""
    about = about_report(project, run.id)
    job = project.latest(ReportArgs.kind)
    busy = job is not None and job.alive()
    links = ""
    if about is not None:
        page, file = (html.e(report_url(project.slug, run.id, name)) for name in (HTML, PDF))
        stamp = f'<span class="vw-dim">{html.e(t("listen.report_made", at=t.exactly(about.at)))}</span>'
        links = (
            f'<a class="vw-btn vw-link" id="open-report" href="{page}" target="_blank" rel="noopener">'
            f"{html.e(t('listen.report_open'))} ↗</a>"
            f'<a class="vw-btn vw-link" id="save-report" href="{file}" download>'
            f"{html.e(t('listen.report_pdf'))}</a>{stamp}"
        )
    button = html.action(
        t("listen.report_again" if about else "listen.report_make"), "report", run.id, elem_id="make-report",
        off_reason=t("listen.report_busy") if busy else "", style="" if about else "primary",
    )  # fmt: skip
    # Done, it is the links that say so.
    panel = slot(job) if job is not None and job.read().status != "done" else ""
    title, words = html.e(t("listen.report", name=run.title)), html.e(t("listen.report_about"))
    row = f'<div class="vw-row">{button}{links}</div>'
    return f'<section class="vw-card vw-gap"><h3>{title}</h3><p class="vw-dim">{words}</p>{panel}{row}</section>'


def document(t: Translator, project: Project, run: Run) -> Document:
    """What the report says: what was learnt from, how it went, what ears say, what there is to hear, all settings."""
    view = run.read()
    subtitle = t("listen.report_subtitle", project=project.info.name, at=t.exactly(time.time()))
    ranking = table(project)
    sections = [
        _material(t, project, run, view),
        _course(t, project, run, view),
        *_numbers(t, project, run),
        _ears(t, project, ranking),
        _spoken(t, run, view),
        _settings(t, view),
    ]
    title = t("listen.report", name=run.title)
    return Document(title=title, subtitle=subtitle, language=t.language, sections=sections)


def _material(t: Translator, project: Project, run: Run, view: RunView) -> Section:
    engine = project.info.engine
    facts = [
        (t("train.base"), bases(engine).label(run.base_id)),
        (t("listen.report_language"), str(view.about.get("language", ""))),
    ]
    try:
        frozen = dataset(project, run.dataset.name)
        clips = t("listen.report_clips_of", clips=t.number(frozen.clips), minutes=t.minutes(frozen.seconds))
        facts += [(t("train.dataset"), frozen.name), (t("listen.report_clips"), clips)]
        facts.append((t("listen.report_held_out"), t.number(frozen.val)))
    except UserError:
        facts.append((t("train.dataset"), t("listen.report_no_dataset", id=run.dataset.name[:6])))
    preset_id = str(view.about.get("preset", ""))
    facts += [
        (t("train.preset"), t.get(f"presets.{preset_id}.label", preset_id)),
        (t("listen.report_updates"), t("job.of", count=t.number(view.step), total=t.number(view.total))),
        (t("train.begun"), t.exactly(view.job.created_at)),
        (t("listen.report_state"), t(f"job.{view.job.status}")),
    ]
    words = [t("listen.report_what"), license_note(t, info(engine))]
    if project.info.rights:
        words.append(t("listen.report_rights", rights=project.info.rights))
    return Section(title=t("listen.report_material"), paragraphs=words, facts=facts)


def _course(t: Translator, project: Project, run: Run, view: RunView) -> Section:
    unit = info(project.info.engine).loss_unit
    curves = [
        Curve(label=label, points=[(float(x), float(y)) for x, y in plots.thin(points)])
        for label, points in ((t("train.curve_train"), view.train), (t("train.curve_val"), view.val))
        if points
    ]
    figure = Figure(
        x_label=t("train.axis_updates"),
        y_label=t("train.axis_error", unit=t.get(f"train.unit_{unit}", unit)),
        curves=curves,
    )
    sentences = [" ".join(texts(t, finding)) for finding in findings(project, run, view) if finding.about == "course"]
    words = [t("train.curve_about"), *sentences] if curves else [t("listen.report_no_curve")]
    return Section(title=t("train.curve"), paragraphs=words, figures=[figure] if curves else [])


def _numbers(t: Translator, project: Project, run: Run) -> list[Section]:
    """The scorecard, where there is one, with its measures over the updates."""
    card = scorecard(project, run)
    if not card.rows:
        return []
    head, rows = main_numbers(t, card)
    figures = [
        Figure(
            title=t(f"scores.col_{chart.measure}"),
            x_label=t("train.axis_updates"),
            y_label=t(f"scores.axis_{chart.measure}"),
            curves=[
                Curve(label=line.label, points=[(float(x), float(y)) for x, y in line.points]) for line in chart.series
            ],
        )
        for chart in charts(t, card)
    ]
    words = [run_verdict(t, project, run), t("listen.report_scores", listener=who_listened(t, card))]
    return [Section(title=t("scores.title"), paragraphs=words, table=Table(head=head, rows=rows), figures=figures)]


def _ears(t: Translator, project: Project, ranking: Ranking) -> Section:
    people = listeners(project.store.votes(), trusted_names(project))
    if not people:
        return Section(title=t("listen.table"), paragraphs=[t("listen.report_no_votes")])
    left_out = [listener_name(t, person.name) for person in people if person.is_left_out]
    words = [
        verdict_text(t, ranking),
        t("listen.report_votes", votes=t.number(ranking.votes), people=t.number(len(people))),
    ]
    if left_out:
        words.append(t("listen.report_left_out", names=", ".join(left_out)))
    names = ("voice", "share", "best", "wins", "losses", "ties")
    rows = [
        [
            voice_name(t, row.title, row.checkpoint),
            f"{percent(t, row.share)} ({t('listen.interval', low=percent(t, row.low), high=percent(t, row.high))})",
            percent(t, row.best),
            *(t.number(count) for count in (row.wins, row.losses, row.ties)),
        ]
        for row in ranking.rows
    ]
    head = [t(f"listen.col_{name}") for name in names]
    return Section(
        title=t("listen.table"), paragraphs=[*words, t("listen.table_about")], table=Table(head=head, rows=rows)
    )


def _spoken(t: Translator, run: Run, view: RunView) -> Section:
    if not view.samples:
        return Section(title=t("listen.report_spoken"), paragraphs=[t("listen.report_no_samples")])
    rows = [
        [
            f"{number + 1}. {samples[0].text}",
            ", ".join(step_name(t, sample.step) for sample in samples if sample.step not in view.job.pruned),
        ]
        for number, samples in sorted(view.samples.items())
    ]
    frozen = sentences_of(run)
    words = [t("listen.report_files", run=run.id)]
    if frozen:
        words.append(t("listen.report_references", clips=", ".join(frozen.references)))
    head = [t("listen.sentence"), t("listen.report_spoken_by")]
    return Section(title=t("listen.report_spoken"), paragraphs=words, table=Table(head=head, rows=rows))


def _settings(t: Translator, view: RunView) -> Section:
    facts = [
        (t.get(f"training.{name}", name), value_name(t, "training", name, value))
        for name, value in view.config.model_dump().items()
    ]
    return Section(title=t("listen.report_settings"), facts=facts)
