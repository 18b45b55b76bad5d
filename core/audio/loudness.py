"""Loudness as people hear it and true peak: ITU-R BS.1770-4; sound brought to the same loudness without clipping."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from core.audio.samples import Samples

_BLOCK_S = 0.4
_STEP_S = 0.1  # blocks overlap by 75 %
_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_OFFSET_LU = -0.691
# BS.1770-4, annex 1, tables 1 and 2: (b0, b1, b2), (a0, a1, a2) at 48 kHz.
_FILTER_RATE_HZ = 48_000
_SHELF = (
    (1.53512485958697, -2.69169618940638, 1.19839281085285),
    (1.0, -1.69065929318241, 0.73248077421585),
)
_HIGH_PASS = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))
_TAIL_S = 0.5  # the slower filter (38 Hz) has died away long before
# BS.1770-4, annex 2: the 48 taps that make four samples of one, as four phases of 12. The last two mirror the first.
_PHASE_0 = (
    *(0.0017089843750, 0.0109863281250, -0.0196533203125, 0.0332031250000, -0.0594482421875, 0.1373291015625),
    *(0.9721679687500, -0.1022949218750, 0.0476074218750, -0.0266113281250, 0.0148925781250, -0.0083007812500),
)
_PHASE_1 = (
    *(-0.0291748046875, 0.0292968750000, -0.0517578125000, 0.0891113281250, -0.1665039062500, 0.4650878906250),
    *(0.7797851562500, -0.2003173828125, 0.1015625000000, -0.0582275390625, 0.0330810546875, -0.0189208984375),
)
_PHASES = np.array([_PHASE_0, _PHASE_1, _PHASE_1[::-1], _PHASE_0[::-1]], np.float32)
_TAPS = _PHASES.shape[1]
_MAX_GAIN = float(np.abs(_PHASES).sum(axis=1).max())  # no sample between others is higher than this times the highest


def loudness_lufs(samples: Samples, rate: int) -> float:
    """Gated integrated loudness of mono sound (ITU-R BS.1770-4, annex 1).

    Args:
        samples: float32 mono, shape ``(samples,)``; meant for clips, the whole of it is filtered at once.
        rate: in Hz.

    Returns:
        LUFS; ``-inf`` for silence. Sound shorter than a block (0.4 s) is one block by itself.
    """
    if not len(samples):
        return float("-inf")
    filtered_samples = _k_weighted(samples, rate)
    length, step = round(_BLOCK_S * rate), round(_STEP_S * rate)
    sums = np.concatenate(([0.0], np.cumsum(np.square(filtered_samples))))
    starts = np.arange(0, max(1, len(samples) - length + 1), step)
    power = (sums[np.minimum(starts + length, len(samples))] - sums[starts]) / min(length, len(samples))
    loud = power[_lufs(power) > _GATE_LUFS]
    if not len(loud):
        return float("-inf")
    gate = float(_lufs(loud.mean())) + _RELATIVE_GATE_LU
    return float(_lufs(loud[_lufs(loud) > gate].mean()))


def true_peak_dbfs(samples: Samples) -> float:
    """The highest point of the wave between its samples too: four times oversampled (ITU-R BS.1770-4, annex 2).

    Args:
        samples: float32 mono, shape ``(samples,)``, at any rate.

    Returns:
        dB relative to full scale (dBTP), above 0 where a converter would clip; ``-inf`` for silence.
    """
    size = np.abs(samples)
    peak = float(size.max(initial=0.0))
    if peak <= 0:
        return float("-inf")
    # Only where a window of taps could pass the highest sample is it worth being filtered: a few places in speech.
    blocks = np.maximum.reduceat(size, np.arange(0, len(size), _TAPS))
    near = np.maximum(blocks, np.concatenate((blocks[1:], [0.0]))) * _MAX_GAIN > peak
    signal = np.concatenate((samples, np.zeros(3 * _TAPS, np.float32)))
    firsts = np.concatenate(([-1], np.flatnonzero(near))) * _TAPS  # -1: the filter's way in
    signal = np.concatenate((np.zeros(_TAPS, np.float32), signal))
    windows = np.lib.stride_tricks.sliding_window_view(signal, 2 * _TAPS - 1)[firsts + _TAPS]
    between = np.lib.stride_tricks.sliding_window_view(windows, _TAPS, axis=1) @ _PHASES.T
    return 20 * float(np.log10(max(peak, float(np.abs(between).max()))))


def reachable_lufs(
    samples: Samples,
    rate: int,
    target_lufs: float = -23.0,
    peak_limit_dbfs: float = -1.0,
    *,
    known_lufs: float | None = None,
) -> float:
    """The target in LUFS, or the loudest below it that keeps the true peak under the limit.

    To match several sounds, bring all of them to the smallest of their values. ``known_lufs`` is the sound's loudness
    where it has been measured already.
    """
    peak_dbfs = true_peak_dbfs(samples)
    if not np.isfinite(peak_dbfs):
        return target_lufs
    loudness = loudness_lufs(samples, rate) if known_lufs is None else known_lufs
    return min(target_lufs, loudness + peak_limit_dbfs - peak_dbfs)


def match_loudness(samples: Samples, rate: int, target_lufs: float = -23.0, peak_limit_dbfs: float = -1.0) -> Samples:
    """The same sound at ``target_lufs``, or quieter where its true peak would pass ``peak_limit_dbfs``.

    Only the gain changes, so a limit never alters the sound. Silence comes back as it is.
    """
    loudness = loudness_lufs(samples, rate)
    if not np.isfinite(loudness):
        return samples
    gain_db = reachable_lufs(samples, rate, target_lufs, peak_limit_dbfs, known_lufs=loudness) - loudness
    return np.multiply(samples, 10 ** (gain_db / 20), dtype=np.float32)


def _lufs(power: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.asarray(_OFFSET_LU + 10 * np.log10(np.maximum(power, 1e-20)))


def _k_weighted(samples: Samples, rate: int) -> npt.NDArray[np.float64]:
    """The two filters of BS.1770-4 at any rate.

    They are applied as the frequency response that the standard's 48 kHz coefficients have, so that 16 kHz speech
    is weighted as if it were brought to 48 kHz first; zero-padded, so that nothing wraps around.
    """
    size = len(samples) + round(_TAIL_S * rate)
    eighth = 1 << max(0, (size - 1).bit_length() - 3)  # few lengths, so that responses can be kept; all quick ones
    length = next(eighth * parts for parts in (5, 6, 8) if eighth * parts >= size)
    spectrum = np.fft.rfft(samples, length)  # single precision, as the samples are
    spectrum *= _response(length, rate)
    return np.asarray(np.fft.irfft(spectrum, length)[: len(samples)], dtype=np.float64)


@lru_cache(maxsize=16)
def _response(length: int, rate: int) -> npt.NDArray[np.complex64]:
    """What the two filters do to each frequency of a transform of this length."""
    hz = np.minimum(np.fft.rfftfreq(length, 1 / rate), _FILTER_RATE_HZ / 2)
    z = np.exp(-2j * np.pi * hz / _FILTER_RATE_HZ)  # z to the power of -1
    response = np.ones_like(z)
    for b, a in (_SHELF, _HIGH_PASS):
        response *= (b[0] + b[1] * z + b[2] * z**2) / (a[0] + a[1] * z + a[2] * z**2)
    return np.asarray(response, dtype=np.complex64)
