"""Mel distance of two utterances, warped in time: how far they sound apart, whoever is slower."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.audio.samples import Samples

_BANDS, _COEFFICIENTS = 80, 13
_FFT, _MOST_FRAMES = 1024, 1500


def mel_distance(first: Samples, second: Samples, rate: int) -> float:
    """Mean distance of cepstra (13, without the level) along the cheapest warp; 0 is the same.

    Frame by frame, a second take at another pace cannot be told from a stranger.
    """
    from scipy.spatial.distance import cdist

    return _cheapest_warp(cdist(_cepstra(first, rate), _cepstra(second, rate)))


def _cepstra(samples: Samples, rate: int) -> npt.NDArray[np.float32]:
    """Shape (frames, 13): those of ``librosa.feature.mfcc``, whose import compiles for twenty seconds once."""
    import torch
    import torchaudio

    hop = max(rate // 100, len(samples) // _MOST_FRAMES)
    mels = torchaudio.transforms.MelSpectrogram(
        rate, _FFT, hop_length=hop, n_mels=_BANDS, norm="slaney", mel_scale="slaney", pad_mode="constant"
    )(torch.from_numpy(samples))
    decibels = 10 * mels.clamp(min=1e-8).log10()
    transform = torchaudio.functional.create_dct(_COEFFICIENTS + 1, _BANDS, norm="ortho")
    return np.asarray((decibels.T @ transform)[:, 1:].numpy(), dtype=np.float32)


def _cheapest_warp(distances: npt.NDArray[np.float64]) -> float:
    """Mean distance on the cheapest way through ``distances`` (first, second) from corner to corner.

    Dynamic time warping, a diagonal at once: what is asked of a cell's neighbours lies on the two diagonals before.
    """
    rows, columns = distances.shape
    # One more than rows: what lies outside costs without end. Of each cell the cost and the length of its way.
    older, newer = np.full(rows + 1, np.inf), np.full(rows + 1, np.inf)
    older_steps, newer_steps = np.zeros(rows + 1), np.zeros(rows + 1)
    older[0] = 0.0
    for diagonal in range(rows + columns - 1):
        row = np.arange(max(0, diagonal - columns + 1), min(rows - 1, diagonal) + 1)
        costs = np.stack([older[row], newer[row + 1], newer[row]])
        steps = np.stack([older_steps[row], newer_steps[row + 1], newer_steps[row]])
        best = costs.argmin(0)[None]
        latest, latest_steps = np.full(rows + 1, np.inf), np.zeros(rows + 1)
        latest[row + 1] = np.take_along_axis(costs, best, 0)[0] + distances[row, diagonal - row]
        latest_steps[row + 1] = np.take_along_axis(steps, best, 0)[0] + 1
        older, newer, older_steps, newer_steps = newer, latest, newer_steps, latest_steps
    return float(newer[-1] / newer_steps[-1])
