"""The training loss of XTTS's GPT: the numbers of coqui's ``GPT.forward`` without prompt masking."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from TTS.tts.layers.xtts.gpt import GPT

from core.engines.xtts.batches import Batch

_IGNORED = -100
# coqui lets the model predict the stop code this often in a row after the last real one (``ceil(wav / stride) + 3``).
_STOPS = 4


class Losses(NamedTuple):
    """Mean cross entropies, scalars: per text token and per audio code."""

    text: Tensor
    mel: Tensor


def losses(gpt: GPT, batch: Batch) -> Losses:
    """Teacher-forced loss of a batch.

    The sequence is conditioning latents, text, codes. A clip's padding is neither attended to nor predicted.
    Source: ``TTS/tts/layers/xtts/gpt.py`` (coqui-tts 0.28), with ``cond_idxs=None, cond_lens=None``. There the prompt
    mask of a batch hits its last item only, in wrong units; conditioning on another clip needs none.
    """
    text_in, text_out, text_mask = _shifted(
        batch.text, batch.text_lengths, gpt.start_text_token, gpt.stop_text_token, stops=1
    )
    mel_in, mel_out, mel_mask = _shifted(
        batch.codes, batch.code_lengths, gpt.start_audio_token, gpt.stop_audio_token, stops=_STOPS
    )
    latents = gpt.get_style_emb(batch.mels).transpose(1, 2)
    prompt = latents.shape[1]
    embedded = torch.cat(
        [
            latents,
            gpt.text_embedding(text_in) + gpt.text_pos_embedding(text_in),
            gpt.mel_embedding(mel_in) + gpt.mel_pos_embedding(mel_in),
        ],
        dim=1,
    )
    prompt_mask = torch.ones(len(latents), prompt, dtype=torch.bool, device=latents.device)
    mask = torch.cat([prompt_mask, text_mask, mel_mask], dim=1)
    out = gpt.gpt(inputs_embeds=embedded, attention_mask=mask, use_cache=False, return_dict=True)
    hidden = gpt.final_norm(out.last_hidden_state[:, prompt:])
    width = text_in.shape[1]
    return Losses(
        text=_cross_entropy(gpt.text_head(hidden[:, :width]), text_out),
        mel=_cross_entropy(gpt.mel_head(hidden[:, width:]), mel_out),
    )


def _shifted(rows: Tensor, lengths: Tensor, start: int, stop: int, stops: int) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs, targets and mask, (b, width): ``start, tokens, stop …`` predicts ``tokens, stop, …``."""
    width = rows.shape[1] + stops
    positions = torch.arange(width, device=rows.device)
    real = positions < lengths[:, None]
    padded = F.pad(rows, (0, stops)).masked_fill(~real, stop)
    inputs = F.pad(padded[:, :-1], (1, 0), value=start)
    valid = positions < lengths[:, None] + stops
    return inputs, padded.masked_fill(~valid, _IGNORED), valid


def _cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=_IGNORED)
