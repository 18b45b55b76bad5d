"""Mels as F5-TTS and Vocos have them: 100 bands of 24 kHz sound, 93.75 frames a second."""

from __future__ import annotations

from pathlib import Path

import soundfile
import torch
import torchaudio
from torch import Tensor

from core.engines.f5.model.package import MelSpec

RATE = 24_000  # hertz
HOP = 256  # samples a frame
BANDS = 100
FRAMES_A_SECOND = RATE / HOP
SETTINGS = {
    "target_sample_rate": RATE,
    "n_fft": 1024,
    "hop_length": HOP,
    "win_length": 1024,
    "n_mel_channels": BANDS,
    "mel_spec_type": "vocos",
}


def mel_of(wave: Tensor) -> Tensor:
    """The log mel of a sound (samples,) at 24 kHz, as the package has it: ``(1 + samples // 256, 100)``."""
    mel: Tensor = MelSpec(**SETTINGS)(wave[None])[0]
    return mel.T.contiguous()


def read_wave(path: Path) -> Tensor:
    """A recording as float32 mono at 24 kHz, shape ``(samples,)``, resampled as f5-tts does it.

    Raises:
        OSError, soundfile.LibsndfileError: it cannot be read.
    """
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    wave = torch.from_numpy(samples.T.copy()).mean(dim=0)
    return wave if rate == RATE else torchaudio.functional.resample(wave, rate, RATE)
