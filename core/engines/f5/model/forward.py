"""The DiT's forward pass on clips of different lengths: each comes out as if it had been alone.

The package's own lets a clip's text be normalised over its neighbours' padding and, as published, its sound attend to
it: a clip then changes by up to a tenth with what is computed beside it. Here each text is embedded by itself, and
attention leaves padding out. Nothing is kept on the model between two calls.
Source: ``f5_tts/model/backbones/dit.py: DiT.forward`` (f5-tts 1.1.22).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.checkpoint import checkpoint

from core.engines.f5.model.attention import rotary_turns
from core.engines.f5.model.package import DiT


def embed_texts(
    transformer: DiT, texts: Sequence[Tensor], frames: Sequence[int], dropped: Sequence[bool] | None = None
) -> Tensor:
    """Texts (ids) stretched to so many frames each, padded to the longest: ``(b, longest, text_dim)``.

    ``dropped`` ones are embedded as if nothing was said.
    """
    rows = [
        transformer.text_embed(ids[None], seq_len=count, drop_text=bool(dropped and dropped[number]))[0]
        for number, (ids, count) in enumerate(zip(texts, frames, strict=True))
    ]
    return pad_sequence(rows, batch_first=True)


def padding_mask(frames: Sequence[int], device: torch.device | str) -> Tensor | None:
    """True where a frame is a clip's own, ``(b, longest)``; None where all are as long."""
    if len(set(frames)) == 1:
        return None
    lengths = torch.tensor(frames, device=device)
    return torch.arange(max(frames), device=device) < lengths[:, None]


def velocity(
    transformer: DiT,
    noisy: Tensor,
    cond: Tensor,
    text: Tensor,
    times: Tensor,
    mask: Tensor | None,
    *,
    checkpointing: bool = False,
) -> Tensor:
    """Where each frame has to move, ``(b, frames, 100)``.

    Args:
        transformer: the model.
        noisy: ``(b, frames, 100)``, between noise and mel.
        cond: ``(b, frames, 100)``, what is heard of the clip; zero elsewhere.
        text: of `embed_texts`.
        times: ``(b,)``, 0 is noise, 1 the mel.
        mask: of `padding_mask`.
        checkpointing: keep only what goes into each block, and compute it twice.
    """
    time = transformer.time_embed(times)
    states = transformer.input_embed(noisy, cond, text, drop_audio_cond=False, audio_mask=mask)
    rope = rotary_turns(transformer, noisy.shape[1])
    for block in transformer.transformer_blocks:
        if checkpointing:
            states = checkpoint(block, states, time, mask, rope, use_reentrant=False)
        else:
            states = block(states, time, mask=mask, rope=rope)
    output: Tensor = transformer.proj_out(transformer.norm_out(states, time))
    return output
