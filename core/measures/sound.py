"""Measures of a clip's sound that need no model and are not taken when it is cut: room noise and bandwidth."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.audio.samples import Samples

_FRAME_S = 0.02
_NOISE_PERCENTILE = 5  # even a clip without a pause has stops and gaps between words in more of its frames
_LOWEST_POWER = 1e-10  # -100 dBFS: below the rounding of 16 bit sound nothing is heard of a room
HIGHEST_SNR_DB = 70.0
_BAND_HZ = 250.0
_WINDOW_S = 0.032
_CLIFF_DB = 65.0  # what lies further below the loudest band is no sound of the recording any more
_OFTEN = 97  # percentile of the moments: hisses like s and sh are few, but they are what fills the upper bands

_Powers = npt.NDArray[np.float64]


def snr_db(samples: Samples, rate: int) -> float:
    """How far the speech stands above the room it was spoken in, in dB, from 0 to `HIGHEST_SNR_DB`.

    The room is the power of the quietest twentieth of frames of 20 ms, the speech the mean power less that of the
    room: the energy percentile estimate, as in NIST's ``stnr`` but without its histogram fit. Silence gives 0.

    Args:
        samples: float32 mono, shape ``(samples,)``; the piece of the recording, not the faded clip, best with a bit
            of the pause around it.
        rate: in Hz.
    """
    power = _powers(samples, rate, _FRAME_S)
    if not len(power):
        return 0.0
    noise = max(float(np.percentile(power, _NOISE_PERCENTILE)), _LOWEST_POWER)
    speech = float(power.mean()) - noise
    if speech <= noise:
        return 0.0
    return min(10 * float(np.log10(speech / noise)), HIGHEST_SNR_DB)


def bandwidth_hz(samples: Samples, rate: int) -> float:
    """Up to which frequency, in Hz, there is sound: that of a 16 kHz recording stays at 8,000 at any sample rate.

    The highest band of 250 Hz whose loud moments (97th percentile of windows of 32 ms) come within 65 dB of those of
    the loudest band. What a resampler or a codec left out lies below that; a room's noise does not.

    Args:
        samples: float32 mono, shape ``(samples,)``, at the rate of the recording.
        rate: in Hz.
    """
    size = 1 << round(np.log2(_WINDOW_S * rate))
    if len(samples) < size:
        samples = np.pad(samples, (0, size - len(samples)))
    frames = np.lib.stride_tricks.sliding_window_view(samples, size)[:: size // 2]
    power = np.square(np.abs(np.fft.rfft(frames * np.blackman(size).astype(np.float32), axis=1)))
    width = max(1, round(_BAND_HZ * size / rate))
    count = power.shape[1] // width
    bands = power[:, : count * width].reshape(len(power), count, width).mean(axis=2)
    loud = np.percentile(bands, _OFTEN, axis=0)
    if loud.max() <= 0:
        return 0.0
    audible = np.flatnonzero(loud > loud.max() * 10 ** (-_CLIFF_DB / 10))
    return float(min((audible[-1] + 1) * width * rate / size, rate / 2))


def _powers(samples: Samples, rate: int, frame_s: float) -> _Powers:
    """Mean power of each whole frame."""
    size = max(1, round(frame_s * rate))
    count = len(samples) // size
    table = samples[: count * size].reshape(count, size)
    return np.asarray(np.einsum("ij,ij->i", table, table, dtype=np.float64) / size)
