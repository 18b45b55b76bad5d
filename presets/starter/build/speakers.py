"""Speaker vectors of voices and their variants, as the decoder gets them: Resemblyzer's, zero-padded to 512."""

from __future__ import annotations

import functools

import numpy as np
import torch
from resemblyzer import VoiceEncoder
from torch import Tensor

from presets.starter.build.corpus import Clip
from presets.starter.build.work import RATE_HZ

SIZE = 512


@functools.cache
def _encoder() -> VoiceEncoder:
    return VoiceEncoder("cpu", verbose=False)


def embed(sound: np.ndarray) -> np.ndarray:
    """Resemblyzer's vector (256,) of float32 samples at 16 kHz."""
    return _encoder().embed_utterance(sound)


def vectors(clips: list[Clip], factors: tuple[float, ...], most: int = 4) -> dict[tuple[str, float], Tensor]:
    """Mean vector (512,) of each voice and factor, from its first ``most`` clips."""
    by_voice: dict[str, list[Clip]] = {}
    for clip in clips:
        by_voice.setdefault(clip.voice, []).append(clip)
    out = {}
    for voice, some in by_voice.items():
        for factor in factors:
            mean = np.mean([embed(clip.wave(RATE_HZ, factor).numpy()) for clip in some[:most]], axis=0)
            vector = torch.zeros(SIZE)
            vector[: len(mean)] = torch.from_numpy(mean / np.linalg.norm(mean))
            out[voice, factor] = vector
    return out
