"""Temperature fallback: when a reading is doubted, and what is tried next: both engines settle clips by it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.project.records import Word
from core.transcription.base import Transcript, confidence, no_speech

REPEATS = 2.4  # compression ratio above which a text goes round in circles
UNLIKELY = -1.0  # mean log probability of a token below which a text is a guess
NO_SPEECH = 0.6  # together with an unlikely text: nobody speaks
# Only as hot as it takes to leave a repetition: the libraries' own last resorts (up to 1.0) invent text.
TEMPERATURES = (0.2, 0.4)
_SAME_TOKENS = 4  # said again at once: in a short window the decoder may miss the end and start anew
BEST_OF = 5  # samples drawn at a temperature, of which the likeliest is taken


@dataclass(frozen=True)
class Reading:
    """What the decoder made of a clip: ``tokens`` without marks, and how likely they are."""

    tokens: tuple[int, ...]
    text: str
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float

    @property
    def silent(self) -> bool:
        """Whether it is taken for silence."""
        return not self.text or (self.no_speech_prob > NO_SPEECH and self.avg_logprob < UNLIKELY)

    @property
    def starts_anew(self) -> bool:
        """Whether it says something twice in a row, which people do too, but rarely word for word."""
        tokens, half = self.tokens, len(self.tokens) // 2
        return any(
            tokens[at : at + length] == tokens[at + length : at + 2 * length]
            for length in range(_SAME_TOKENS, half + 1)
            for at in range(len(tokens) - 2 * length + 1)
        )

    @property
    def needs_retry(self) -> bool:
        """Whether another attempt is worth its time."""
        return not self.silent and (self.compression_ratio > REPEATS or self.avg_logprob < UNLIKELY)


# Clips by their index, the temperature, and whether the encoder is to see the whole thirty seconds.
Decode = Callable[[Sequence[int], float, bool], list[Reading]]


def settle(count: int, decode: Decode, *, full_window: bool = False) -> list[Reading]:
    """Read all clips; those that fail or start anew once more with the whole window, then ever hotter.

    Args:
        full_window: whether the first attempt sees the whole window already.

    Returns:
        For each clip the first reading that did not fail, else the likeliest that does not repeat itself.
    """
    attempts_of: list[list[Reading]] = [[] for _ in range(count)]
    remaining = list(range(count))
    attempts = [(0.0, full_window), *([] if full_window else [(0.0, True)]), *((heat, True) for heat in TEMPERATURES)]
    for temperature, all_of_it in attempts:
        if not remaining:
            break
        for index, reading in zip(remaining, decode(remaining, temperature, all_of_it), strict=True):
            attempts_of[index].append(reading)
        doubtful = [index for index in remaining if not all_of_it and attempts_of[index][-1].starts_anew]
        remaining = [index for index in remaining if attempts_of[index][-1].needs_retry or index in doubtful]
    return [_best(readings) for readings in attempts_of]


def _best(readings: list[Reading]) -> Reading:
    if not readings[-1].needs_retry:
        return readings[-1]
    calm = [reading for reading in readings if reading.compression_ratio <= REPEATS]
    return max(calm or readings, key=lambda reading: reading.avg_logprob)


def transcript_of(reading: Reading, language: str, words: tuple[Word, ...] = ()) -> Transcript:
    """What was heard by a settled reading; nothing where it is taken for silence."""
    if reading.silent:
        return no_speech(language, reading.no_speech_prob)
    text = " ".join(reading.text.split())
    logprob, silence, repeats = reading.avg_logprob, reading.no_speech_prob, reading.compression_ratio
    return Transcript(text, confidence(logprob), logprob, silence, repeats, language, words)
