"""The spoken clips: sound, text, phonemes and word times; resampled variants as further speakers."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr
import torch
import torchaudio
from torch import Tensor

from presets.starter.build.plan import FRAME_S, frames_of, word_times
from presets.starter.build.work import RATE_HZ, SPEECH

MEL_RATE_HZ = 22_050
MEL_HOP = 256
CODE_HOP = 1024
MEL_SCALE = 5.0  # as the app's starter divides log mels
SHIFTS = (0.82, 0.88, 0.94, 1.06, 1.13, 1.2)  # paces of further speakers: slower and deeper, quicker and higher
CORNERS_HZ = (0, 150, 300, 700, 1500, 3000, 5000, MEL_RATE_HZ / 2)  # between which a recording's colour changes
_MEL = torchaudio.transforms.MelSpectrogram(
    MEL_RATE_HZ, 1024, 1024, MEL_HOP, f_min=0, f_max=8000, n_mels=80, power=2, norm="slaney"
)
_STYLE = torchaudio.transforms.MelSpectrogram(
    MEL_RATE_HZ, 2048, 1024, MEL_HOP, f_min=0, f_max=8000, n_mels=80, power=2, norm="slaney"
)


@dataclass(frozen=True)
class Clip:
    """Part of an utterance. Times are seconds from its begin, at factor 1."""

    number: int  # of the utterance
    voice: str
    text: str
    sound: np.ndarray  # int16 at 16 kHz
    words: tuple[tuple[float, float], ...]
    phonemes: str  # one character each 1/40 s

    def wave(self, rate_hz: int, factor: float = 1.0) -> Tensor:
        """Samples (n,) at ``rate_hz``; ``factor`` above 1 is quicker and higher.

        The further speakers (``SHIFTS``) are recorded by other means as well, each always by the same.
        """
        sound = self.sound.astype(np.float32) / 32767
        if factor in SHIFTS:
            sound = soxr.resample(sound, RATE_HZ * factor, MEL_RATE_HZ, "MQ")
            sound = coloured(torch.from_numpy(sound), zlib.crc32(f"{self.voice} {factor}".encode())).numpy()
            from_hz: float = MEL_RATE_HZ
        else:
            from_hz = RATE_HZ * factor
        if rate_hz != from_hz:
            sound = soxr.resample(sound, from_hz, rate_hz, "MQ")
        return torch.from_numpy(np.ascontiguousarray(sound))


def coloured(wave: Tensor, seed: int) -> Tensor:
    """A recording of it (22,050 Hz): other weights for low and high, often a telephone's band, a little noise."""
    draw = np.random.default_rng(seed)
    gains_db = np.cumsum(draw.normal(0, 2, len(CORNERS_HZ)))
    gains_db -= gains_db.mean()
    if draw.random() < 0.4:
        gains_db[-2:] -= draw.uniform(0, 15), 30
    spectrum = torch.fft.rfft(wave)
    gains = np.interp(np.linspace(0, MEL_RATE_HZ / 2, len(spectrum)), CORNERS_HZ, gains_db)
    wave = torch.fft.irfft(spectrum * torch.from_numpy(10 ** (gains / 20)).float(), len(wave))
    wave = wave + torch.randn_like(wave) * wave.std() * float(10 ** (-draw.uniform(30, 60) / 20))
    return wave / max(1.0, float(wave.abs().max()) / 0.95)


def log_mel(wave: Tensor) -> Tensor:
    """The app's mel for codes: (n,) at 22,050 Hz to (80, frames), divided by ``MEL_SCALE``."""
    return torch.log(_MEL(wave).clamp(min=1e-5)) / MEL_SCALE


def style_mel(wave: Tensor) -> Tensor:
    """The app's mel for conditioning: (n,) at 22,050 Hz to (80, frames)."""
    return torch.log(_STYLE(wave).clamp(min=1e-5)) / MEL_SCALE


def load(whole: bool = False) -> list[Clip]:
    """Clips in the order in which they were spoken: each sentence, or with ``whole`` each utterance at once."""
    clips: list[Clip] = []
    alone = json.loads((SPEECH / "alone.json").read_text(encoding="utf-8"))
    for listed in sorted(SPEECH.glob("*.jsonl")):
        raw = np.memmap(listed.with_suffix(".i16"), np.dtype("<i2"), "r")
        for line in listed.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                break  # it is being written
            clips += _cut(row, raw[row["at"] : row["at"] + row["samples"]], alone, whole)
    return sorted(clips, key=lambda clip: clip.number)


def _cut(row: dict[str, Any], sound: np.ndarray, alone: dict[str, str], whole: bool) -> list[Clip]:
    sentences = row["sentences"]
    if "phonemes" in row:  # Flite's
        phonemes, times = row["phonemes"], [sentence["words"] for sentence in sentences]
    else:
        phonemes = frames_of(row["ipa"], row["frames"])
        times = word_times([sentence["text"] for sentence in sentences], row["ipa"], row["frames"], alone)
    every = list(zip(sentences, times, strict=True))
    clips = []
    for part in [every] if whole else [[sentence] for sentence in every]:
        begin, end = part[0][0]["begin"], part[-1][0]["end"]
        words = [(first - begin / RATE_HZ, last - begin / RATE_HZ) for _, spans in part for first, last in spans]
        first, last = (round(at / RATE_HZ / FRAME_S) for at in (begin, end))
        text = " ".join(sentence["text"] for sentence, _ in part)
        clips.append(Clip(row["number"], row["voice"], text, sound[begin:end], tuple(words), phonemes[first:last]))
    return clips
