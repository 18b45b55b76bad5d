"""Train a narrow XTTS decoder on mels: ``decoder CPU_SECONDS``. Goes on where it stopped.

XTTS's own HiFi-GAN topology (strides 8, 8, 2, 2; kernels 3, 7, 11) at half of its width, with only some residual
blocks in use. Zero-padded (`pad_generator`) it is the full decoder, which coqui's ``Xtts`` loads. Spectral losses
alone, no discriminator. Its input are the mels that codes are made of, interpolated as ``HifiDecoder`` does latents.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import soxr
import torch
import torch.nn.functional as F
import torchaudio
from torch import Tensor, nn
from TTS.vocoder.models.hifigan_generator import HifiganGenerator

from core.engines.xtts.model.decoder import topology, widen
from presets.starter.build.corpus import MEL_RATE_HZ, SHIFTS, Clip, coloured, load, log_mel
from presets.starter.build.plan import FLITE, UNHEARD, is_validation
from presets.starter.build.speakers import SIZE, vectors
from presets.starter.build.work import RATE_HZ, TRAINED, Allowance, Team, background, bfloat16, machine, store

HOP = 256
RATIO = RATE_HZ / MEL_RATE_HZ
WIDTH = 256
ACTIVE = {0: (0, 1, 2), 1: (0, 1), 2: (0,), 3: ()}  # residual blocks in use, by stage
BATCH, FRAMES = {"cpu": 8, "cuda": 64}, 32
RATE = 2e-3
FLITE_SHARE, VARIANTS = 0.25, 4  # of the crops; factors of each utterance
WRONG = 0.06  # noise of a speaker's vector at most
FILE = TRAINED / "decoder.pt"
_MEL = torchaudio.transforms.MelSpectrogram(
    RATE_HZ, 1024, 1024, HOP, f_min=0, f_max=8000, n_mels=80, power=1, norm="slaney", mel_scale="slaney"
)
_BANDS = torchaudio.transforms.MelSpectrogram(
    RATE_HZ, 400, 400, 160, f_min=0, f_max=8000, n_mels=40, power=1, norm="slaney", mel_scale="slaney"
)


class Generator(HifiganGenerator):
    """The narrow one; ``inputs`` is 80 for mels."""

    def __init__(self, inputs: int = 80, width: int = WIDTH) -> None:
        super().__init__(**topology(inputs, SIZE, width))

    def forward(self, x: Tensor, g: Tensor) -> Tensor:
        """As the parent's; an unused block is the identity."""
        state = self.conv_pre(x) + self.cond_layer(g)
        for stage, (up, condition) in enumerate(zip(self.ups, self.conds, strict=True)):
            state = up(F.leaky_relu(state, 0.1)) + condition(g)
            total = state * (3 - len(ACTIVE[stage]))
            for block in ACTIVE[stage]:
                total = total + self.resblocks[stage * 3 + block](state)
            state = total / 3
        return torch.tanh(self.conv_post(F.leaky_relu(state)).float())


def resized(mel: Tensor) -> Tensor:
    """Mels (b, 80, frames) of 22,050 Hz to one frame for every 256 samples at 16 kHz, as ``HifiDecoder`` does."""
    return F.interpolate(mel, scale_factor=[RATIO], mode="linear")


def spectral_loss(waves: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """How far waves (b, samples) are from others: mel L1 in nats, and how far their spectra are.

    The latter is convergence and log magnitude over three windows (mean), and convergence of 40 loud bands.
    """
    mel_of, bands_of = _MEL.to(waves.device), _BANDS.to(waves.device)
    mel = (torch.log(mel_of(waves).clamp(min=1e-5)) - torch.log(mel_of(targets).clamp(min=1e-5))).abs().mean()
    total = torch.zeros((), device=waves.device)
    for size in (256, 512, 1024):
        window = torch.hann_window(size, device=waves.device)
        a, b = (
            torch.stft(x, size, size // 4, window=window, return_complex=True).abs().clamp(min=1e-5)
            for x in (waves, targets)
        )
        total = total + convergence(a, b) + (a.log() - b.log()).abs().mean()
    return mel, total / 3 + convergence(bands_of(waves), bands_of(targets))


def convergence(magnitudes: Tensor, targets: Tensor) -> Tensor:
    """How far magnitudes (b, bands, frames) are from others, as a share of these."""
    return ((magnitudes - targets).norm(dim=(1, 2)) / (targets.norm(dim=(1, 2)) + 1e-3)).mean()


class Pool:
    """Utterances with their variants: sound at 16 kHz and mel. Every other one is coloured as recordings are."""

    def __init__(self, clips: list[Clip]) -> None:
        self.clips = [clip for clip in clips if clip.voice not in UNHEARD and not is_validation(clip.number)]
        self.speakers = vectors(self.clips, (1.0, *SHIFTS), most=2)
        self.kinds = [
            [index for index, clip in enumerate(self.clips) if (clip.voice in FLITE) == is_flite]
            for is_flite in (True, False)
        ]
        self.made: dict[tuple[int, float, bool], tuple[Tensor, Tensor]] = {}

    def crop(self, draw: random.Random) -> tuple[Tensor, Tensor, Tensor]:
        """Sound (samples,), input (80, frames), speaker (512,)."""
        while True:
            index = draw.choice(draw.choices(self.kinds, (FLITE_SHARE, 1 - FLITE_SHARE))[0])
            factor = draw.choice(random.Random(index).sample((1.0, *SHIFTS), VARIANTS))
            wave, mel = self._make(index, factor, draw.random() < 0.5)
            last = min(mel.shape[1], len(wave) // HOP) - FRAMES
            if last > 0:
                break
        at = draw.randrange(last)
        speaker = disturbed(self.speakers[self.clips[index].voice, factor], draw)
        return wave[at * HOP : (at + FRAMES) * HOP].float() / 32767, mel[:, at : at + FRAMES].float(), speaker

    def _make(self, index: int, factor: float, is_coloured: bool) -> tuple[Tensor, Tensor]:
        if (key := (index, factor, is_coloured)) not in self.made:
            wave = self.clips[index].wave(MEL_RATE_HZ, factor)
            if is_coloured:
                wave = coloured(wave, index)
            sound = torch.from_numpy(soxr.resample(wave.numpy(), MEL_RATE_HZ, RATE_HZ, "MQ"))
            sound = (sound * 32767).clamp(-32767, 32767).to(torch.int16)
            self.made[key] = sound, resized(log_mel(wave)[None])[0].half()
        return self.made[key]


def disturbed(vector: Tensor, draw: random.Random) -> Tensor:
    """A speaker's vector, about as far from right as the encoder's is of a voice it never heard."""
    return vector + draw.random() * WRONG * torch.randn_like(vector) * (vector != 0)


class Source(Protocol):
    """What `fit` draws from."""

    def crop(self, draw: random.Random) -> tuple[Tensor, Tensor, Tensor]:
        """Sound (FRAMES * HOP,), input (channels, FRAMES), speaker vector (512,)."""


def train(seconds: float) -> None:
    """Use up ``seconds`` in all, then rest."""
    fit(Generator, Pool(load(whole=True)), FILE, seconds)


def fit(start: Callable[[], Generator], source: Source, file: Path, seconds: float) -> None:
    """Train the generator in ``file``, or else the one that ``start`` makes, until it has had ``seconds`` in all."""
    device, clock = machine()
    torch.manual_seed(0)
    draw = random.Random(time.time())
    saved = torch.load(file, weights_only=True, map_location="cpu") if file.exists() else None
    generator = (restored(saved["generator"]) if saved else start()).to(device)
    optimizer = torch.optim.AdamW(generator.parameters(), RATE, betas=(0.8, 0.99))
    step, spent = 0, 0.0
    if saved:
        if "optimizer" in saved:  # a restored state has none
            optimizer.load_state_dict(saved["optimizer"])
        step, spent = saved["step"], saved["cpu_s"]
    team, learning = Team(), list(generator.parameters())
    torch.manual_seed(team.rank)
    allowance, last = Allowance(seconds, spent, clock, team), time.time()
    log: list[tuple[float, float]] = []
    while (share := allowance.share()) < 1:
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 50) * max(0.05, 1 - share)
        crops = [source.crop(draw) for _ in range(BATCH[device.type])]
        waves, inputs, speakers = (torch.stack(part).to(device) for part in zip(*crops, strict=True))
        with bfloat16(device):
            out = generator(inputs, speakers[:, :, None])
        mel, spectral = spectral_loss(out[:, 0].float(), waves)
        optimizer.zero_grad()
        (2 * mel + spectral).backward()
        team.share_gradients(learning)
        nn.utils.clip_grad_norm_(learning, 5.0)
        optimizer.step()
        step += 1
        log.append((mel.item(), spectral.item()))
        if step % 100 == 0 and not team.rank:
            means = np.mean(log[-100:], 0)
            print(f"{step} mel L1 {means[0]:.3f} nats, spectral {means[1]:.3f}, {allowance.used():.0f} s", flush=True)
        if time.time() - last > 120 and not team.rank:
            last = time.time()
            save(generator, optimizer, step, allowance.used(), file)
    if not team.rank:
        save(generator, optimizer, step, allowance.used(), file)


def save(generator: Generator, optimizer: torch.optim.Optimizer, step: int, used: float, file: Path) -> None:
    """Write what `fit` goes on from and `trained` reads."""
    state = {"generator": generator.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "cpu_s": used}
    store(state, file)


def restored(state: dict[str, Tensor]) -> Generator:
    """A generator of these weights, as wide as they are."""
    width, inputs, _ = state["conv_pre.weight"].shape
    generator = Generator(inputs, width)
    generator.load_state_dict(state)
    return generator


def trained(path: Path = FILE) -> Generator:
    """The generator as last saved."""
    state = torch.load(path, weights_only=True, map_location="cpu")["generator"]
    return restored(state).eval().requires_grad_(False)


def pad_generator(big: HifiganGenerator, small: Generator) -> None:
    """Put the narrow generator into the corner of a wider one that does the same; all else is zero."""
    unused = tuple(f"resblocks.{3 * stage + block}." for stage in ACTIVE for block in {0, 1, 2} - {*ACTIVE[stage]})
    widen(big, {name: value for name, value in small.state_dict().items() if not name.startswith(unused)})


if __name__ == "__main__":
    background("decoder")
    train(float(sys.argv[1]))
