"""The training loss of XTTS's GPT: the numbers of coqui's ``GPT.forward`` without its prompt masking."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from TTS.tts.layers.xtts.gpt import GPT

from core.engines.xtts.model.transformer import run_transformer
from core.engines.xtts.train.collate import Batch


class Losses(NamedTuple):
    """Mean cross entropies, scalars: per text token and per audio code."""

    text: Tensor
    mel: Tensor


def losses(gpt: GPT, batch: Batch, latents: Tensor, *, dropout: float = 0.0, checkpointing: bool = False) -> Losses:
    """Teacher-forced loss of a batch conditioned on ``latents`` (b, 32, channels).

    A row is conditioning latents, text, codes. Only places with something to predict go through the heads.
    Source: ``TTS/tts/layers/xtts/gpt.py`` (coqui-tts 0.28), with ``cond_idxs=None, cond_lens=None``. There the prompt
    mask of a batch hits its last item only, in wrong units; here masked codes are simply no targets (`collate`).
    """
    text = gpt.text_embedding(batch.text_in) + gpt.text_pos_embedding.emb(batch.text_place)
    mel = gpt.mel_embedding(batch.mel_in) + gpt.mel_pos_embedding.emb(batch.mel_place)
    vectors = torch.cat([latents.flatten(0, 1).to(text.dtype), text, mel])
    embeddings = vectors.index_select(0, batch.grid.flatten()).view(*batch.grid.shape, -1)
    states = run_transformer(gpt.gpt, embeddings, dropout=dropout, checkpointing=checkpointing).flatten(0, 1)
    return Losses(
        text=_cross_entropy(gpt.text_head(gpt.final_norm(states.index_select(0, batch.text_at))), batch.text_out),
        mel=_cross_entropy(gpt.mel_head(gpt.final_norm(states.index_select(0, batch.mel_at))), batch.mel_out),
    )


def _cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(logits.float(), targets)
