"""The scorecard: the verdict in a sentence, each voice in numbers, curves over the updates, own sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.checkpoint_ref import CheckpointRef
from core.evaluation.scorecard import Row, Scorecard, scorecard
from core.evaluation.start import latest_evaluation
from core.evaluation.statistics import Estimate
from core.evaluation.test_set import own_sentences
from core.evaluation.verdict import Reason, Verdict
from core.jobs.args.runs import EvaluateArgs
from core.jobs.job import Job
from core.project.workspace import Project
from core.training.run import Run, runs
from ui import html
from ui.i18n import Translator
from ui.job_panel import in_line
from ui.page import view_of
from ui.parts.select import select
from ui.plots import Series
from ui.tabs.listen.job_slots import slot
from ui.tabs.train.view import measure_over_updates, step_name

OWN_FIELD = "test-sentences"


@dataclass(frozen=True)
class _Column:
    """A measure as the page shows it: ``write`` spells it out, ``best`` picks the best of several values."""

    measure: str
    write: Callable[[Translator, float], str]
    best: Callable[[Sequence[float]], float] | None = None


def _percent(t: Translator, share: float) -> str:
    return f"{t.number(100 * share, 0 if share >= 0.1 or share == 0 else 1)}%"


def _digits(digits: int) -> Callable[[Translator, float], str]:
    return lambda t, value: t.number(value, digits)


_MAIN = (
    _Column("cer", _percent, min),
    _Column("likeness", _digits(2), max),
    _Column("naturalness", _digits(1), max),
    _Column("faulty", lambda t, share: _percent(t, 1 - share), min),
)
_MORE = (
    _Column("wer", _percent, min),
    _Column("own_likeness", _digits(2), max),
    _Column("letters_per_s", _digits(1)),
    _Column("pitch_hz", _digits(0)),
    _Column("pitch_spread", _digits(1)),
    _Column("bandwidth_hz", _digits(0)),
    _Column("failed", _percent, min),
    _Column("real_time", _digits(1)),
)


def scorecard_view(t: Translator, project: Project, query: str) -> str:
    """The scorecard of the run that the address names, else of the newest that has checkpoints; empty without any."""
    choices = [run for run in runs(project) if any(step > 0 for step in run.checkpoints.steps())]
    if not choices:
        return ""
    view = view_of(query)
    wish = view.get("scores") or view.get("grid", "")
    run = next((run for run in choices if run.id == wish), choices[0])
    card = scorecard(project, run)
    chooser = ""
    if len(choices) > 1:
        chooser = select(t("train.run"), "scores", [(entry.id, entry.title) for entry in choices], run.id)
    return (
        f'<section class="vw-card vw-gap" id="scorecard"><h3>{html.e(t("scores.title"))}</h3>{chooser}'
        f"{_verdict(t, run, card)}{_start(t, project, run, card)}{_table(t, card, _MAIN)}{_about(t, card)}"
        f"{_curves(t, card)}{_more(t, card)}{_own(t, project)}</section>"
    )


def _verdict(t: Translator, run: Run, card: Scorecard) -> str:
    """The verdict, and the way to hear what it recommends beside the base without knowing which is which."""
    if not card.rows:
        return f'<p class="vw-dim">{html.e(t("scores.purpose"))}</p>'
    tone = {"keep": "good", "votes": "good", "base": "warn", "few": "info"}[card.verdict.kind]
    hear = ""
    if card.verdict.kind in ("keep", "votes") and card.verdict.step > 0:
        best, base = CheckpointRef(run.id, card.verdict.step), CheckpointRef(run.id, 0)
        hear = html.place(t("scores.hear"), f"a={best.name}&b={base.name}&sentence=&judged=")
    return html.notice(verdict_text(t, card.verdict), tone, hear)


def run_verdict(t: Translator, project: Project, run: Run) -> str:
    """The verdict on a run's checkpoints in words; empty where none is scored."""
    card = scorecard(project, run)
    return verdict_text(t, card.verdict) if card.rows else ""


def main_numbers(t: Translator, card: Scorecard) -> tuple[list[str], list[list[str]]]:
    """The table of the main measures in plain text, each with its interval: its head and its rows."""
    rows = [*card.rows, *([card.real] if card.real else [])]
    columns = [column for column in _MAIN if any(column.measure in row.estimates for row in rows)]
    head = [t("listen.col_voice"), *(t(f"scores.col_{column.measure}") for column in columns)]
    lines = [
        [
            t("scores.real") if row.step is None else step_name(t, row.step),
            *(_with_interval(t, column, row.estimates.get(column.measure)) for column in columns),
        ]
        for row in rows
    ]
    return head, lines


def _with_interval(t: Translator, column: _Column, value: Estimate | None) -> str:
    return f"{column.write(t, value.mean)} ({_interval(t, column, value)})" if value else "–"


def verdict_text(t: Translator, verdict: Verdict) -> str:
    """The verdict as one sentence with its reasons, and another with what came later or what usually helps."""
    name = step_name(t, verdict.step)
    name = name[:1].lower() + name[1:]  # it stands within the sentence
    main = [reason for reason in verdict.reasons if not reason.key.startswith("later_")]
    reasons = [reason for reason in verdict.reasons if reason.key.startswith("later_")]
    parts = [t(f"scores.{verdict.kind}", name=name, reasons=_list(t, [_reason(t, reason) for reason in main]))]
    if verdict.kind == "votes" and not main:
        parts = [t("scores.votes_alone" if verdict.step else "scores.votes_base", name=name)]
    if reasons:
        parts.append(t("scores.later", name=name, reasons=_list(t, [_reason(t, reason) for reason in reasons])))
    if verdict.help:
        parts.append(t(f"scores.{verdict.help}"))
    return " ".join(parts)


def _reason(t: Translator, reason: Reason) -> str:
    write = {"clear": _percent, "like": _digits(2), "natural": _digits(1)}.get(reason.key.partition("_")[0], _digits(0))
    return t(f"scores.{reason.key}", **{name: write(t, value) for name, value in reason.values.items()})


def _list(t: Translator, parts: Sequence[str]) -> str:
    if len(parts) < 2:
        return "".join(parts)
    return t("scores.and", first=", ".join(parts[:-1]), last=parts[-1])


def _start(t: Translator, project: Project, run: Run, card: Scorecard) -> str:
    """The button, how many are scored, and the job while it is at work or as it ended."""
    job = latest_evaluation(project)
    steps = [step for step in run.checkpoints.steps() if step > 0]
    scored = sum(1 for row in card.rows if row.step in steps)
    is_alive = job is not None and job.alive()
    label = t("scores.again" if scored == len(steps) else "scores.score")
    style = "" if scored == len(steps) else "primary"
    button = html.action(
        label, "score", run.id, style=style, off_reason=t("scores.running") if is_alive else "", elem_id="score"
    )
    count = t("scores.scored", count=t.number(scored), total=t.number(len(steps)))
    return (
        f'<div class="vw-row">{button}<span class="vw-dim">{html.e(count)}</span></div>'
        f"{html.reason('' if is_alive else in_line(t, project))}{_job(run, job)}"
    )


def _job(run: Run, job: Job | None) -> str:
    args = job.spec().args if job else None
    if job is None or not isinstance(args, EvaluateArgs) or (args.run_id != run.id and not job.alive()):
        return ""
    status = job.read().status
    if status == "done" and not job.read().warnings:
        return ""  # the table says it
    return slot(job)


def _table(t: Translator, card: Scorecard, columns: Sequence[_Column]) -> str:
    if not card.rows:
        return ""
    rows = [*card.rows, *([card.real] if card.real else [])]
    visible = [column for column in columns if any(column.measure in row.estimates for row in rows)]
    head = "".join(f"<th>{html.e(t(f'scores.col_{column.measure}'))}</th>" for column in visible)
    best = {column.measure: _best(column, card.rows) for column in visible}
    body = "".join(_row(t, card, row, visible, best) for row in rows)
    return (
        f'<div class="vw-scroll vw-scores" tabindex="0"><table><thead><tr><th>{html.e(t("listen.col_voice"))}</th>'
        f"{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _best(column: _Column, rows: Sequence[Row]) -> float | None:
    values = [row.estimates[column.measure].mean for row in rows if column.measure in row.estimates]
    return column.best(values) if column.best and len(set(values)) > 1 else None


def _row(t: Translator, card: Scorecard, row: Row, columns: Sequence[_Column], best: dict[str, float | None]) -> str:
    name = t("scores.real") if row.step is None else step_name(t, row.step)
    is_kept = card.verdict.kind in ("keep", "votes") and row.step == card.verdict.step
    chip = f' <span class="vw-chip good">{html.e(t("scores.recommended"))}</span>' if is_kept else ""
    cells = "".join(
        _cell(t, column, row.estimates.get(column.measure), best[column.measure] if row.step is not None else None)
        for column in columns
    )
    return f'<tr data-key="score-{row.step}"><td>{html.e(name)}{chip}</td>{cells}</tr>'


def _cell(t: Translator, column: _Column, value: Estimate | None, best: float | None) -> str:
    if value is None:
        return "<td>–</td>"
    text = html.e(column.write(t, value.mean))
    mark = f'<b title="{html.e(t("scores.best"))}">{text} ★</b>' if value.mean == best else text
    return f'<td>{mark}<span class="vw-dim">{html.e(_interval(t, column, value))}</span></td>'


def _interval(t: Translator, column: _Column, value: Estimate) -> str:
    low, high = column.write(t, value.low), column.write(t, value.high)
    if column.measure == "faulty":  # shown the other way round
        low, high = high, low
    return t("listen.interval", low=low, high=high)


def _about(t: Translator, card: Scorecard) -> str:
    if not card.rows:
        return ""
    return f'<p class="vw-dim">{html.e(t("scores.about"))} {html.e(who_listened(t, card))}</p>'


def who_listened(t: Translator, card: Scorecard) -> str:
    """The recogniser by which letters were misheard."""
    return t("scores.listener", name=card.recogniser.removeprefix("builtin:")) if card.recogniser else t("scores.deaf")


@dataclass(frozen=True)
class Chart:
    """A measure over the updates, with the base and the real voice as lines."""

    measure: str
    series: list[Series]


def charts(t: Translator, card: Scorecard) -> list[Chart]:
    """The main measures over the updates; those of which two checkpoints or more are known."""
    pictures = []
    for column in _MAIN:
        points = card.points[column.measure]
        if len(points) < 2:
            continue
        scale = 100.0 if column.measure in ("cer", "faulty") else 1.0
        flip = column.measure == "faulty"

        def shown(value: float, scale: float = scale, flip: bool = flip) -> float:
            return scale * (1 - value if flip else value)

        first, last = points[0][0], points[-1][0]
        series = [
            Series(
                t("scores.line_checkpoints"),
                [(step, shown(value.mean)) for step, value in points],
                intervals=[(shown(value.low), shown(value.high)) for _, value in points],
            )
        ]
        for row, key, style in ((card.rows[0], "line_base", "second"), (card.real, "line_real", "third")):
            if row is not None and column.measure in row.estimates and row.step in (0, None):
                level = shown(row.estimates[column.measure].mean)
                series.append(Series(t(f"scores.{key}"), [(first, level), (last, level)], style))
        pictures.append(Chart(column.measure, series))
    return pictures


def _curves(t: Translator, card: Scorecard) -> str:
    pictures = ""
    for chart in charts(t, card):
        pictures += f"<div>{measure_over_updates(t, chart.measure, chart.series)}</div>"
    return html.details(t("scores.curves"), f'<div class="vw-halves vw-charts">{pictures}</div>') if pictures else ""


def _more(t: Translator, card: Scorecard) -> str:
    table = _table(t, card, _MORE)
    return (
        html.details(t("scores.more"), table + f'<p class="vw-dim">{html.e(t("scores.more_about"))}</p>')
        if table
        else ""
    )


def _own(t: Translator, project: Project) -> str:
    """The sentences that the person adds to the test set."""
    texts = own_sentences(project)
    field = (
        f'<label class="vw-field"><span>{html.e(t("scores.own_help"))}</span><textarea id="{OWN_FIELD}" rows="5"'
        f' lang="{html.e(project.info.language)}">{html.e(chr(10).join(texts))}</textarea></label>'
        f'<button type="button" class="vw-btn" data-do="test-sentences" data-id="" data-value-of="#{OWN_FIELD}">'
        f"{html.e(t('scores.own_use'))}</button>"
    )
    return html.details(t("scores.own", count=t.number(len(texts))), field)
