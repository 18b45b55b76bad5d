"""Beam search and sampling over `openai_decoder.Decoder`, many clips at once."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from core.errors import Fault
from core.transcription.openai_decoder import Decoder

_THIN_OUT = 0.75  # clips that are done go once no more than this share is left: going costs a copy


@dataclass(frozen=True)
class Rules:
    """What may be said: ``end`` ends a text, ``never`` are marks and symbols, ``not_first`` may not begin it."""

    end: int
    never: Tensor
    not_first: Tensor
    longest: int  # tokens of a text


@dataclass
class _Clip:
    """The beams of one clip: tokens so far with their summed log probability, and those that came to an end."""

    beams: list[tuple[list[int], float]]
    ends: list[tuple[list[int], float]] = field(default_factory=list)


def beam_search(decoder: Decoder, logits: Tensor, beams: int, rules: Rules) -> list[tuple[list[int], float]]:
    """Tokens and summed log probability (that of the end included) of each clip's best text.

    Args:
        decoder: has said the first tokens, one row a clip.
        logits: of what comes next, shape ``(clips, vocabulary)``.
        beams: how many readings are followed at a time; 1 is greedy.
    """
    clips = [_Clip([([], 0.0)]) for _ in range(decoder.clips)]
    active = list(range(len(clips)))  # clips whose rows the decoder holds, some of them done perhaps
    for step in range(min(rules.longest, decoder.room)):
        forbid(logits, rules, first=step == 0)
        best, tokens = torch.log_softmax(logits, -1).topk(beams + 1)
        width, sources, last_tokens = (1 if step == 0 else beams), [], []
        for place, number in enumerate(active):
            origin = _grow(
                clips[number], best[place * width : (place + 1) * width].tolist(),
                tokens[place * width : (place + 1) * width].tolist(), beams, rules.end,
            )  # fmt: skip
            sources += [place * (1 if step == 0 else beams) + beam for beam in origin]
            last_tokens += [beam[-1] for beam, _ in clips[number].beams]
        open_places = [place for place, number in enumerate(active) if len(clips[number].ends) < beams]
        if not open_places:
            break
        if step == 0:
            decoder.widen(beams)
        else:
            decoder.reorder(sources)
        if len(open_places) <= _THIN_OUT * len(active):
            decoder.keep(open_places)
            last_tokens = [token for place in open_places for token in last_tokens[place * beams : (place + 1) * beams]]
            active = [active[place] for place in open_places]
        next_tokens = torch.tensor(last_tokens, device=logits.device)[:, None]
        logits = decoder.logits(decoder.hidden_states(next_tokens)[:, -1])
    return [_likeliest(clip.ends if len(clip.ends) >= beams else clip.ends + clip.beams) for clip in clips]


def _grow(clip: _Clip, best: list[list[float]], tokens: list[list[int]], beams: int, end: int) -> list[int]:
    """Take the best continuations; returns which beam each of them continues."""
    candidates = sorted(
        (
            (sum_before + logprob, beam, token)
            for beam, (_, sum_before) in enumerate(clip.beams)
            for logprob, token in zip(best[beam], tokens[beam], strict=True)
        ),
        key=lambda candidate: -candidate[0],
    )
    beams_kept, origin, complete = [], [], []
    for total, beam, token in candidates:
        if token == end:
            complete.append((clip.beams[beam][0], total))
            continue
        beams_kept.append(([*clip.beams[beam][0], token], total))
        origin.append(beam)
        if len(beams_kept) == beams:
            break
    clip.beams = beams_kept
    clip.ends += complete[: beams - len(clip.ends)] if len(clip.ends) < beams else []
    return origin


def _likeliest(texts: list[tuple[list[int], float]]) -> tuple[list[int], float]:
    return max(texts, key=lambda pair: pair[1] / max(1, len(pair[0])))


def sample(
    decoder: Decoder, logits: Tensor, temperature: float, count: int, rules: Rules
) -> list[tuple[list[int], float]]:
    """As `beam_search`, but the best of ``count`` texts drawn at a temperature."""
    logits = logits.repeat_interleave(count, 0)
    decoder.widen(count)
    rows = logits.shape[0]
    tokens = torch.full((rows, 0), rules.end, device=logits.device)
    totals = torch.zeros(rows, device=logits.device)
    is_done = torch.zeros(rows, dtype=torch.bool, device=logits.device)
    for step in range(min(rules.longest, decoder.room)):
        forbid(logits, rules, first=step == 0)
        # As `torch.multinomial` draws, whose own check of what it is given would cost a process its card.
        draw = (torch.softmax(logits / temperature, -1) / torch.empty_like(logits).exponential_()).argmax(-1)
        draw[is_done] = rules.end
        totals += torch.log_softmax(logits, -1).gather(1, draw[:, None])[:, 0] * ~is_done
        tokens = torch.cat([tokens, draw[:, None]], 1)
        is_done |= draw == rules.end
        if bool(is_done.all()):
            break
        logits = decoder.logits(decoder.hidden_states(draw[:, None])[:, -1])
    texts = [row[: row.index(rules.end)] if rules.end in row else row for row in tokens.tolist()]
    candidates = list(zip(texts, totals.tolist(), strict=True))
    if any(math.isnan(total) for _, total in candidates):
        raise Fault("reason.scores_not_numbers", "recognition gave scores that are no numbers")
    return [_likeliest(candidates[at : at + count]) for at in range(0, rows, count)]


def forbid(logits: Tensor, rules: Rules, *, first: bool) -> None:
    """Take what may not be said out of the scores, in place."""
    logits[:, rules.never] = -math.inf
    if first:
        logits[:, rules.not_first] = -math.inf
