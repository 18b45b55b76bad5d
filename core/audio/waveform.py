"""Waveform peaks of a recording for its picture, reduced from the frames measured when it was added."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.audio.levels import frames

Peaks = npt.NDArray[np.float32]


def peaks(path: Path, buckets: int, start_s: float = 0.0, end_s: float | None = None) -> Peaks:
    """Lowest and highest sample of equal parts of a recording, or of a piece of it (zoom).

    Args:
        path: the recording; its frames lie beside it.
        buckets: how many parts are wanted; a short piece has no more of them than frames of 10 ms.
        start_s: where the piece begins.
        end_s: where it ends; None is the end of the recording.

    Returns:
        Float32 in [-1, 1], shape ``(buckets, 2)``: lowest, highest.
    """
    recording = frames(path)
    count = len(recording.low)
    first = min(max(0, int(start_s / recording.frame_s)), max(0, count - 1))
    last = count if end_s is None else min(max(first + 1, round(end_s / recording.frame_s)), count)
    parts = min(max(1, buckets), last - first)
    if parts <= 0:
        return np.zeros((0, 2), np.float32)
    edges = first + (np.arange(parts) * (last - first)) // parts
    lowest = np.minimum.reduceat(recording.low[:last], edges)
    highest = np.maximum.reduceat(recording.high[:last], edges)
    outline = np.stack([lowest, highest], axis=1).astype(np.float32)
    return np.divide(outline, 127, dtype=np.float32)
