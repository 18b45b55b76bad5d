"""Mel spectrogram of a short sound for its picture, and its waveform beside it: with numpy alone, for the page."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from core.audio.samples import Samples

HOP_S = 0.0125
BANDS = 64
LOWEST_HZ, HIGHEST_HZ = 60.0, 8_000.0
RANGE_DB = (-80.0, -10.0)  # of a band's power that the picture's 0 to 255 stand for
_WINDOW_S = 0.04
_MOST_S = 30.0

Levels = npt.NDArray[np.uint8]


def mel_levels(samples: Samples, rate: int) -> Levels:
    """How loud each band is at each moment.

    Args:
        samples: float32 mono; beyond 30 s nothing is looked at.
        rate: in Hz.

    Returns:
        0 to 255 for `RANGE_DB`, shape ``(BANDS, frames)``, the lowest band first, a frame each `HOP_S`.
    """
    samples = samples[: round(_MOST_S * rate)]
    length = 1 << (round(_WINDOW_S * rate) - 1).bit_length()
    starts = _frame_starts(len(samples), rate)
    signal = np.concatenate((np.zeros(length // 2, np.float32), samples, np.zeros(length, np.float32)))
    window = np.hanning(length).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(signal, length)[starts] * window
    power = np.square(np.abs(np.fft.rfft(frames, axis=1))) / np.square(window).sum()
    decibels = 10 * np.log10(np.maximum(_filters(length, rate) @ power.T, 1e-12))
    low, high = RANGE_DB
    return np.asarray(np.clip((decibels - low) / (high - low) * 255, 0, 255).round(), dtype=np.uint8)


def outline(samples: Samples, rate: int) -> npt.NDArray[np.float32]:
    """Lowest and highest sample of each frame of `mel_levels`, shape ``(frames, 2)``."""
    samples = samples[: round(_MOST_S * rate)]
    if not len(samples):
        return np.zeros((0, 2), np.float32)
    starts = _frame_starts(len(samples), rate)
    return np.stack([np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)], axis=1)


def _frame_starts(count: int, rate: int) -> npt.NDArray[np.intp]:
    frames = max(1, int(np.ceil(count / rate / HOP_S - 1e-9)))
    return np.minimum((np.arange(frames) * HOP_S * rate).astype(np.intp), max(0, count - 1))


@functools.lru_cache(maxsize=8)
def _filters(length: int, rate: int) -> npt.NDArray[np.float64]:
    """Triangles of equal width on the mel scale (O'Shaughnessy 1987), each of weight 1; shape ``(BANDS, bins)``."""
    edges = _hz(np.linspace(_mel(LOWEST_HZ), _mel(min(HIGHEST_HZ, rate / 2)), BANDS + 2))
    bins = np.fft.rfftfreq(length, 1 / rate)[None, :]
    low, middle, high = (edges[place : place + BANDS, None] for place in range(3))
    triangles = np.maximum(0.0, np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)))
    # A band narrower than a bin takes the nearest one.
    triangles[np.arange(BANDS), np.abs(bins - middle).argmin(axis=1)] += 1e-3
    return np.asarray(triangles / triangles.sum(axis=1, keepdims=True))


def _mel(hz: float) -> float:
    return float(2595 * np.log10(1 + hz / 700))


def _hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(700 * (10 ** (mel / 2595) - 1))
