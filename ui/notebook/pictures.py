"""Pictures for a notebook's outputs: progress, curves, players, tables, each one piece of HTML that needs no script."""

from __future__ import annotations

import base64
import functools
from collections.abc import Sequence
from pathlib import Path

from core.audio.encode import encode
from core.audio.samples import read
from core.coach.findings import findings
from core.engines.registry import info
from core.jobs.job import JobView
from core.project.workspace import Project
from core.sync.ledger import SyncState
from core.training.diagnosis import best_checkpoint
from core.training.run import Run, RunView
from ui import html, plots
from ui.drive import TROUBLE, drive_line
from ui.i18n import Translator
from ui.job_panel import job_line
from ui.plots import Series

STYLE = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
_NEWEST = 2  # checkpoints with players beside the base and the best: each sound is part of the notebook's file


def framed(*parts: str) -> str:
    """Pieces of HTML as one output."""
    return f'<style>{STYLE}</style><div class="vwn">{"".join(parts)}</div>'


def paragraph(text: str, style: str = "") -> str:
    """A sentence."""
    return f'<p class="{style}">{html.e(text)}</p>'


def progress(t: Translator, view: JobView, fraction: float | None = None) -> str:
    """A job's line and bar; how it ended, if it has."""
    if view.active or view.status == "new":
        share = view.fraction if fraction is None else fraction
        bar = f'<div class="bar"><i style="width:{100 * share:.1f}%"></i></div>'
        return paragraph(job_line(t, view)) + bar
    ending = f"{t.job_name(view.kind, view.title)}: {t(f'job.{view.status}')}"
    return paragraph(ending)


def curves(t: Translator, project: Project, run: Run, view: RunView) -> str:
    """The error while learning, and what is to be thought of it."""
    unit = info(project.info.engine).loss_unit
    lines = plots.lines(
        [Series(t("train.curve_train"), view.train), Series(t("train.curve_val"), view.val, "second")],
        t("train.axis_updates"),
        t("train.axis_error", unit=t.get(f"train.unit_{unit}", unit)),
        description=t("train.curve_about"),
        write=t.plain,
    )
    if not view.train:
        return lines
    from ui.tabs.train.coach import texts  # brings the page's library along, which takes a second

    course = [finding for finding in findings(project, run, view) if finding.about == "course"]
    return lines + "".join(paragraph(" ".join(texts(t, finding))) for finding in course)


def players(t: Translator, view: RunView) -> str:
    """The test sentences by the base, the best and the newest checkpoints, to be played."""
    whole = sorted({sample.step for row in view.samples.values() for sample in row} - view.job.pruned)
    steps = {0, best_checkpoint(view), *whole[-_NEWEST:]}
    rows = []
    for _, row in sorted(view.samples.items()):
        sounds = [sample for sample in row if sample.step in steps and sample.path.is_file()]
        cells = "".join(
            f"<td>{html.e(t('notebook.base') if sample.step == 0 else t('notebook.step', step=sample.step))}<br>"
            f"{player(sample.path)}</td>"
            for sample in sounds
        )
        rows.append(f"{paragraph(f'“{row[0].text}”')}<table><tr>{cells}</tr></table>")
    return "".join(rows)


def player(path: Path) -> str:
    """A sound with its controls; all of it lies in the output, so that it plays in a saved notebook too."""
    about = path.stat()
    return f'<audio controls preload="none" src="data:audio/mpeg;base64,{_packed(path, about.st_mtime_ns)}"></audio>'


@functools.lru_cache(maxsize=64)
def _packed(path: Path, _version: int) -> str:
    return base64.b64encode(b"".join(encode(iter([read(path)]), "mp3"))).decode()


def table(head: Sequence[str], rows: Sequence[Sequence[str]], best: int | None = None) -> str:
    """A table; the row ``best`` stands out."""
    top = "".join(f"<th>{html.e(cell)}</th>" for cell in head)
    body = "".join(
        f"<tr{' class=best' if number == best else ''}>{''.join(f'<td>{html.e(cell)}</td>' for cell in row)}</tr>"
        for number, row in enumerate(rows)
    )
    return f"<table><tr>{top}</tr>{body}</table>"


def sync_line(t: Translator, state: SyncState | None) -> str:
    """How far the mirror on the drive is."""
    if state is None:
        return ""
    return paragraph(drive_line(t, state), "" if state.state in TROUBLE else "dim")
