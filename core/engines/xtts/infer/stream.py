"""Vocoder in pieces: sound of latents as they come, the very samples that the whole would have."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from TTS.tts.layers.xtts.hifigan_decoder import HifiDecoder

from core.audio.samples import Samples

FIRST_CODES = 16  # before the first sound; the last seven of them are only looked ahead at
_MOST_CODES = 128  # between two pieces: of a longer one less is decoded twice, as the surroundings of its neighbours
_GROWTH = 2


class SoundStream:
    """Sound of one text's latents, said in pieces.

    Coqui's ``inference_stream`` decodes everything anew for each piece and fades over from one to the next, for the
    edge of what is known sounds otherwise than its middle. A vocoder of convolutions hears no farther than its kernels
    reach: so here a piece is decoded with that much on either side, which is cut off again, and no seam is left.
    """

    def __init__(self, vocoder: HifiDecoder, embedding: Tensor, scale: float = 1.0) -> None:
        """``embedding`` of the speaker, (1, 512, 1); ``scale`` of the length, 1 / speed."""
        self.vocoder, self.embedding, self.scale = vocoder, embedding, scale
        self._reach = reach(vocoder)
        self._latents: list[Tensor] = []
        self._done = 0  # frames that are said
        self._next = FIRST_CODES
        self._step = FIRST_CODES

    def push(self, latent: Tensor) -> Samples | None:
        """Add the latent of one code, (channels); returns the sound that is sure by now, if it is time for some."""
        self._latents.append(latent)
        if len(self._latents) < self._next:
            return None
        self._step = min(self._step * _GROWTH, _MOST_CODES)
        self._next = len(self._latents) + self._step
        frames = self._frames()
        # Interpolation looks at a neighbour, three times: what the last ones will be is not known yet.
        rate = frames.shape[-1] / len(self._latents)
        sure = math.floor((len(self._latents) - 2 - 1.25 / self.scale) * rate)
        until = sure - self._reach
        return self._decode(frames[..., :sure], until) if until > self._done else None

    def finish(self) -> Samples:
        """What remains, once all latents are there."""
        frames = self._frames()
        return self._decode(frames, frames.shape[-1])

    def _frames(self) -> Tensor:
        """What the vocoder's convolutions get, (1, channels, frames): as `HifiDecoder.forward` makes it."""
        decoder = self.vocoder
        frames = torch.stack(self._latents).t()[None]
        scales = [
            self.scale,
            decoder.ar_mel_length_compression / decoder.output_hop_length,
            decoder.output_sample_rate / decoder.input_sample_rate,
        ]
        for scale in scales:
            if scale != 1.0:
                frames = F.interpolate(frames, scale_factor=[scale], mode="linear")
        return frames

    def _decode(self, frames: Tensor, until: int) -> Samples:
        first = max(0, self._done - self._reach)
        sound = self.vocoder.waveform_decoder(frames[..., first:], g=self.embedding).flatten()
        hop = self.vocoder.output_hop_length
        piece = sound[(self._done - first) * hop : (until - first) * hop]
        self._done = until
        samples: Samples = np.atleast_1d(piece.cpu().numpy())
        return samples


def reach(vocoder: HifiDecoder) -> int:
    """How many frames to either side a sample of the vocoder depends on, rounded up."""
    generator = vocoder.waveform_decoder
    kernels = len(generator.resblocks) // len(generator.ups)
    reach, rate = _radius(generator.conv_pre), 1
    for number, up in enumerate(generator.ups):
        reach += up.kernel_size[0] / up.stride[0] / rate
        rate *= up.stride[0]
        blocks = generator.resblocks[number * kernels : (number + 1) * kernels]
        layers = [[layer for layer in block.modules() if isinstance(layer, torch.nn.Conv1d)] for block in blocks]
        reach += max(sum(map(_radius, convolutions)) for convolutions in layers) / rate
    return math.ceil(reach + _radius(generator.conv_post) / rate)


def _radius(layer: torch.nn.Conv1d) -> float:
    return (layer.kernel_size[0] - 1) / 2 * layer.dilation[0]
