"""The view of a training run: what it says in words, curves, samples as they come, and the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.checkpoint_ref import CheckpointRef
from core.coach.findings import findings
from core.dataset.freeze import datasets
from core.engines.registry import info
from core.evaluation.scorecard import real_voice
from core.project.workspace import Project
from core.sync.ledger import read_state
from core.sync.syncer import is_running
from core.training.diagnosis import best_checkpoint
from core.training.run import Run, RunView, SampleView
from core.training.trackers import FOLDER
from ui import html, plots
from ui.drive import TROUBLE, drive_line
from ui.form import value_name
from ui.http.audio_routes import audio_url
from ui.http.tensorboard import board_url, is_installed
from ui.i18n import Translator
from ui.job_panel import job_panel
from ui.parts.select import select
from ui.plots import Series
from ui.tabs.train.coach import course, explained, others
from ui.tabs.train.control import controls

NEW_SESSION = "new"  # in the address of the Listen page: a short session begins
_LABEL_LETTERS = 14  # of a run's name beside its curve


def run_chooser(t: Translator, runs: Sequence[Run], current: Run | None) -> str:
    """The list of all runs; empty where there is nothing to choose."""
    if len(runs) < 2 or current is None:
        return ""
    lines = [(run.id, f"{run.title} · {t('job.' + run.job.read().status)}") for run in runs]
    return select(t("train.run"), "run", lines, current.id)


def run_view(t: Translator, project: Project, run: Run | None, overlay: Sequence[Run] = ()) -> str:
    """The right side of the Train page; the curves of ``overlay`` are laid over the run's own."""
    if run is None:
        return f'<div class="vw-empty"><p>{html.e(t("train.no_run"))}</p></div>'
    view = run.read()
    panel = job_panel(
        t,
        run.job,
        done_text=t("train.done", step=t.number(view.step), checkpoints=t.number(len(view.checkpoints))),
        next_step=html.go(
            t("train.to_listen"),
            "listen",
            style="" if view.resumable else "primary",
            view=f"session={NEW_SESSION}&judged=",
        )
        if view.samples
        else "",
        resume=view.resumable,
        dismissable=False,
        stop_label=t("train.stop"),
        # While it speaks or checks, the bar stays where the training is.
        fraction=view.step / view.total if view.step and view.total else None,
    )
    panel += controls(t, view) + _drive(t, project)
    overlaid = [(overlay_run.title, overlay_run.read()) for overlay_run in overlay if overlay_run.id != run.id]
    curves = _curves(t, project, run, view, overlaid)
    finding_list = findings(project, run, view)
    coach = others(t, run, finding_list) + explained(t, project, run)
    return panel + course(t, view, finding_list) + _numbers(t, view) + curves + coach + _samples(t, project, run, view)


def _drive(t: Translator, project: Project) -> str:
    """That the copy on a drive stands still, where there is one."""
    state = read_state(project)
    is_amiss = state is not None and state.state in TROUBLE and is_running(project)
    return html.notice(drive_line(t, state), "warn") if state and is_amiss else ""


def _numbers(t: Translator, view: RunView) -> str:
    if not view.step:
        return ""
    cells = [html.number(f"{t.number(view.step)} / {t.number(view.total)}", t("train.updates"))]
    if view.steps_per_s:
        fast = view.steps_per_s >= 1
        pace = t.number(view.steps_per_s, 1) if fast else t.number(1 / view.steps_per_s, 1)
        cells.append(html.number(pace, t("train.per_second") if fast else t("train.seconds_each")))
    if view.eta_s is not None:
        cells.append(html.number(t.length(view.eta_s), t("train.left")))
    if view.memory_mb:
        cells.append(html.number(f"{t.number(view.memory_mb / 1024, 1)} GB", t("train.memory")))
    return html.numbers(*cells)


def _curves(
    t: Translator, project: Project, run: Run, view: RunView, overlays: Sequence[tuple[str, RunView]] = ()
) -> str:
    unit = info(project.info.engine).loss_unit
    errors = plots.lines(
        [
            Series(t("train.curve_train"), view.train),
            Series(t("train.curve_val"), view.val, "second"),
            *_overlay(overlays),
        ],
        t("train.axis_updates"),
        t("train.axis_error", unit=t.get(f"train.unit_{unit}", unit)),
        description=t("train.curve_about"),
        write=t.plain,
    )
    if not errors:
        return ""
    rate = plots.lines(
        [Series(t("train.curve_lr"), view.lr)], t("train.axis_updates"), t("train.curve_lr"), write=t.plain
    )
    details = html.details(t("training.learning_rate"), rate) if rate else ""
    names = {data.id: data.name for data in datasets(project)} if overlays else {}
    settings_diff = "".join(
        f"<p>{html.e(t('train.differs' if difference else 'train.same_settings', name=title, what=difference))}</p>"
        for title, extra in overlays
        for difference in [differences(t, view, extra, names)]
    )
    heading = f"<h3>{html.e(t('train.curve'))}</h3>"
    return f"{heading}{errors}{settings_diff}{details}{_sound(t, run, view, overlays)}{_board(t, project, run)}"


def _sound(t: Translator, run: Run, view: RunView, overlays: Sequence[tuple[str, RunView]]) -> str:
    """How the samples sound over the updates: how clear, how like the speaker, with the base and the real voice."""
    if not view.sample_cer and not view.sample_likeness:
        return ""
    real = real_voice(run)
    pictures = ""
    for name, measure, scale in (("sample_cer", "cer", 100.0), ("sample_likeness", "likeness", 1.0)):
        points = [(step, scale * value) for step, value in getattr(view, name)]
        trained_points = [point for point in points if point[0] > 0]
        if not trained_points:
            continue
        ends = (0, max(trained_points[-1][0], view.step))
        series = [Series(t("scores.line_checkpoints"), trained_points)]
        if points[0][0] == 0:
            series.append(Series(t("scores.line_base"), [(x, points[0][1]) for x in ends], "second"))
        if measure in real:
            series.append(Series(t("scores.line_real"), [(x, scale * real[measure].mean) for x in ends], "third"))
        for (title, extra), style in zip(overlays, ("fourth", "fifth"), strict=False):
            theirs = [(step, scale * value) for step, value in getattr(extra, name) if step > 0]
            series.append(Series(_short(title), theirs, style))
        pictures += measure_over_updates(t, measure, series)
    if not pictures:
        return ""
    about = f'<p class="vw-dim">{html.e(t("train.sound_about"))}</p>'
    return f"<h3>{html.e(t('train.sound'))}</h3>{about}{pictures}"


def measure_over_updates(t: Translator, measure: str, series: Sequence[Series]) -> str:
    """A line chart under its name: beside the axis there would be no room for it on a phone."""
    label, unit = t(f"scores.axis_{measure}"), "%" if measure in ("cer", "faulty") else ""
    picture = plots.lines(series, t("train.axis_updates"), unit, description=label, write=t.plain)
    return f"<h4>{html.e(t(f'scores.col_{measure}'))}</h4>{picture}" if picture else ""


def _overlay(overlays: Sequence[tuple[str, RunView]]) -> list[Series]:
    """The errors of other runs on unseen sentences, each in a colour of its own."""
    styles = ("third", "fourth", "fifth")
    return [Series(_short(title), extra.val, style) for (title, extra), style in zip(overlays, styles, strict=False)]


def _short(title: str) -> str:
    return title if len(title) <= _LABEL_LETTERS else f"{title[: _LABEL_LETTERS - 1]}…"


def differences(t: Translator, view: RunView, extra: RunView, names: Mapping[str, str]) -> str:
    """What a run was trained with that another was not: ``Learning rate 0.005 (0.001)``; empty if nothing.

    ``names`` are what datasets are called, by id.
    """
    settings, overlay_settings = view.config.model_dump(), extra.config.model_dump()
    parts = [
        f"{t.get(f'training.{name}', name)} {value_name(t, 'training', name, value)}"
        f" ({value_name(t, 'training', name, overlay_settings[name])})"
        for name, value in settings.items()
        if name in overlay_settings and overlay_settings[name] != value
    ]
    if view.about.get("dataset") != extra.about.get("dataset"):
        ours_id, other_id = (str(about.get("dataset", "")) for about in (view.about, extra.about))
        parts.append(f"{t('train.dataset')} {names.get(ours_id, ours_id[:6])} ({names.get(other_id, other_id[:6])})")
    return ", ".join(parts)


def _board(t: Translator, project: Project, run: Run) -> str:
    """The way to TensorBoard, where the run has written for it."""
    if not (run.path / FOLDER).exists() or not is_installed():
        return ""
    label, url = html.e(t("train.tensorboard")), html.e(board_url(project.slug))
    return f'<p><a class="vw-away" href="{url}" target="_blank" rel="noopener">{label} ↗</a></p>'


def _samples(t: Translator, project: Project, run: Run, view: RunView) -> str:
    if not view.samples:
        return ""
    best = best_checkpoint(view)
    rows = "".join(
        f'<li data-key="s{number}"><p>“{html.e(row[0].text)}”</p>{_row(t, project, run, view, row, best)}</li>'
        for number, row in sorted(view.samples.items())
    )
    words = t("train.samples_help")
    if view.real_time_factor is not None:
        words += " " + t("train.samples_pace", seconds=t.number(view.real_time_factor, 1))
    about = f'<p class="vw-dim">{html.e(words)}</p>'
    return f'<h3>{html.e(t("train.samples"))}</h3>{about}<ol class="vw-sentences">{rows}</ol>'


def _row(t: Translator, project: Project, run: Run, view: RunView, row: Sequence[SampleView], best: int | None) -> str:
    """One sentence: the base voice beside the newest and the best checkpoint; the others are folded up."""
    playable = [sample for sample in row if sample.step not in view.job.pruned]
    front = {0, best, *(sample.step for sample in playable[-1:])}
    groups: dict[str, list[SampleView]] = {"front": [], "earlier": [], "pruned": []}
    for sample in row:
        is_pruned = sample.step in view.job.pruned
        groups["pruned" if is_pruned else "front" if sample.step in front else "earlier"].append(sample)
    pieces = {
        name: "".join(_sample(t, project, run, view, sample, best) for sample in samples)
        for name, samples in groups.items()
    }
    details = "".join(
        html.details(t(f"train.{name}"), f'<div class="vw-samples">{pieces[name]}</div>')
        for name in ("earlier", "pruned")
        if pieces[name]
    )
    has_several = len(groups["front"]) > 1
    play = (
        f'<button type="button" class="vw-btn" data-play-row>▶ {html.e(t("train.play_row"))}</button>'
        if has_several
        else ""
    )
    return f'<div data-row><div class="vw-samples">{pieces["front"]}</div>{play}</div>{details}'


def _sample(t: Translator, project: Project, run: Run, view: RunView, sample: SampleView, best: int | None) -> str:
    name = step_name(t, sample.step)
    marks = {"lowest": sample.step == best, "kept": sample.step in view.pinned_steps}
    mark = "".join(f' <span class="vw-chip">{html.e(t(f"train.{key}"))}</span>' for key, on in marks.items() if on)
    url = audio_url(project.slug, "sample", run.id, sample.step, sample.sentence)
    label = f"{name}: {sample.text}"
    return f'<div data-key="{sample.step}"><span>{html.e(name)}{mark}</span>{html.player(url, label)}</div>'


def voice_name(t: Translator, title: str, checkpoint: CheckpointRef | None) -> str:
    """A run's title with what a person calls its checkpoint; of a base its label alone."""
    return f"{title} · {step_name(t, checkpoint.step)}" if checkpoint else title


def step_name(t: Translator, step: int) -> str:
    """What a person calls a checkpoint."""
    return t("train.step", step=t.number(step)) if step else t("train.step_base")
