"""Plots: series as small SVGs in the page's own colours, readable in both themes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ui.html import e

Point = tuple[float, float]
Write = Callable[[float], str]
WIDTH, HEIGHT = 640, 248
LEFT, RIGHT, TOP, BOTTOM = 72, 128, 12, 40
LABEL_GAP = 18
_BESIDE_LETTERS = 11  # that fit right of the lines, in the large letters of a phone


@dataclass(frozen=True)
class Series:
    """One line: its direct label, its points in x order, and whether it is drawn as the first or second colour.

    ``intervals`` are the low and the high end of each point, drawn as an upright line; none by default.
    """

    label: str
    points: Sequence[Point]
    style: str = "first"
    intervals: Sequence[Point] = ()


def lines(
    series: Sequence[Series], x_label: str, y_label: str, *, description: str = "", write: Write = "{:g}".format
) -> str:
    """A line chart with direct labels; empty if there is nothing to draw yet. ``write`` spells a number out."""
    points = [point for curve in series for point in curve.points if math.isfinite(point[1])]
    if not points:
        return ""
    x_low, x_high = _range([x for x, _ in points], pad=0)
    ends = [end for curve in series for interval in curve.intervals for end in interval]
    y_low, y_high = _range([*(y for _, y in points), *ends], pad=0.08)

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT) + LEFT
        down = HEIGHT - BOTTOM - (y - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM)
        return round(across, 1), round(down, 1)

    parts = [_axes(x_low, x_high, y_low, y_high, x_label, y_label, place, write)]
    labels: list[float] = []
    for curve in series:
        good = [place(x, y) for x, y in thin([point for point in curve.points if math.isfinite(point[1])])]
        if not good:
            continue
        for (x, _), (low, high) in zip(curve.points, curve.intervals, strict=False):
            (across, bottom), (_, top) = place(x, low), place(x, high)
            parts.append(f'<line class="{curve.style} interval" x1="{across}" x2="{across}" y1="{bottom}" y2="{top}"/>')
        path = " ".join(f"{x},{y}" for x, y in good)
        parts.append(f'<polyline class="{curve.style}" stroke-width="2" points="{path}"/>')
        x, y = good[-1]
        if len(good) == 1:
            parts.append(f'<circle class="{curve.style}" cx="{x}" cy="{y}" r="3"/>')
        labels.append(_beside(y, labels))
        # A long one ends at the edge, over the lines: beyond it, it would be cut off where letters are large.
        long = f'x="{WIDTH - 2}" text-anchor="end"' if len(curve.label) > _BESIDE_LETTERS else ""
        anchor = long or f'x="{WIDTH - RIGHT + 6}"'
        parts.append(f'<text class="label-{curve.style}" {anchor} y="{labels[-1] + 4:g}">{e(curve.label)}</text>')
    return _svg("".join(parts), description or y_label)


def thin(points: Sequence[Point], limit: int = 600) -> Sequence[Point]:
    """At most about ``limit`` points, in order: both ends, and of each stretch its lowest and highest."""
    if len(points) <= limit:
        return points
    bounds = [len(points) * part // (limit // 2) for part in range(limit // 2 + 1)]
    indices = {0, len(points) - 1}
    for begin, end in zip(bounds, bounds[1:], strict=False):
        values = [value for _, value in points[begin:end]]
        indices |= {begin + values.index(min(values)), begin + values.index(max(values))}
    return [points[index] for index in sorted(indices)]


def _beside(y: float, neighbours: Sequence[float]) -> float:
    """Where right of the lines a label stands that belongs to ``y``: near it, on no other label, inside the picture."""
    top, bottom = TOP + 8, HEIGHT - BOTTOM - 4
    ideal = min(max(y, top), bottom)
    places = [ideal, *(neighbour + gap for neighbour in neighbours for gap in (LABEL_GAP, -LABEL_GAP))]
    free = [y for y in places if top <= y <= bottom and all(abs(y - label) >= LABEL_GAP for label in neighbours)]
    return min(free, key=lambda place: abs(place - ideal), default=ideal)


def histogram(
    values: Sequence[float], edges: Sequence[float], x_label: str, y_label: str, *, write: Write = "{:g}".format
) -> str:
    """Bars of how many values lie between neighbouring edges. ``write`` spells a number out."""
    counts = [0] * (len(edges) - 1)
    for value in values:
        for index in range(len(counts)):
            if edges[index] <= value < edges[index + 1] or (index == len(counts) - 1 and value == edges[-1]):
                counts[index] += 1
                break
    top = max(counts, default=0)
    if not top:
        return ""
    width = (WIDTH - LEFT - 16) / len(counts)
    parts = [
        f'<text x="{LEFT - 6}" y="{TOP + 10}" text-anchor="end">{write(top)}</text>'
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH - 16}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}"/>'
    ]
    for index, count in enumerate(counts):
        tall = (HEIGHT - TOP - BOTTOM) * count / top
        x, y = LEFT + index * width, HEIGHT - BOTTOM - tall
        title = f"{write(edges[index])}–{write(edges[index + 1])}: {write(count)}"
        parts.append(
            f'<rect class="fill" x="{x + 1:.1f}" y="{y:.1f}" width="{width - 2:.1f}" height="{tall:.1f}" rx="2">'
            f"<title>{title}</title></rect>"
        )
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{write(edges[index])}</text>')
    parts.append(_captions(x_label, y_label))
    return _svg("".join(parts), f"{y_label} / {x_label}")


def waveform(peaks: Sequence[Point], seconds: float, spans: Sequence[Point] = (), description: str = "") -> str:
    """A waveform with clip regions. ``peaks`` are (low, high) in [-1, 1] a bucket; ``spans`` are in seconds."""
    count = max(1, len(peaks))
    upper = " ".join(f"L{i} {60 - 58 * high:.1f}" for i, (_, high) in enumerate(peaks))
    lower = " ".join(f"L{i} {60 - 58 * low:.1f}" for i, (low, _) in reversed(list(enumerate(peaks))))
    scale = count / seconds if seconds else 0.0
    regions = "".join(
        f'<rect class="clip" x="{start * scale:.2f}" width="{(end - start) * scale:.2f}" y="0" height="120"/>'
        f'<path class="edge" d="M{start * scale:.2f} 0V120M{end * scale:.2f} 0V120"/>'
        for start, end in spans
    )
    return (
        f'<svg class="vw-wave" viewBox="0 0 {count} 120" preserveAspectRatio="none" role="img"'
        f' aria-label="{e(description)}">{regions}<path class="wave" d="M0 60 {upper} {lower} Z"/></svg>'
    )


def _axes(
    x_low: float,
    x_high: float,
    y_low: float,
    y_high: float,
    x_label: str,
    y_label: str,
    place: Callable[[float, float], Point],
    write: Write,
) -> str:
    parts = []
    for tick in _ticks(y_low, y_high, 4):
        _, y = place(x_low, tick)
        parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{write(tick)}</text>')
    for tick in _ticks(x_low, x_high, 5):
        if tick != round(tick) and x_low == round(x_low) and x_high == round(x_high):
            continue  # no update lies between two
        x, _ = place(tick, y_low)
        parts.append(f'<text x="{x}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{write(tick)}</text>')
    return "".join(parts) + _captions(x_label, y_label)


def _captions(x_label: str, y_label: str) -> str:
    middle = (HEIGHT - BOTTOM + TOP) / 2
    return (
        f'<text x="{WIDTH - 16}" y="{HEIGHT - 2}" text-anchor="end">{e(x_label)}</text>'
        f'<text x="12" y="{middle}" text-anchor="middle" transform="rotate(-90 12 {middle})">{e(y_label)}</text>'
    )


def _range(values: Sequence[float], pad: float) -> Point:
    low, high = min(values), max(values)
    if low == high:
        if not pad:
            return low, high + 1  # there is no update before the first
        space = abs(low) / 5 or 0.5  # so that the scale tells its size: 0.001 lies between 0.0008 and 0.0012
        return low - space, high + space
    space = (high - low) * pad
    return low - space, high + space


def _ticks(low: float, high: float, about: int) -> list[float]:
    raw = (high - low) / about
    power = 10 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
    first = math.ceil(low / step)
    return [round(index * step, 10) for index in range(first, math.floor(high / step) + 1)]


def _svg(body: str, description: str) -> str:
    return f'<svg class="vw-plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{e(description)}">{body}</svg>'
