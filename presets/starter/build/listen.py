"""Teach the parts that listen to a speaker: ``listen perceiver CPU_SECONDS`` and ``listen encoder CPU_SECONDS``.

The GPT and the decoder learnt with a learnt row and a computed vector for each speaker. Here the conditioning encoder
with its perceiver learns to give that row from a clip's mel, and XTTS's speaker encoder that vector from its sound.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
import torchaudio
from torch import Tensor, nn
from TTS.encoder.models.resnet import ResNetSpeakerEncoder

from presets.starter.build.corpus import FACTORS, MEL_RATE_HZ, MEL_SCALE, Clip, load
from presets.starter.build.dvae import SPEAKERS
from presets.starter.build.gpt import FILE as GPT_FILE
from presets.starter.build.gpt import trained as trained_gpt
from presets.starter.build.plan import UNHEARD, is_validation
from presets.starter.build.speakers import vectors
from presets.starter.build.work import RATE_HZ, TRAINED, background, machine

PERCEIVER_FILE, ENCODER_FILE = TRAINED / "perceiver.pt", TRAINED / "encoder.pt"
AUDIO = {
    "fft_size": 512,
    "win_length": 400,
    "hop_length": 160,
    "sample_rate": 16000,
    "preemphasis": 0.97,
    "num_mels": 64,
}
BATCH = 8
RATE = 5e-4
RIDGE = 1e-2
_MEL = torchaudio.transforms.MelSpectrogram(
    MEL_RATE_HZ, 2048, 1024, 256, f_min=0, f_max=8000, n_mels=80, power=2, norm="slaney"
)


def new_encoder() -> ResNetSpeakerEncoder:
    """As ``HifiDecoder`` makes it."""
    return ResNetSpeakerEncoder(input_dim=64, proj_dim=512, log_input=True, use_torch_spec=True, audio_config=AUDIO)


def style_mel(wave: Tensor) -> Tensor:
    """The app's mel for conditioning: (n,) at 22,050 Hz to (80, frames)."""
    return torch.log(torch.clamp(_MEL(wave), min=1e-5)) / MEL_SCALE


def perceiver(seconds: float) -> None:
    """Conditioning encoder and perceiver give the GPT's learnt speakers."""
    trainee = trained_gpt()
    target = trainee.speakers.detach()
    net = nn.ModuleDict({"encoder": trainee.gpt.conditioning_encoder, "perceiver": trainee.gpt.conditioning_perceiver})
    # Its last step brings every latent to the length of this gain: 1 as drawn, far from what the GPT learnt.
    net["perceiver"].norm.gamma.data = target.pow(2).mean((0, 1)).sqrt()
    net["perceiver"].latents.data = target.mean(0)

    def loss(waves: list[Tensor], speakers: list[int], device: torch.device) -> Tensor:
        mels = torch.stack([style_mel(wave) for wave in waves]).to(device)
        latents = net["perceiver"](net["encoder"](mels).permute(0, 2, 1))
        return F.mse_loss(latents, target.to(device)[speakers]) / target.var().to(device)

    _train(net, loss, MEL_RATE_HZ, PERCEIVER_FILE, seconds)


def encoder(seconds: float) -> None:
    """The speaker encoder gives the decoder's speaker vectors.

    Its network stays as drawn, but for the statistics that batch normalisation keeps (a third of the time); its last
    layer is solved for. Half of the channels are zero, for a small file.
    """
    device, clock = machine()
    torch.manual_seed(0)
    net = new_encoder().to(device)
    for name, value in net.named_parameters():
        if not name.startswith("fc") and "bn" not in name and value.shape[0] > 1:
            value.data[value.shape[0] // 2 :] = 0
            if value.ndim > 1 and value.shape[1] > 1:
                value.data[:, value.shape[1] // 2 :] = 0
    draw = random.Random(0)
    clips = [clip for clip in load(whole=True) if clip.voice not in UNHEARD and not is_validation(clip.number)]
    known = vectors(clips, FACTORS)
    features: list[Tensor] = []
    targets: list[Tensor] = []
    hook = net.fc.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0].cpu()))
    began = clock()
    with torch.no_grad():
        while (used := clock() - began) < seconds:
            waves, speakers = crops(clips, draw, RATE_HZ)
            if used < seconds / 3:
                net.train()
                net(torch.stack(waves).to(device))
                features.clear()
                continue
            net.eval()
            net(torch.stack(waves).to(device))
            targets += [known[SPEAKERS[speaker]] for speaker in speakers]
        hook.remove()
        inputs, wanted = torch.cat(features).double(), torch.stack(targets).double()
        middle, mean = inputs.mean(0), wanted.mean(0)
        away = inputs - middle
        kernel = away @ away.T
        ridge = RIDGE * kernel.diagonal().mean() * torch.eye(len(kernel), dtype=kernel.dtype)
        weight = torch.linalg.solve(kernel + ridge, wanted - mean).T @ away
        net.fc.weight.copy_(weight)
        net.fc.bias.copy_(mean - weight @ middle)
    net.eval().cpu()
    held = [clip for clip in load(whole=True) if clip.voice not in UNHEARD and is_validation(clip.number)]
    with torch.no_grad():
        waves, speakers = crops(held, draw, RATE_HZ, 3.0)
        alike = F.cosine_similarity(net(torch.stack(waves)), torch.stack([known[SPEAKERS[one]] for one in speakers]))
    print(f"{len(targets)} crops, likeness to the right vector {alike.mean():.3f} in clips kept from it", flush=True)
    _save(net, len(targets), seconds, ENCODER_FILE)


def crops(clips: list[Clip], draw: random.Random, rate_hz: int, most_s: float = 3.0) -> tuple[list[Tensor], list[int]]:
    """A batch of pieces of one length, a second to ``most_s``, and who speaks in each: all voices alike often."""
    by_voice: dict[str, list[Clip]] = {}
    for clip in clips:
        by_voice.setdefault(clip.voice, []).append(clip)
    voices = list(by_voice.values())
    size = int(rate_hz * draw.uniform(1.0, most_s))
    waves: list[Tensor] = []
    speakers = []
    while len(waves) < BATCH:
        clip, factor = draw.choice(draw.choice(voices)), draw.choice(FACTORS)
        wave = clip.wave(rate_hz, factor)
        if len(wave) > size:
            at = draw.randrange(len(wave) - size)
            waves.append(wave[at : at + size] * draw.uniform(0.5, 1.4))
            speakers.append(SPEAKERS.index((clip.voice, factor)))
    return waves, speakers


def _train(
    net: nn.Module,
    loss_of: Callable[[list[Tensor], list[int], torch.device], Tensor],
    rate_hz: int,
    file: object,
    seconds: float,
) -> None:
    device, clock = machine()
    draw = random.Random(time.time())
    clips = [clip for clip in load(whole=True) if clip.voice not in UNHEARD and not is_validation(clip.number)]
    step, spent = 0, 0.0
    if file.exists():
        saved = torch.load(file, weights_only=True, map_location="cpu")
        net.load_state_dict(saved["net"])
        step, spent = saved["step"], saved["cpu_s"]
    net.to(device).requires_grad_(True).train()
    optimizer = torch.optim.AdamW(net.parameters(), RATE)
    began, last, log = clock(), time.time(), []
    while (used := spent + clock() - began) < seconds:
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 50) * max(0.05, 1 - used / seconds)
        waves, speakers = crops(clips, draw, rate_hz)
        loss = loss_of(waves, speakers, device)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        step += 1
        log.append(loss.item())
        if step % 50 == 0:
            print(f"{step} loss {np.mean(log[-50:]):.4f}, {used:.0f} s", flush=True)
        if time.time() - last > 120:
            last = time.time()
            _save(net, step, used, file)
    _save(net, step, seconds, file)


def _save(net: nn.Module, step: int, used: float, file: object) -> None:
    torch.save({"net": net.state_dict(), "step": step, "cpu_s": used}, file.with_suffix(".tmp"))
    file.with_suffix(".tmp").replace(file)


if __name__ == "__main__":
    background("listen")
    assert GPT_FILE.exists() or sys.argv[1] == "encoder"
    {"perceiver": perceiver, "encoder": encoder}[sys.argv[1]](float(sys.argv[2]))
