"""Pitch of a voice by autocorrelation (Boersma 1993): its median and how far it moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.audio.samples import Samples

_FRAME_S, _HOP_S = 0.040, 0.010
_LOWEST_HZ, _HIGHEST_HZ = 60.0, 500.0
_VOICED = 0.5  # of the autocorrelation at the period, against that at no delay
_BELOW_LOUDEST_DB = 35.0
_OCTAVE_COST = 0.02  # a period twice as long fits as well: the shorter is taken unless the longer fits better
_LEAST_FRAMES = 10
_FARTHEST_OCTAVES = 0.8


@dataclass(frozen=True)
class Pitch:
    """The median in Hz, and the distance in semitones between the tenth and the ninetieth percentile."""

    median_hz: float
    spread_semitones: float


def pitch(samples: Samples, rate: int) -> Pitch | None:
    """The pitch of the voiced moments; None where there are fewer than 0.1 s of them.

    Args:
        samples: float32 mono, shape ``(samples,)``.
        rate: in Hz.
    """
    pitches = voiced_hz(samples, rate)
    if len(pitches) < _LEAST_FRAMES:
        return None
    median = np.median(pitches)
    # What is nearly an octave off is the creak at the end of a sentence, or an error.
    low, high = np.percentile(pitches[np.abs(np.log2(pitches / median)) < _FARTHEST_OCTAVES], (10, 90))
    return Pitch(float(median), float(12 * np.log2(high / low)))


def voiced_hz(samples: Samples, rate: int) -> npt.NDArray[np.float64]:
    """The pitch in Hz of each voiced moment of 10 ms, shape ``(moments,)``."""
    size, hop = round(_FRAME_S * rate), round(_HOP_S * rate)
    if len(samples) < size:
        return np.zeros(0)
    window = np.hanning(size)
    frames = np.lib.stride_tricks.sliding_window_view(np.asarray(samples, np.float64), size)[::hop]
    frames = (frames - frames.mean(axis=1, keepdims=True)) * window
    autocorrelation = _autocorrelation(frames)
    power = autocorrelation[:, 0]
    first, last = int(rate / _HIGHEST_HZ), min(int(rate / _LOWEST_HZ), size // 2 * 4 // 3, size - 1)
    # A window of its own makes longer delays weaker: divided out, as Boersma does.
    likeness = autocorrelation[:, first : last + 1] / np.maximum(power[:, None], 1e-12)
    likeness /= np.maximum(_autocorrelation(window[None])[0, first : last + 1] / (window @ window), 0.05)
    cost = _OCTAVE_COST * np.log2(np.arange(first, last + 1) / first)
    best = np.argmax(likeness - cost, axis=1)
    strength = likeness[np.arange(len(best)), best]
    is_voiced = (strength > _VOICED) & (power > power.max() * 10 ** (-_BELOW_LOUDEST_DB / 10)) & (power > 1e-9)
    return np.asarray(rate / (first + best[is_voiced]), np.float64)


def _autocorrelation(frames: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    size = 1 << (2 * frames.shape[1] - 1).bit_length()
    spectrum = np.fft.rfft(frames, size, axis=1)
    return np.asarray(np.fft.irfft(np.abs(spectrum) ** 2, size, axis=1)[:, : frames.shape[1]])
