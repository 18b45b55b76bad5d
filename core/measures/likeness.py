"""Speaker embeddings by Resemblyzer (GE2E, arXiv:1710.10467), a clip at a time: whose voice it is."""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from core.audio.samples import Samples

RATE_HZ = 16_000
SIZE = 256
_WINDOW, _HOP, _BANDS = 400, 160, 40  # 25 and 10 ms; as the encoder was trained
_LEAST_DBFS = -30.0
_PARTIALS_PER_S, _COVERAGE = 1.3, 0.75  # the package's own defaults

Embedding = npt.NDArray[np.float32]


@cache
def available() -> bool:
    """Whether the package is installed, with what it imports; without importing it."""
    return all(find_spec(name) for name in ("resemblyzer", "webrtcvad", "librosa"))


def embed(samples: Samples) -> Embedding:
    """The direction a voice points in: shape ``(256,)``, length 1; the cosine of two says how alike the voices are.

    As ``VoiceEncoder.embed_utterance`` after ``normalize_volume``, but for its resampling and its trimming of pauses:
    clips have none to trim. Its mel spectrogram is computed with torch, the partial utterances in one batch.

    Args:
        samples: float32 mono at `RATE_HZ`, shape ``(samples,)``.
    """
    import torch

    encoder, bands, window = _encoder()
    rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
    gain = max(1.0, 10 ** (_LEAST_DBFS / 20) / rms) if rms > 0 else 1.0
    spans, pieces = encoder.compute_partial_slices(len(samples), _PARTIALS_PER_S, _COVERAGE)
    signal = np.zeros(max(spans[-1].stop, len(samples)), np.float32)
    signal[: len(samples)] = samples * np.float32(gain)
    with torch.inference_mode():
        spectrum = torch.stft(
            torch.from_numpy(signal), _WINDOW, _HOP, window=window, pad_mode="constant", return_complex=True
        )
        mels = spectrum.abs().square().T @ bands
        voices = encoder(torch.stack([mels[piece] for piece in pieces])).numpy()
    mean = np.nan_to_num(voices).mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), dtype=np.float32)


@lru_cache(maxsize=1)
def _encoder() -> tuple[Any, Any, Any]:
    """The encoder, the filters from spectrum to mel bands (as librosa makes them), and the window."""
    import torch
    import torchaudio
    from resemblyzer import VoiceEncoder

    filters = torchaudio.functional.melscale_fbanks(
        _WINDOW // 2 + 1, 0.0, RATE_HZ / 2, _BANDS, RATE_HZ, norm="slaney", mel_scale="slaney"
    )
    return VoiceEncoder("cpu", verbose=False).eval(), filters, torch.hann_window(_WINDOW)
