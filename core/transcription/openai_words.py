"""Word timestamps of an openai-whisper batch: one pass over the finished texts, by cross-attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.project.records import Word
from core.transcription.openai_decoder import Decoder
from core.transcription.words import FRAME_S, timed_words, warp

_SMOOTH = 7  # frames of the median filter, as in the library


def find_words(
    model: Any, tokenizers: Sequence[Any], features: Tensor, texts: Sequence[Sequence[int]], seconds: Sequence[float]
) -> list[tuple[Word, ...]]:
    """Words with times of each clip, as openai-whisper's ``timing.find_alignment`` finds them clip by clip.

    Args:
        tokenizers: of each clip's language.
        features: what the encoder made of the clips, shape ``(clips, frames, width)``.
        texts: tokens of each clip.
        seconds: length of each clip.
    """
    rows = [
        [*tokenizer.sot_sequence, tokenizer.no_timestamps, *text, tokenizer.eot]
        for tokenizer, text in zip(tokenizers, texts, strict=True)
    ]
    longest = max(len(row) for row in rows)
    tokens = torch.tensor([row + [row[-1]] * (longest - len(row)) for row in rows], device=features.device)
    heads = model.alignment_heads.indices().T.tolist()
    attention: dict[int, Tensor] = {layer: features for layer, _ in heads}
    decoder = Decoder(model, features, 1, longest)
    hidden_states = decoder.hidden_states(tokens, attention)
    words_of_clips: list[tuple[Word, ...]] = []
    for clip, (tokenizer, text) in enumerate(zip(tokenizers, texts, strict=True)):
        if not text:
            words_of_clips.append(())
            continue
        begin = len(tokenizer.sot_sequence)
        frames = max(1, min(features.shape[1], round(seconds[clip] / FRAME_S)))
        weights = torch.stack([attention[layer][clip, head, : len(rows[clip]), :frames] for layer, head in heads])
        begins = warp(-_smooth_attention(weights)[begin:-1].double().cpu().numpy())
        logits = decoder.logits(hidden_states[clip, begin : begin + len(text)])[:, : tokenizer.eot]
        targets = torch.tensor(list(text), device=logits.device)[:, None]
        probabilities = logits.softmax(-1).gather(1, targets)[:, 0].tolist()
        pieces, groups = tokenizer.split_to_word_tokens([*text, tokenizer.eot])
        lengths = [len(group) for group in groups[:-1]]
        times = (np.asarray(begins) * FRAME_S).tolist()
        words_of_clips.append(timed_words(pieces[:-1], lengths, times, probabilities, tokenizer.language or "en"))
    return words_of_clips


def _smooth_attention(weights: Tensor) -> Tensor:
    """Mean over heads of normalized, smoothed attention: ``(heads, tokens, frames)`` to ``(tokens, frames)``."""
    weights = weights.float().softmax(-1)
    spread, mean = torch.std_mean(weights, dim=-2, keepdim=True, unbiased=False)
    weights = (weights - mean) / spread.clamp_min(1e-10)
    half = _SMOOTH // 2
    if weights.shape[-1] > half:
        padding = torch.nn.functional.pad(weights, (half, half), mode="reflect")
        weights = padding.unfold(-1, _SMOOTH, 1).sort()[0][..., half]
    return weights.mean(0)
