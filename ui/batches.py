"""Batches that were tried, as a table; on the page and in the notebook."""

from __future__ import annotations

from core.training.batches import TriedBatches
from ui import html
from ui.i18n import Translator


def batches_table(t: Translator, batches: TriedBatches) -> str:
    """HTML of a table, the best row marked, and a sentence that names it."""
    best = batches.best
    names = ("at_once", "precision", "saving", "pace", "memory")
    head = "".join(f"<th>{html.e(t(f'batches.{name}'))}</th>" for name in names)
    rows = []
    for trial in batches.trials:
        pace = t.number(trial.clips_per_s, 1) if trial.fits else t("batches.no_fit")
        memory = t.megabytes(trial.memory_mb * 2**20) if trial.fits else "–"
        cells = (
            t("batches.times", clips=trial.micro_batch, times=trial.accumulation),
            t.get(f"training.precision_{trial.precision}", trial.precision),
            t("batches.yes" if trial.checkpointing else "batches.no"),
            pace,
            memory,
        )
        mark = ' class="best"' if trial == best else ""
        rows.append(f"<tr{mark}>{''.join(f'<td>{html.e(cell)}</td>' for cell in cells)}</tr>")
    body = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    table = f'<div class="vw-scroll" tabindex="0">{body}</div>'
    about = t("batches.about", card=batches.card, clips=batches.clips, when=t.moment(batches.at))
    if best is None:
        verdict = t("batches.nothing_fits")
    else:
        verdict = t(
            "batches.best",
            clips=best.micro_batch,
            precision=t.get(f"training.precision_{best.precision}", best.precision),
        )
    return f'<p>{html.e(verdict)}</p>{table}<p class="vw-dim dim">{html.e(about)}</p>'
