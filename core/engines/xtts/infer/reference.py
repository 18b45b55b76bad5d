"""Reference of XTTS: what the model knows of a speaker, and how recordings are read for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import soundfile
import torch
import torchaudio
from torch import Tensor
from TTS.tts.models.xtts import Xtts

from core.engines.speaking import short_reference, unreadable_reference

MIN_REFERENCE_S = 0.33  # coqui ignores anything shorter
INPUT_HZ = 22_050


@dataclass(frozen=True)
class Conditioning:
    """What the model knows of a speaker, on the CPU: latents ``(1, 32, channels)``, embedding ``(1, 512, 1)``."""

    gpt_cond_latent: Tensor
    speaker_embedding: Tensor


def read_reference(path: Path, max_s: float) -> Tensor:
    """Mono samples at 22,050 Hz, shape ``(1, samples)``, as coqui's own loader makes them."""
    try:
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            # One second more than is used: the resampler's filter must not feel the cut.
            samples = file.read(int(rate * (max_s + 1)), dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise unreadable_reference(path.name) from error
    audio = torch.from_numpy(samples.T.copy()).mean(dim=0, keepdim=True)
    if rate != INPUT_HZ:
        audio = torchaudio.functional.resample(audio, rate, INPUT_HZ)
    if audio.shape[1] < INPUT_HZ * MIN_REFERENCE_S:
        raise short_reference(path.name)
    return audio.clip(-1, 1)[:, : int(INPUT_HZ * max_s)]


def speaker_embedding(xtts: Xtts, audio: Tensor) -> Tensor:
    """What the speaker encoder makes of audio at 22,050 Hz, shape ``(1, 512, 1)``."""
    try:
        embedding: Tensor = xtts.get_speaker_embedding(audio, INPUT_HZ)
        return embedding
    except RuntimeError as error:
        if "CUFFT" not in str(error):
            raise
        # Late in a process cuFFT may fail for want of memory: this one short call can as well run on the CPU.
        encoder, device = xtts.hifigan_decoder.speaker_encoder, xtts.device
        at_16k = torchaudio.functional.resample(audio, INPUT_HZ, 16_000)
        try:
            with torch.inference_mode():
                embedding = encoder.to("cpu")(at_16k.cpu(), l2_norm=True).unsqueeze(-1).to(device)
                return embedding
        finally:
            encoder.to(device)
