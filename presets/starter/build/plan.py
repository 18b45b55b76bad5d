"""What is spoken, by which voice, and where in the phonemes each word stands."""

from __future__ import annotations

import itertools
import random
import re
from dataclasses import dataclass

import numpy as np

from presets.starter.build.grammar import sentences

SEED = 0
FRAME_S = 1 / 40  # of Kokoro's durations
SHARDS = 2
HELD_OUT = 40  # the first sentences are never spoken for training: they judge the result
VOICES = ("af_heart", "am_michael", "af_bella", "am_fenrir", "af_kore", "am_puck", "af_sarah", "am_adam")
UNHEARD = ("af_nova", "am_eric", "bf_emma", "bm_george")  # one utterance in 32: they judge the decoder
SPEEDS = (0.9, 1.0, 1.0, 1.1)
FLITE = ("slt", "rms", "awb")  # Flite's statistical voices: regular, and quickly spoken
NAMES = {"slt": "Flite SLT", "rms": "Flite RMS"}  # of the voices that the starter comes with
FLITE_FROM = 100_000  # the number of their first utterance
FLITE_COUNT = 4_200
SHIFTED_FROM = FLITE_FROM + 3_000  # from here on each utterance is one of a further speaker: its voice, shifted
MORE = (
    "af_alloy", "am_echo", "af_aoede", "am_liam", "af_jessica", "am_onyx", "af_nicole", "am_santa", "af_river",
    "bf_alice", "bm_daniel", "af_sky", "bf_isabella", "bm_fable", "bf_lily", "bm_lewis",
)  # fmt: skip
MORE_FROM, MORE_COUNT = 50_000, 64  # Kokoro's other voices say a little each, so that the model knows many speakers
LATER_VOICES = VOICES[:2]
LATER_FROM = 416  # utterances from here on are spoken by these two alone, at one pace: words come sooner so
_MARKS = "ˈˌ"  # stress: lasts with the phoneme that follows
_PAUSES = ",;:.!?—"


@dataclass(frozen=True)
class Utterance:
    """What is spoken in one go."""

    number: int
    voice: str
    speed: float
    texts: tuple[str, ...]


def utterances() -> list[Utterance]:
    """The plan: the same for everybody. About seven hours; speak as much of it as there is time for."""
    draw = random.Random(SEED)
    texts = itertools.islice(sentences(SEED), HELD_OUT, 12_000)
    plan: list[Utterance] = []
    while group := tuple(itertools.islice(texts, draw.choice((1, 2, 2, 3)))):
        number = len(plan)
        voice = VOICES[number % len(VOICES)] if number % 32 != 31 else UNHEARD[number // 32 % len(UNHEARD)]
        speed = draw.choice(SPEEDS)
        if number >= LATER_FROM:
            voice, speed = LATER_VOICES[number // SHARDS % len(LATER_VOICES)], 1.0
        plan.append(Utterance(number, voice, speed, group))
    return plan


def more_utterances() -> list[Utterance]:
    """What Kokoro's other voices speak, by turns."""
    draw = random.Random(SEED + 2)
    texts = itertools.islice(sentences(SEED), 12_000, None)
    return [
        Utterance(
            MORE_FROM + place, MORE[place % len(MORE)], 1.0, tuple(itertools.islice(texts, draw.choice((1, 2, 2))))
        )
        for place in range(MORE_COUNT)
    ]


def flite_utterances() -> list[Utterance]:
    """What Flite's voices speak: the first two by turns, the third one utterance in sixteen."""
    draw = random.Random(SEED + 1)
    texts = itertools.islice(sentences(SEED), HELD_OUT, 12_000)
    plan: list[Utterance] = []
    while len(plan) < FLITE_COUNT and (group := tuple(itertools.islice(texts, draw.choice((1, 2, 2, 3))))):
        place = len(plan)
        voice = FLITE[2] if place % 16 == 15 else FLITE[place // 8 % 2]
        plan.append(Utterance(FLITE_FROM + place, voice, 1.0, group))
    return plan


def is_validation(number: int) -> bool:
    """Whether an utterance is kept from all training: one round of voices in eight."""
    return number // 8 % 8 == 7


def held_out() -> list[str]:
    """Sentences that no training speech holds."""
    return list(itertools.islice(sentences(SEED), HELD_OUT))


def word_spans(words: list[str], alone: list[str], ipa: str) -> list[tuple[float, float]]:
    """Where in a sentence's phonemes each word stands, as character positions; espeak may join words ("for the").

    Args:
        words: the sentence's words.
        alone: phonemes of each of them spoken alone: their lengths tell which words share a group.
        ipa: the sentence's phonemes, groups between spaces.
    """
    groups: list[tuple[int, int]] = []
    for part in ipa.split(" "):
        begin = groups[-1][1] + 1 if groups else 0
        groups.append((begin, begin + len(part)))
    lengths = [max(1, _weight(phonemes)) for phonemes in alone]
    best: dict[tuple[int, int], tuple[float, tuple[int, int]]] = {(0, 0): (0.0, (0, 0))}
    for i, j in itertools.product(range(len(words) + 1), range(len(groups) + 1)):
        if (i, j) not in best:
            continue
        for more, wide in ((1, 1), (2, 1), (3, 1), (1, 2), (1, 3)):
            end = (i + more, j + wide)
            if end[0] > len(words) or end[1] > len(groups):
                continue
            size = sum(_weight(ipa[first:last]) for first, last in groups[j : end[1]])
            cost = best[i, j][0] + abs(size - sum(lengths[i : end[0]])) + 0.5 * (more + wide - 2)
            if end not in best or cost < best[end][0]:
                best[end] = (cost, (i, j))
    at = (len(words), len(groups))
    if at not in best:
        raise ValueError(f"{words} do not fit {ipa}")
    spans: list[tuple[float, float]] = []
    while at != (0, 0):
        before = best[at][1]
        begin, end_ = groups[before[1]][0], groups[at[1] - 1][1]
        sizes = np.cumsum([0, *lengths[before[0] : at[0]]]) / sum(lengths[before[0] : at[0]])
        places = begin + sizes * (end_ - begin)
        spans[:0] = list(itertools.pairwise(places.tolist()))
        at = before
    return spans


def _weight(ipa: str) -> int:
    """How many sounds: a word that is joined to the next loses its stress."""
    return sum(sign not in f"{_MARKS}{_PAUSES} " for sign in ipa)


def word_times(
    texts: list[str], ipa: str, lasting: list[int], alone: dict[str, str]
) -> list[list[tuple[float, float]]]:
    """For each sentence of an utterance when each of its words begins and ends, in seconds.

    Args:
        texts: the sentences.
        ipa: their phonemes, as `Kokoro.speak` was given them.
        lasting: what it returned for them.
        alone: the phonemes of each word by itself (see `word_spans`).
    """
    borders_s = np.concatenate([[0], np.cumsum(lasting)]) * FRAME_S  # character i lasts from 1 + i to 2 + i
    positions = np.arange(len(borders_s) - 1)
    times, start = [], 0
    for text, part in zip(texts, re.split(r"(?<=[.?!]) ", ipa), strict=True):
        words = text.split()
        spans = word_spans(words, [alone[bare(word)] for word in words], part)
        places = np.interp(start + np.array(spans), positions, borders_s[1:])
        times.append([(float(begin), float(end)) for begin, end in places])
        start += len(part) + 1
    return times


def bare(word: str) -> str:
    """Without the signs around it."""
    return word.strip(".,!?")


def frames_of(ipa: str, lasting: list[int]) -> str:
    """A phoneme for each frame: stress belongs to what follows, a space to what went before, signs are pauses."""
    out = "." * lasting[0]
    for index, (sign, frames) in enumerate(zip(ipa, lasting[1:-1], strict=True)):
        if sign in _MARKS:
            sign = next((later for later in ipa[index + 1 :] if later not in _MARKS), ".")
        elif sign == " ":
            sign = out[-1]
        out += ("." if sign in _PAUSES else sign) * frames
    return out + "." * lasting[-1]
