"""Finding the likeliest text of many clips at once: beam search and sampling over `openai_decoder.Decoder`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

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
    ended: list[tuple[list[int], float]] = field(default_factory=list)


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
        width, sources, chosen = (1 if step == 0 else beams), [], []
        for place, number in enumerate(active):
            origin = _grow(
                clips[number], best[place * width : (place + 1) * width].tolist(),
                tokens[place * width : (place + 1) * width].tolist(), beams, rules.end,
            )  # fmt: skip
            sources += [place * (1 if step == 0 else beams) + beam for beam in origin]
            chosen += [beam[-1] for beam, _ in clips[number].beams]
        left = [place for place, number in enumerate(active) if len(clips[number].ended) < beams]
        if not left:
            break
        if step == 0:
            decoder.widen(beams)
        else:
            decoder.reorder(sources)
        if len(left) <= _THIN_OUT * len(active):
            decoder.keep(left)
            chosen = [token for place in left for token in chosen[place * beams : (place + 1) * beams]]
            active = [active[place] for place in left]
        said = torch.tensor(chosen, device=logits.device)[:, None]
        logits = decoder.logits(decoder.hidden(said)[:, -1])
    return [_likeliest(clip.ended if len(clip.ended) >= beams else clip.ended + clip.beams) for clip in clips]


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
    grown, origin, ended = [], [], []
    for total, beam, token in candidates:
        if token == end:
            ended.append((clip.beams[beam][0], total))
            continue
        grown.append(([*clip.beams[beam][0], token], total))
        origin.append(beam)
        if len(grown) == beams:
            break
    clip.beams = grown
    clip.ended += ended[: beams - len(clip.ended)] if len(clip.ended) < beams else []
    return origin


def _likeliest(found: list[tuple[list[int], float]]) -> tuple[list[int], float]:
    return max(found, key=lambda one: one[1] / max(1, len(one[0])))


def sample(
    decoder: Decoder, logits: Tensor, temperature: float, count: int, rules: Rules
) -> list[tuple[list[int], float]]:
    """As `beam_search`, but the best of ``count`` texts drawn at a temperature."""
    logits = logits.repeat_interleave(count, 0)
    decoder.widen(count)
    rows = logits.shape[0]
    said = torch.full((rows, 0), rules.end, device=logits.device)
    totals = torch.zeros(rows, device=logits.device)
    done = torch.zeros(rows, dtype=torch.bool, device=logits.device)
    for step in range(min(rules.longest, decoder.room)):
        forbid(logits, rules, first=step == 0)
        # As `torch.multinomial` draws, whose own check of what it is given would cost a process its card.
        drawn = (torch.softmax(logits / temperature, -1) / torch.empty_like(logits).exponential_()).argmax(-1)
        drawn[done] = rules.end
        totals += torch.log_softmax(logits, -1).gather(1, drawn[:, None])[:, 0] * ~done
        said = torch.cat([said, drawn[:, None]], 1)
        done |= drawn == rules.end
        if bool(done.all()):
            break
        logits = decoder.logits(decoder.hidden(drawn[:, None])[:, -1])
    texts = [row[: row.index(rules.end)] if rules.end in row else row for row in said.tolist()]
    scored = list(zip(texts, totals.tolist(), strict=True))
    if any(math.isnan(total) for _, total in scored):
        raise RuntimeError("recognition gave scores that are no numbers")
    return [_likeliest(scored[at : at + count]) for at in range(0, rows, count)]


def forbid(logits: Tensor, rules: Rules, *, first: bool) -> None:
    """Take what may not be said out of the scores, in place."""
    logits[:, rules.never] = -math.inf
    if first:
        logits[:, rules.not_first] = -math.inf
