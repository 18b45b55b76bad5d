"""Batch encoder: clips to DVAE audio codes and conditioning mels, each coming out as if it had been alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile
import torch
import torchaudio
from torch import Tensor, nn
from TTS.tts.layers.xtts.dvae import DiscreteVAE, ResBlock

RATE = 22_050  # hertz, of clips, conditioning and codes
FRAME = 256  # samples a mel frame
STRIDE = 1024  # samples a code


class Encoding(NamedTuple):
    """A clip's codes (ceil(samples / 1024),) and its conditioning mel (80, frames)."""

    codes: npt.NDArray[np.int16]
    mel: npt.NDArray[np.float16]


class Encoder:
    """The frozen DVAE and both mels of XTTS on a device."""

    def __init__(self, dvae: DiscreteVAE, stats: Tensor, device: str) -> None:
        self.dvae, self.device = dvae, device
        self.stats = stats.to(device)[None, :, None]
        self.code_mel, self.style_mel = (_mel(n_fft).to(device) for n_fft in (1024, 2048))

    def encode(self, waves: Sequence[Tensor]) -> list[Encoding]:
        """Codes and mels of clips (1, samples) at 22,050 Hz, of like length if it is to be fast."""
        with torch.inference_mode():
            inputs = [wave.to(self.device) for wave in waves]
            mels = [self.mel(wave, self.code_mel)[0] for wave in inputs]
            counts = [-(-wave.shape[1] // STRIDE) for wave in waves]
            codes = self.codes(mels)
            style_mels = [self.mel(wave, self.style_mel)[0].to(torch.float16) for wave in inputs]
            return [
                Encoding(row[:count].to("cpu", torch.int16).numpy(), style_mel.cpu().numpy())
                for row, count, style_mel in zip(codes, counts, style_mels, strict=True)
            ]

    def mel(self, wave: Tensor, transform: nn.Module) -> Tensor:
        """Log mel, (1, 80, frames), divided by the base's statistics, as coqui has them."""
        mel: Tensor = torch.log(torch.clamp(transform(wave), min=1e-5)) / self.stats
        return mel

    def codes(self, mels: Sequence[Tensor]) -> Tensor:
        """Codes (b, longest); what lies beyond a row's own length means nothing.

        At every layer a row sees zeros beyond its end, exactly as when it is encoded by itself.
        Source: ``TTS/tts/layers/xtts/dvae.py``: ``DiscreteVAE.get_codebook_indices``, without the one-hot table of all
        codes that its quantiser builds for a loss.
        """
        counts = [mel.shape[1] for mel in mels]
        lengths = torch.tensor(counts, device=self.device) if len(set(counts)) > 1 else None
        batch = nn.utils.rnn.pad_sequence([mel.T for mel in mels], batch_first=True).transpose(1, 2).contiguous()
        states = self._run_encoder(batch, lengths)
        flat = states.transpose(1, 2).reshape(-1, states.shape[1])
        embed = self.dvae.codebook.embed
        distance = flat.pow(2).sum(1, keepdim=True) - 2 * flat @ embed + embed.pow(2).sum(0, keepdim=True)
        codes: Tensor = distance.argmin(dim=1)
        return codes.view(len(mels), -1)

    def _run_encoder(self, states: Tensor, lengths: Tensor | None) -> Tensor:
        for layer in self.dvae.encoder:
            if isinstance(layer, ResBlock):
                states = states + _masked_all(layer.net, states, lengths)
            elif isinstance(layer, nn.Sequential):  # halves the length
                lengths = None if lengths is None else (lengths - 1) // 2 + 1
                states = _masked_all(layer, states, lengths)
            else:
                states = layer(states)
        return states


def _masked_all(layers: nn.Sequential, states: Tensor, lengths: Tensor | None) -> Tensor:
    for layer in layers:
        states = layer(states)
        if lengths is not None and isinstance(layer, nn.Conv1d):
            states = states * (torch.arange(states.shape[2], device=states.device) < lengths[:, None])[:, None]
    return states


def read_audio(path: Path) -> Tensor:
    """A clip as float32 mono at 22,050 Hz, shape (1, samples)."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    wave = torch.from_numpy(samples.mean(axis=1, keepdims=True).T.copy())
    return wave if rate == RATE else torchaudio.functional.resample(wave, rate, RATE)


def _mel(n_fft: int) -> nn.Module:
    """``n_fft`` 2048 for conditioning, 1024 for the codes, as coqui has them (``wav_to_mel_cloning``)."""
    transform: nn.Module = torchaudio.transforms.MelSpectrogram(
        n_fft=n_fft,
        hop_length=FRAME,
        win_length=1024,
        power=2,
        normalized=False,
        sample_rate=RATE,
        f_min=0,
        f_max=8000,
        n_mels=80,
        norm="slaney",
    )
    return transform
