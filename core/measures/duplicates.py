"""Clips that hold the same sound twice: by the course of their levels, whatever their volume or encoding. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from core.measures.endings import Levels, percentile

SHORTEST_S = 1.0  # what is shorter has hardly a course of its own
_PARTS, _COARSE = 32, 8
_NEAREST = 5  # compared with each, itself among them
_BLOCK = 2_000  # outlines looked up in one go
_DEPTH_DB = 40.0  # below the loudest: further down rooms and encodings differ
_NEAR_DB = 3.0  # mean difference of two that are looked at closely
_DB_A_SECOND = 20.0  # that a difference in length counts
_ALIKE = 0.97  # correlation from which on it is the same sound; two takes of a sentence by one voice reach about 0.9
_LAG_FRAMES = 5

_Vector = npt.NDArray[np.float32]


def outline(levels: Levels, frame_s: float) -> _Vector:
    """A piece as one vector, shape ``(33,)``: two that hold the same sound lie near each other.

    Args:
        levels: dBFS of each frame of the piece, shape ``(frames,)``, at least 32.
        frame_s: seconds of a frame.
    """
    curve = _relative(levels)
    edges = np.linspace(0, len(curve), _PARTS + 1).astype(int)
    parts = np.add.reduceat(curve, edges[:-1]) / np.diff(edges)
    return np.append(parts / np.sqrt(_PARTS), len(curve) * frame_s * _DB_A_SECOND).astype(np.float32)


def near_pairs(outlines: Sequence[_Vector]) -> Iterator[tuple[int, set[tuple[int, int]]]]:
    """Indexes of those that lie so near each other that they may be the same, each pair once, the lower index first.

    Yields:
        how many outlines have been looked up, and the pairs of a block of them.
    """
    from scipy.spatial import cKDTree

    if len(outlines) < 2:
        return
    table = np.stack(outlines)
    # Means of several parts are never further from each other than the parts: few dimensions, none missed.
    parts = table[:, :-1].reshape(len(table), _COARSE, -1).mean(axis=2) * np.sqrt(_PARTS / _COARSE)
    coarse = np.column_stack((parts, table[:, -1]))
    tree = cKDTree(coarse)
    checked_pairs: set[tuple[int, int]] = set()
    for begin in range(0, len(table), _BLOCK):
        _, nearest = tree.query(
            coarse[begin : begin + _BLOCK], k=min(_NEAREST, len(table)), distance_upper_bound=_NEAR_DB
        )
        pairs = {
            (min(first, second), max(first, second))
            for first, row in enumerate(nearest.tolist(), begin)
            for second in row
            if second not in (first, len(table)) and np.linalg.norm(table[first] - table[second]) <= _NEAR_DB
        }
        yield min(begin + _BLOCK, len(table)), pairs - checked_pairs
        checked_pairs |= pairs


def is_same_sound(first: Levels, second: Levels) -> bool:
    """Whether two pieces of nearly one length hold the same sound: the courses of their levels agree."""
    return likeness(first, second) >= _ALIKE


def likeness(first: Levels, second: Levels) -> float:
    """The correlation of two courses of levels at the lag where it is highest, at most 1."""
    a, b = _relative(first), _relative(second)
    best = -1.0
    for lag in range(-_LAG_FRAMES, _LAG_FRAMES + 1):
        x, y = a[max(0, lag) :], b[max(0, -lag) :]
        length = min(len(x), len(y))
        if length < 2 or not (x[:length].std() and y[:length].std()):
            continue
        best = max(best, float(np.corrcoef(x[:length], y[:length])[0, 1]))
    return best


def _relative(levels: Levels) -> _Vector:
    curve = np.asarray(levels, np.float32)
    return np.asarray(np.maximum(curve - percentile(curve, 95), -_DEPTH_DB), np.float32)
