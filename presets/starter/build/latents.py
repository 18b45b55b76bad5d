"""Teach the decoder to read the GPT's latents instead of mels: ``latents CPU_SECONDS``. Goes on where it stopped.

It begins as the decoder of mels with a new first layer, which learns alone for a third of the time. Latents are those
of the real codes, as `Xtts.inference` computes them, interpolated as ``HifiDecoder`` does.
"""

from __future__ import annotations

import random
import sys
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from presets.starter.build.corpus import CODE_HOP, FACTORS, MEL_RATE_HZ, Clip, load
from presets.starter.build.decoder import FRAMES, HOP, Generator, fit, resized
from presets.starter.build.decoder import trained as trained_decoder
from presets.starter.build.dvae import SPEAKERS, TOKENS
from presets.starter.build.gpt import CHANNELS, Row, Trainee, rows_of_corpus
from presets.starter.build.gpt import trained as trained_gpt
from presets.starter.build.plan import FLITE, UNHEARD, is_validation
from presets.starter.build.speakers import vectors
from presets.starter.build.work import RATE_HZ, TRAINED, background, machine

FILE = TRAINED / "latents.pt"
CHOSEN, TEMPERATURE = 0.5, 0.5
FLITE_SHARE, AT_END = 0.5, 0.15  # of the crops


def upsampled(latents: Tensor) -> Tensor:
    """Latents (b, codes, channels) as the decoder's input (b, channels, frames)."""
    return resized(F.interpolate(latents.transpose(1, 2), scale_factor=[4.0], mode="linear"))


@torch.no_grad()
def latents_of(trainee: Trainee, row: Row, chosen: float = 0.0, is_ended: bool = False) -> Tensor:
    """The latents (1, codes, channels) that predict a clip's real codes.

    ``chosen``: the share of codes before them that the model chooses itself, as it does where it speaks.
    ``is_ended``: with the one that predicts the stop, which `Xtts.inference` makes sound of too.
    """
    latents = trainee.run(trainee.embed([row], trainee.speakers.device)[0])[0]
    if not chosen:
        return latents[:, : len(row.codes) + is_ended]
    likely = (trainee.gpt.mel_head(latents[0, : len(row.codes)])[:, :TOKENS].float() / TEMPERATURE).softmax(-1)
    own = torch.multinomial(likely, 1)[:, 0].cpu()
    codes = torch.where(torch.rand(len(own)) < chosen, own, row.codes)
    return latents_of(trainee, replace(row, codes=codes), is_ended=is_ended)


class Source:
    """Utterances with their latents, which are made when one is first drawn; their sentences hold no other sound."""

    def __init__(self, trainee: Trainee) -> None:
        self.trainee = trainee.to(machine()[0])
        self.clips: dict[tuple[int, str], Clip] = {(clip.number, clip.text): clip for clip in load(whole=True)}
        self.rows = [
            row for row in rows_of_corpus() if not is_validation(row.number) and (row.number, row.said) in self.clips
        ]
        is_flite = [SPEAKERS[row.speaker][0] in FLITE for row in self.rows]
        self.groups = [[index for index, one in enumerate(is_flite) if one == wanted] for wanted in (True, False)]
        self.speakers = vectors([clip for clip in self.clips.values() if clip.voice not in UNHEARD], FACTORS)
        self.made: dict[int, tuple[Tensor, Tensor]] = {}

    def crop(self, draw: random.Random) -> tuple[Tensor, Tensor, Tensor]:
        """As of `decoder.Source`."""
        while True:
            index = draw.choice(self.groups[draw.random() > FLITE_SHARE])
            row = self.rows[index]
            voice, factor = SPEAKERS[row.speaker]
            if index not in self.made:
                wave = self.clips[row.number, row.said].wave(RATE_HZ, factor)
                wave = F.pad(wave, (0, -(-CODE_HOP * RATE_HZ // MEL_RATE_HZ) + 1))  # the stop is silent
                self.made[index] = wave.half(), latents_of(self.trainee, row, CHOSEN, is_ended=True).half().cpu()
            wave, latents = self.made[index]
            frames = upsampled(latents.float())[0]
            last = min(frames.shape[1], len(wave) // HOP) - FRAMES
            if last > 0:
                break
        at = last if draw.random() < AT_END else draw.randrange(last)
        part = frames[:, at : at + FRAMES]
        return wave[at * HOP : (at + FRAMES) * HOP].float(), part, self.speakers[voice, factor]


def start() -> Generator:
    """The decoder of mels with a first layer for latents."""
    generator = Generator(inputs=CHANNELS)
    state = {name: value for name, value in trained_decoder().state_dict().items() if not name.startswith("conv_pre")}
    generator.load_state_dict(state, strict=False)
    return generator


if __name__ == "__main__":
    background("latents")
    fit(start(), Source(trained_gpt()), FILE, float(sys.argv[1]), warm_up=1 / 3)
