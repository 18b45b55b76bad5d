"""Teach the decoder to read the GPT's latents instead of mels: ``latents CPU_SECONDS``. Goes on where it stopped.

It begins as the decoder of mels; its first layer is solved for (ridge regression), so that it gives for latents what it
gave for the mels. Latents are those of the real codes, as `Xtts.inference` computes them, interpolated as
``HifiDecoder`` does; who speaks is told by the vectors that the speaker encoder gave, made as wrong as they are of new
voices: so it listens to the latents too.
"""

from __future__ import annotations

import random
import sys
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from presets.starter.build.corpus import CODE_HOP, MEL_RATE_HZ, Clip, load
from presets.starter.build.decoder import FRAMES, HOP, Generator, disturbed, fit, resized, restored
from presets.starter.build.decoder import trained as trained_decoder
from presets.starter.build.dvae import TOKENS
from presets.starter.build.encoder import speaker_vectors
from presets.starter.build.gpt import CHANNELS, MAIN, References, Row, Trainee, add_mels, rows_of_corpus
from presets.starter.build.gpt import trained as trained_gpt
from presets.starter.build.plan import FLITE, is_validation
from presets.starter.build.work import RATE_HZ, TRAINED, background, machine

FILE = TRAINED / "latents.pt"
CHOSEN, TEMPERATURE = 0.5, 0.5
SHARES = 0.25, 0.2, 0.55  # of the crops: the main voices, Flite's others, natural ones
AT_END = 0.15  # of the crops
SOLVED_FROM = 300  # utterances
FEWEST = 3  # utterances of a kind whose latents are made before any comes again
ANEW = 0.12  # of the crops come from an utterance not used yet: making latents takes as long as learning from them


def upsampled(latents: Tensor) -> Tensor:
    """Latents (b, codes, channels) as the decoder's input (b, channels, frames)."""
    return resized(F.interpolate(latents.transpose(1, 2), scale_factor=[4.0], mode="linear"))


@torch.no_grad()
def latents_of(trainee: Trainee, row: Row, heard: Tensor, chosen: float = 0.0, is_ended: bool = False) -> Tensor:
    """The latents (1, codes, channels) that predict a clip's real codes, in the voice of mels (pieces, 80, frames).

    ``chosen``: the share of codes before them that the model chooses itself, as it does where it speaks.
    ``is_ended``: with the one that predicts the stop, which `Xtts.inference` makes sound of too.
    """
    latents = trainee.run(trainee.embed([row], {row.speaker: heard})[0])[0]
    if not chosen:
        return latents[:, : len(row.codes) + is_ended]
    likely = (trainee.gpt.mel_head(latents[0, : len(row.codes)])[:, :TOKENS].float() / TEMPERATURE).softmax(-1)
    own = torch.multinomial(likely, 1)[:, 0].cpu()
    codes = torch.where(torch.rand(len(own)) < chosen, own, row.codes)
    return latents_of(trainee, replace(row, codes=codes), heard, is_ended=is_ended)


class Source:
    """Utterances with their latents, which are made when one is first drawn; their sentences hold no other sound."""

    def __init__(self, trainee: Trainee) -> None:
        self.trainee = trainee.to(machine()[0])
        self.clips: dict[tuple[int, str], Clip] = {(clip.number, clip.text): clip for clip in load(whole=True)}
        self.references, self.vectors = References(), speaker_vectors()
        self.every = rows_of_corpus()
        self.rows = [
            row
            for row in self.every
            if not is_validation(row.number)
            and (row.number, row.said) in self.clips
            and row.speaker in self.references.mels
            and row.speaker in self.vectors
        ]
        kinds = [0 if row.speaker in MAIN else 1 if row.speaker[0] in FLITE else 2 for row in self.rows]
        self.groups = [[index for index, own in enumerate(kinds) if own == kind] for kind in range(len(SHARES))]
        self.made: list[dict[int, tuple[Tensor, Tensor]]] = [{} for _ in SHARES]

    def crop(self, draw: random.Random) -> tuple[Tensor, Tensor, Tensor]:
        """As of `decoder.Source`."""
        while True:
            row, wave, latents = self.take(draw)
            frames = upsampled(latents.float())[0]
            last = min(frames.shape[1], len(wave) // HOP) - FRAMES
            if last > 0:
                break
        at = last if draw.random() < AT_END else draw.randrange(last)
        part = frames[:, at : at + FRAMES]
        vector = disturbed(self.vectors[row.speaker][draw.randrange(len(self.vectors[row.speaker]))], draw)
        return wave[at * HOP : (at + FRAMES) * HOP].float(), part, F.normalize(vector, dim=0)

    def take(self, draw: random.Random) -> tuple[Row, Tensor, Tensor]:
        """A clip, its sound and its latents (1, codes + 1, channels), often of those made before."""
        (kind,) = draw.choices(range(len(SHARES)), SHARES)
        made = self.made[kind]
        is_new = draw.random() < ANEW or len(made) < FEWEST
        index = draw.choice(self.groups[kind]) if is_new else draw.choice(list(made))
        row = self.rows[index]
        if index not in made:
            wave = self.clips[row.number, row.said].wave(RATE_HZ, row.speaker[1])
            wave = F.pad(wave, (0, -(-CODE_HOP * RATE_HZ // MEL_RATE_HZ) + 1))  # the stop is silent
            heard = self.references.draw({row.speaker}, draw)[row.speaker]
            latents = latents_of(self.trainee, row, heard, CHOSEN, is_ended=True)
            made[index] = wave.half(), latents.half().cpu()
        return row, *made[index]


def start(source: Source) -> Generator:
    """The decoder of mels with a first layer for latents."""
    mels = trained_decoder()
    weight = solved(source, mels)
    state = {name: value for name, value in mels.state_dict().items() if not name.startswith("conv_pre")}
    state |= {"conv_pre.weight": weight[:, :-1].unflatten(1, (CHANNELS, 7)), "conv_pre.bias": weight[:, -1]}
    return restored(state)


@torch.no_grad()
def solved(source: Source, mels: Generator) -> Tensor:
    """Weight and bias (channels, 7 * inputs + 1): a first layer that makes of latents what that of ``mels`` has."""
    add_mels(source.every)
    inputs, wanted, draw = [], [], random.Random(0)
    while len(inputs) < SOLVED_FROM:
        row, _, latents = source.take(draw)
        frames = upsampled(latents[:, :-1].float())
        around = F.unfold(F.pad(frames, (3, 3))[:, :, None], (1, 7))[0].T
        inputs.append(F.pad(around, (0, 1), value=1.0))
        wanted.append(mels.conv_pre(resized(row.mel.float()[None]))[0].T[: len(around)])
    stacked = torch.cat(inputs).double()
    square = stacked.T @ stacked
    square += 1e-3 * square.diagonal().mean() * torch.eye(len(square), dtype=square.dtype)
    return torch.linalg.solve(square, stacked.T @ torch.cat(wanted).double()).T.float()


if __name__ == "__main__":
    background("latents")
    source = Source(trained_gpt())
    fit(lambda: start(source), source, FILE, float(sys.argv[1]))
