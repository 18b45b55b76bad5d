"""Speaker vectors of voices and their variants, as the decoder gets them: Resemblyzer's, zero-padded to 512."""

from __future__ import annotations

import functools

import numpy as np
import torch
from resemblyzer import VoiceEncoder
from torch import Tensor

from presets.starter.build.corpus import Clip
from presets.starter.build.work import RATE_HZ, TRAINED, store

SIZE = 512
FILE = TRAINED / "speakers.pt"


@functools.cache
def _encoder() -> VoiceEncoder:
    return VoiceEncoder("cpu", verbose=False)


def embed(sound: np.ndarray) -> np.ndarray:
    """Resemblyzer's vector (256,) of float32 samples at 16 kHz."""
    return _encoder().embed_utterance(sound)


def vectors(clips: list[Clip], factors: tuple[float, ...], most: int = 4) -> dict[tuple[str, float], Tensor]:
    """Mean vector (512,) of each voice and factor, from its first ``most`` clips.

    Kept in a file once computed, by whoever asks first: later askers get the same, whichever clips they have.
    """
    by_voice: dict[str, list[Clip]] = {}
    for clip in clips:
        by_voice.setdefault(clip.voice, []).append(clip)
    known = torch.load(FILE, weights_only=True) if FILE.exists() else {}
    size = len(known)
    out = {}
    for voice, own in by_voice.items():
        for factor in factors:
            if (name := f"{voice} {factor}") not in known:
                mean = np.mean([embed(clip.wave(RATE_HZ, factor).numpy()) for clip in own[:most]], axis=0)
                known[name] = torch.zeros(SIZE)
                known[name][: len(mean)] = torch.from_numpy(mean / np.linalg.norm(mean))
            out[voice, factor] = known[name]
    if len(known) > size:
        store(known, FILE)
    return out
