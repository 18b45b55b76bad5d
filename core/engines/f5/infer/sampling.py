"""Sampling of F5-TTS: log mels from noise, by Euler's method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from core.engines.callbacks import ShouldStop, never
from core.engines.f5.features.mel import BANDS
from core.engines.f5.infer.reference import ReferenceMel
from core.engines.f5.model.forward import embed_texts, padding_mask, velocity
from core.engines.f5.model.load import F5
from core.engines.f5.model.package import get_epss_timesteps
from core.errors import Cancelled

GUIDANCE, SWAY = 2.0, -1.0
MOST_STEPS = 256  # more of them, or less than one, are not taken at their word
_USUAL: Mapping[str, float] = {}


@dataclass(frozen=True)
class Part:
    """As much of a text as is said at once: ids of reference and text, frames of both together, its random stream."""

    ids: Tensor
    frames: int
    seed: int


def sample_mels(
    model: F5,
    parts: Sequence[Part],
    reference: ReferenceMel,
    should_stop: ShouldStop = never,
    settings: Mapping[str, float] = _USUAL,
) -> list[Tensor]:
    """Log mels (frames, 100) of what is spoken, from noise by Euler's method.

    Source: ``f5_tts/model/cfm.py: CFM.sample`` (f5-tts 1.1.22); each begins with the last frame of the reference.
    """
    transformer, device = model.transformer, model.device
    frames = [part.frames for part in parts]
    mask = padding_mask(frames, device)
    mels = pad_sequence([_padded(reference.mel, count) for count in frames], batch_first=True).to(device)
    noise = [
        torch.randn(part.frames, BANDS, device=device, generator=torch.Generator(device).manual_seed(part.seed))
        for part in parts
    ]
    states = pad_sequence(noise, batch_first=True)
    texts = [part.ids.to(device) for part in parts]
    text, guidance = embed_texts(transformer, texts, frames), float(settings.get("guidance", GUIDANCE))
    context = mels
    if guidance:
        # Told everything, and told nothing: what makes the difference is what the text asks for.
        text = torch.cat([text, embed_texts(transformer, texts, frames, [True] * len(parts))])
        context, mask = torch.cat([mels, torch.zeros_like(mels)]), None if mask is None else torch.cat([mask, mask])
    steps = min(max(int(settings.get("steps", model.facts.steps)), 1), MOST_STEPS)
    times = _times(steps, float(settings.get("sway", SWAY)), device)
    for start, end in zip(times[:-1], times[1:], strict=True):
        if should_stop():
            raise Cancelled
        noisy = torch.cat([states, states]) if guidance else states
        flow = velocity(transformer, noisy, context, text, start.expand(len(noisy)), mask)
        if guidance:
            conditional, unconditional = flow.chunk(2)
            flow = conditional + (conditional - unconditional) * guidance
        states = states + (end - start) * flow
    states[:, : len(reference.mel)] = mels[:, : len(reference.mel)]
    return [row[reference.frames : count] for row, count in zip(states, frames, strict=True)]


def _padded(mel: Tensor, frames: int) -> Tensor:
    return torch.nn.functional.pad(mel, (0, 0, 0, frames - len(mel)))


def _times(steps: int, sway: float, device: torch.device) -> Tensor:
    """The times at which it moves, more of them near the noise, as the package has them."""
    times: Tensor = get_epss_timesteps(steps, device=device, dtype=torch.float32)
    return times + sway * (torch.cos(torch.pi / 2 * times) - 1 + times)
