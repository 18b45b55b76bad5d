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
# BS.1770-4, annex 1, tables 1 and 2: (b0, b1, b2), (a0, a1, a2) at 48 kHz.
_FILTER_RATE_HZ = 48_000
_SHELF = (
    (1.53512485958697, -2.69169618940638, 1.19839281085285),
    (1.0, -1.69065929318241, 0.73248077421585),
)
_HIGH_PASS = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))
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
    """The two filters of BS.1770-4 at any rate.

    They are applied as the frequency response that the standard's 48 kHz coefficients have, so that 16 kHz speech
    is weighted as if it were brought to 48 kHz first; zero-padded, so that nothing wraps around.
    """
    length = 1 << (len(samples) + round(_TAIL_S * rate) - 1).bit_length()
    hz = np.minimum(np.fft.rfftfreq(length, 1 / rate), _FILTER_RATE_HZ / 2)
    z = np.exp(-2j * np.pi * hz / _FILTER_RATE_HZ)  # z to the power of -1
    response = np.ones_like(z)
    for b, a in (_SHELF, _HIGH_PASS):
        response *= (b[0] + b[1] * z + b[2] * z**2) / (a[0] + a[1] * z + a[2] * z**2)
    spectrum = np.fft.rfft(samples.astype(np.float64), length)
    return np.asarray(np.fft.irfft(spectrum * response, length)[: len(samples)])
