"""Figures of a report, drawn by matplotlib without a screen."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

from core.report.document import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = ("#0f766e", "#c2410c", "#6d28d9", "#1d4ed8", "#526077")
_STYLES = ("-", (0, (5, 2)), (0, (2, 2)), (0, (8, 2)), "-.")
TEXT, DIM, LINE = "#0f172a", "#526077", "#dbe2ea"


def draw(axes: Axes, figure: Figure) -> None:
    """Put the curves into axes, each told from the others by colour and by its strokes."""
    for number, curve in enumerate(figure.curves):
        points = [(x, y) for x, y in curve.points if math.isfinite(y)]
        style: dict[str, Any] = {"color": COLORS[number % len(COLORS)], "linestyle": _STYLES[number % len(_STYLES)]}
        marker = "o" if len(points) == 1 else ""
        axes.plot([x for x, _ in points], [y for _, y in points], label=curve.label, marker=marker, **style)
    top = axes.get_ylim()[1]
    if figure.y_label.endswith("(%)") and axes.dataLim.y1 <= 100 < top:
        axes.set_ylim(top=100.5)  # no axis of shares goes on to 104 %
    axes.set_xlabel(figure.x_label, fontsize=8, color=DIM)
    axes.set_ylabel(figure.y_label, fontsize=8, color=DIM)
    axes.tick_params(labelsize=8, colors=DIM)
    axes.grid(color=LINE, linewidth=0.6)
    for side in axes.spines.values():
        side.set_color(LINE)
    if figure.curves:
        axes.legend(fontsize=8, frameon=False)


def svg(figure: Figure) -> str:
    """A figure as an SVG element that stands in a page, its words as text."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure as Canvas

    canvas, image = Canvas(figsize=(7.4, 2.6), layout="constrained"), io.StringIO()
    draw(canvas.add_subplot(), figure)
    metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with rc_context({"svg.fonttype": "none"}):
        canvas.savefig(image, format="svg", metadata=metadata)
    text = image.getvalue()
    return text[text.index("<svg") :]
