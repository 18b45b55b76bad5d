"""Loudness as people hear it: ITU-R BS.1770-4, and sound brought to the same loudness without clipping."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.audio.samples import Samples

_BLOCK_S = 0.4
_STEP_S = 0.1  # blocks overlap by 75 %
_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_OFFSET_LU = -0.691
_TAIL_S = 0.5  # the slower filter (38 Hz) has died away long before


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
    weighted = _k_weighted(samples, rate)
    length, step = round(_BLOCK_S * rate), round(_STEP_S * rate)
    sums = np.concatenate(([0.0], np.cumsum(np.square(weighted))))
    starts = np.arange(0, max(1, len(samples) - length + 1), step)
    power = (sums[np.minimum(starts + length, len(samples))] - sums[starts]) / min(length, len(samples))
    loud = power[_lufs(power) > _GATE_LUFS]
    if not len(loud):
        return float("-inf")
    gate = float(_lufs(loud.mean())) + _RELATIVE_GATE_LU
    return float(_lufs(loud[_lufs(loud) > gate].mean()))


def reachable_lufs(samples: Samples, rate: int, target_lufs: float = -23.0, peak_limit_dbfs: float = -1.0) -> float:
    """The target, or the loudest below it that keeps the highest sample under the limit.

    To match several sounds, bring all of them to the smallest of their values.
    """
    peak = float(np.max(np.abs(samples), initial=0.0))
    if peak <= 0:
        return target_lufs
    room_db = peak_limit_dbfs - 20 * float(np.log10(peak))
    return min(target_lufs, loudness_lufs(samples, rate) + room_db)


def match_loudness(samples: Samples, rate: int, target_lufs: float = -23.0, peak_limit_dbfs: float = -1.0) -> Samples:
    """The same sound at ``target_lufs``, or quieter where its highest sample would pass ``peak_limit_dbfs``.

    Only the gain changes, so a limit never alters the sound. Silence comes back as it is.
    """
    loudness = loudness_lufs(samples, rate)
    if not np.isfinite(loudness):
        return samples
    gain_db = reachable_lufs(samples, rate, target_lufs, peak_limit_dbfs) - loudness
    return np.multiply(samples, 10 ** (gain_db / 20), dtype=np.float32)


def _lufs(power: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.asarray(_OFFSET_LU + 10 * np.log10(np.maximum(power, 1e-20)))


def _k_weighted(samples: Samples, rate: int) -> npt.NDArray[np.float64]:
    """The two filters of BS.1770-4, applied as their frequency response (zero-padded: no wrap-around)."""
    length = 1 << (len(samples) + round(_TAIL_S * rate) - 1).bit_length()
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(length))  # z to the power of -1
    response = np.ones_like(z)
    for b, a in (_shelf(rate), _high_pass(rate)):
        response *= (b[0] + b[1] * z + b[2] * z**2) / (a[0] + a[1] * z + a[2] * z**2)
    spectrum = np.fft.rfft(samples.astype(np.float64), length)
    return np.asarray(np.fft.irfft(spectrum * response, length)[: len(samples)])


Biquad = tuple[tuple[float, float, float], tuple[float, float, float]]

# BS.1770-4 gives coefficients at 48 kHz only. These are the analogue filters behind them, worked out by
# Brecht De Man, "Evaluation of Implementations of the EBU R128 Loudness Measurement" (AES 145, 2018).


def _shelf(rate: int) -> Biquad:
    k = np.tan(np.pi * 1681.9744509555319 / rate)
    q, gain = 0.7071752369554193, 10 ** (3.99984385397 / 20)
    band = gain**0.499666774155
    a0 = 1 + k / q + k * k
    b = (gain + band * k / q + k * k, 2 * (k * k - gain), gain - band * k / q + k * k)
    return (b[0] / a0, b[1] / a0, b[2] / a0), (1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0)


def _high_pass(rate: int) -> Biquad:
    k = np.tan(np.pi * 38.13547087613982 / rate)
    q = 0.5003270373253953
    a0 = 1 + k / q + k * k
    return (1.0, -2.0, 1.0), (1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0)
