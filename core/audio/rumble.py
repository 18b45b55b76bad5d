"""Rumble filter: levels without what lies below a voice (an offset, mains hum), and clips freed of it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from core.audio.samples import Samples

# Butterworth, order 6: 28 dB less at 50 Hz, 18 dB at 60 Hz, and the lowest of voices stay.
_EDGE_HZ, _QUALITIES = 85.0, (0.5176, 0.7071, 1.9319)
_GROUPS = 20  # of a frame of 10 ms: what is low is the same within one of them
_BEHIND = 6  # frames after which the filter has forgotten a sound (-60 dB)

_STOP_HZ, _PASS_HZ = 62.0, 70.0  # of clips: nothing is left up to the first, nothing changed from the second on
_LEAST_SHARE_DB, _STEADY_S = -40.0, 0.1  # what is that far below a clip is left alone: nobody hears it
_LEAST_OFFSET = 1e-4  # of full scale
_MEANS_HZ = 2000.0  # how finely the low part of a clip is found
_MIRROR_S = 0.5
_ONE_THREAD_ROWS = 400  # times a matrix of 20 by 20: OpenBLAS does up to 600 by itself
MARGIN_S = 0.25  # of sound on either side of a clip that `without_rumble` should have


class LowCut:
    """The power of frames without what is below a voice, as they go by in order.

    The low part is found from means of groups of samples, at about 2 kHz, and taken off each frame's power, which costs
    a tenth of filtering all samples.

    Args:
        rate: samples a second.
        length: samples in a frame.
    """

    behind = _BEHIND  # frames before the first that are to go by first, where a piece begins within a recording

    def __init__(self, rate: int, length: int) -> None:
        self.length = length
        groups = min(length, _GROUPS)
        near = [count for count in range(groups, min(length, 2 * groups) + 1) if length % count == 0]
        self.groups = near[0] if near else groups
        self._edges = np.arange(self.groups) * length // self.groups
        self._sizes = np.diff(np.append(self._edges, length)).astype(np.float64)
        self._even = bool(near)
        self._weights = _low_weights(rate / length * self.groups, self.groups)
        self._before: npt.NDArray[np.float64] | None = None
        self._last = 0.0

    def powers(self, table: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Mean power of each of the next frames (float32, shape (frames, length)): of all, and without the low part."""
        total: npt.NDArray[np.float64] = np.vecdot(table, table).astype(np.float64)
        if not len(table):
            return total, total
        sums = self._sums(table)
        means = sums / self._sizes
        if self._before is None:  # as if it had gone on so for ever: an offset is none from the first sample on
            self._before = np.full((_BEHIND, self.groups), means[0].mean())
        means = np.concatenate((self._before, means))
        self._before = means[-_BEHIND:]
        low = self._low(means, len(table))
        self._last = float(low[-1, -1])
        power = total - 2 * np.vecdot(low, sums) + np.vecdot(low * self._sizes, low)
        # Less is never more: after a sound the filter rings on in silence.
        return total / self.length, np.clip(power, 0.0, total) / self.length

    def powers_of_rest(self, samples: npt.NDArray[np.float32]) -> tuple[float, float]:
        """The same of the last frame, which is shorter."""
        total = float(np.mean(np.square(samples)))
        return total, min(total, float(np.mean(np.square(samples - np.float32(self._last)))))

    def _low(self, means: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
        """The low part in each group of ``count`` frames, from their means and those of the frames behind them."""
        low = np.empty((count, self.groups))
        # In pieces so small that no other thread is woken for them: waiting for the next would cost that one more.
        for first in range(0, count, _ONE_THREAD_ROWS):
            part = low[first : first + _ONE_THREAD_ROWS]
            np.matmul(means[first : first + len(part)], self._weights[0], out=part)
            for behind in range(1, _BEHIND + 1):
                part += means[first + behind : first + behind + len(part)] @ self._weights[behind]
        return low

    def _sums(self, table: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        if self._even:
            parts = table.reshape(len(table), self.groups, -1)
            return np.asarray(np.einsum("ngm->ng", parts), np.float64)
        return np.asarray(np.add.reduceat(table, self._edges, axis=1), np.float64)


@lru_cache(maxsize=16)
def _low_weights(rate: float, groups: int) -> npt.NDArray[np.float64]:
    """What each group of a frame, and of those behind, adds to its low part: shape (frames, groups, groups)."""
    length = (_BEHIND + 1) * groups
    low = -_high_pass(rate, length)
    low[0] += 1.0  # what a high-pass takes away
    delay = np.arange(length - groups, length)[None, :] - np.arange(length)[:, None]
    return np.where(delay >= 0, low[np.clip(delay, 0, length - 1)], 0.0).reshape(-1, groups, groups)


def _high_pass(rate: float, length: int) -> npt.NDArray[np.float64]:
    """The first samples of the filter's answer to a click; biquads by the bilinear transform (R. Bristow-Johnson)."""
    signal = np.zeros(length)
    signal[0] = 1.0
    angle = 2 * np.pi * _EDGE_HZ / rate
    for quality in _QUALITIES:
        alpha, cosine = np.sin(angle) / (2 * quality), np.cos(angle)
        b = np.array([(1 + cosine) / 2, -(1 + cosine), (1 + cosine) / 2]) / (1 + alpha)
        a1, a2 = -2 * cosine / (1 + alpha), (1 - alpha) / (1 + alpha)
        x1 = x2 = y1 = y2 = 0.0
        for index, x in enumerate(signal):
            y = b[0] * x + b[1] * x1 + b[2] * x2 - a1 * y1 - a2 * y2
            x1, x2, y1, y2 = x, x1, y, y1
            signal[index] = y
    return signal


def without_rumble(samples: Samples, rate: int) -> Samples:
    """The same sound without what lies below a voice, its phases unchanged; as it is where there is next to nothing.

    Args:
        samples: float32 mono, shape ``(samples,)``, with `MARGIN_S` around what is wanted.
        rate: in Hz.
    """
    size = max(1, round(rate / _MEANS_HZ))
    count = len(samples) // size
    if count < 2:
        return samples
    means = np.einsum("gm->g", samples[: count * size].reshape(count, size)) / np.float32(size)
    mirror = min(count - 1, round(_MIRROR_S * rate / size))
    signal = np.pad(means, mirror, mode="reflect")
    length = 1 << (len(signal) - 1).bit_length()
    signal = np.pad(signal, (0, length - len(signal)), mode="edge")
    hz = np.fft.rfftfreq(length, size / rate)
    share = np.clip((_PASS_HZ - hz) / (_PASS_HZ - _STOP_HZ), 0.0, 1.0)
    keep = 0.5 - 0.5 * np.cos(np.pi * share)
    low = np.fft.irfft(np.fft.rfft(signal) * keep, length)[mirror : mirror + count]
    offset = means.mean()
    if _steady(low - offset, size, rate) <= np.var(samples) * 10 ** (_LEAST_SHARE_DB / 10):
        return samples if abs(offset) < _LEAST_OFFSET else samples - np.float32(offset)
    places = (np.arange(count) + 0.5) * size - 0.5
    return np.asarray(samples - np.interp(np.arange(len(samples)), places, low), np.float32)


def _steady(low: npt.NDArray[np.float64], size: int, rate: int) -> float:
    """The power of a low part that is there all the time: a thump or the breath of a p is not."""
    window = max(1, round(_STEADY_S * rate / size))
    windows = low[: len(low) // window * window].reshape(-1, window)
    return float(np.percentile(np.mean(np.square(windows), axis=1), 20)) if len(windows) else 0.0
