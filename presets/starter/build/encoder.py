"""Solve for XTTS's speaker encoder: ``encoder CPU_SECONDS``. It gives the decoder a vector of who speaks.

Its network stays as drawn, but for the statistics that batch normalisation keeps; its last layer is solved for (ridge
regression), so that it gives Resemblyzer's vectors. What it gives for other pieces of each speaker is kept: from these
the decoder learns how far it is to be trusted. Half of the channels are zero, for a small file.
"""

from __future__ import annotations

import random
import sys

import torch
import torch.nn.functional as F
from torch import Tensor
from TTS.encoder.models.resnet import ResNetSpeakerEncoder

from presets.starter.build.corpus import SHIFTS, Clip, load
from presets.starter.build.plan import UNHEARD, is_validation
from presets.starter.build.speakers import vectors
from presets.starter.build.work import RATE_HZ, TRAINED, background, machine, store

FILE = TRAINED / "encoder.pt"
AUDIO = {
    "fft_size": 512,
    "win_length": 400,
    "hop_length": 160,
    "sample_rate": 16000,
    "preemphasis": 0.97,
    "num_mels": 64,
}
BATCH = 8
PIECE_S = 1.5, 4.0
RIDGE = 1e-2
SETTLE = 0.2  # of the time statistics settle; then pieces to solve by are heard
GIVEN = 4  # vectors that are kept of a speaker
Speaker = tuple[str, float]


def new_encoder() -> ResNetSpeakerEncoder:
    """As ``HifiDecoder`` makes it."""
    return ResNetSpeakerEncoder(input_dim=64, proj_dim=512, log_input=True, use_torch_spec=True, audio_config=AUDIO)


def learn(seconds: float) -> None:
    """Use up ``seconds``, and write the encoder with the vectors (n, 512) that it gives of each speaker."""
    device, clock = machine()
    torch.manual_seed(0)
    draw = random.Random(0)
    net = new_encoder().to(device)
    for name, value in net.named_parameters():
        if not name.startswith("fc") and "bn" not in name and value.shape[0] > 1:
            value.data[value.shape[0] // 2 :] = 0
            if value.ndim > 1 and value.shape[1] > 1:
                value.data[:, value.shape[1] // 2 :] = 0
    every = [clip for clip in load(whole=True) if len(clip.sound) > RATE_HZ * PIECE_S[0] * max(SHIFTS)]
    clips = [clip for clip in every if clip.voice not in UNHEARD and not is_validation(clip.number)]
    right = vectors(clips, (1.0, *SHIFTS), most=2)
    features: list[Tensor] = []
    labels: list[Speaker] = []
    hook = net.fc.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0].cpu()))
    began = clock()
    with torch.no_grad():
        while (share := (clock() - began) / seconds) < 1:
            waves, speakers = pieces(clips, draw)
            net.train(share < SETTLE)
            net(torch.stack(waves).to(device))
            if share < SETTLE:
                features.clear()
                continue
            labels += speakers
        hook.remove()
        inputs = torch.cat(features).double()
        wanted = torch.stack([right[speaker] for speaker in labels]).double()
        middle, mean = inputs.mean(0), wanted.mean(0)
        away = inputs - middle
        kernel = away @ away.T
        ridge = RIDGE * kernel.diagonal().mean() * torch.eye(len(kernel), dtype=kernel.dtype)
        weight = torch.linalg.solve(kernel + ridge, wanted - mean).T @ away
        net.fc.weight.copy_(weight)
        net.fc.bias.copy_(mean - weight @ middle)
        net.eval().cpu()
        kept = [clip for clip in every if clip.voice not in UNHEARD and is_validation(clip.number)]
        for name, part in (
            ("clips kept from it", kept),
            ("voices kept from it", [clip for clip in every if clip.voice in UNHEARD]),
        ):
            right = vectors(part, (1.0,), most=2)
            waves, speakers = pieces(part, draw, 3.0, (1.0,), 24)
            alike = F.cosine_similarity(net(torch.stack(waves)), torch.stack([right[speaker] for speaker in speakers]))
            print(f"{name}: likeness to the right vector {alike.mean():.3f}", flush=True)
    known = {f"{voice} {factor}": value for (voice, factor), value in vectors_given(net, clips).items()}
    print(f"{len(labels)} pieces, vectors of {len(known)} speakers", flush=True)
    store({"net": net.state_dict(), "given": known}, FILE)


@torch.no_grad()
def vectors_given(net: ResNetSpeakerEncoder, clips: list[Clip]) -> dict[Speaker, Tensor]:
    """Vectors (``GIVEN``, 512) that the encoder gives of pieces of each voice at each factor."""
    draw = random.Random(1)
    known: dict[Speaker, Tensor] = {}
    for voice in sorted({clip.voice for clip in clips}):
        own = [clip for clip in clips if clip.voice == voice]
        for factor in (1.0, *SHIFTS):
            size_s = min(draw.uniform(*PIECE_S), 0.9 * max(len(clip.sound) for clip in own) / RATE_HZ / factor)
            waves, _ = pieces(own, draw, size_s, (factor,), GIVEN)
            known[voice, factor] = net(torch.stack(waves), l2_norm=True)
    return known


def pieces(
    clips: list[Clip],
    draw: random.Random,
    size_s: float | None = None,
    factors: tuple[float, ...] = (1.0, *SHIFTS),
    count: int = BATCH,
) -> tuple[list[Tensor], list[Speaker]]:
    """Pieces of one length at 16 kHz, and who speaks in each: all voices alike often."""
    by_voice: dict[str, list[Clip]] = {}
    for clip in clips:
        by_voice.setdefault(clip.voice, []).append(clip)
    voices = list(by_voice.values())
    size = int(RATE_HZ * (size_s or draw.uniform(*PIECE_S)))
    waves: list[Tensor] = []
    speakers = []
    while len(waves) < count:
        clip, factor = draw.choice(draw.choice(voices)), draw.choice(factors)
        wave = clip.wave(RATE_HZ, factor)
        if len(wave) > size:
            at = draw.randrange(len(wave) - size)
            waves.append(wave[at : at + size] * draw.uniform(0.5, 1.4))
            speakers.append((clip.voice, factor))
    return waves, speakers


def speaker_vectors() -> dict[Speaker, Tensor]:
    """Vectors (n, 512) that the encoder gave of each speaker."""
    known: dict[Speaker, Tensor] = {}
    for name, value in torch.load(FILE, weights_only=True)["given"].items():
        voice, factor = name.split()
        known[voice, float(factor)] = value
    return known


if __name__ == "__main__":
    background("encoder")
    learn(float(sys.argv[1]))
