"""Faults at the starts and ends of spoken texts: words cut, missing, repeated or added, and silence too long. Pure.

Three witnesses are asked: the words that a recogniser heard, with their times, against the text; how loud the sound is;
and how probable speech is in it. A recogniser's language model completes a word that breaks off, and levels cannot
tell a word too many from the last one: only together do they find both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from core.audio.samples import Samples
from core.audio.silence import runs
from core.audio.vad import CHUNK_S
from core.measures.endings import FRAME_S, cut_words_of, frame_levels, percentile
from core.project.records import Word
from core.transcription.wer import normalize

Fault = Literal["nothing", "first_missing", "start_cut", "last_cut", "speech_after", "silence", "repeated", "endless"]
FAULTS: tuple[Fault, ...] = get_args(Fault)

_SPEECH = 0.5  # probability
_LEAST_SPEECH_S = 0.1  # less of it in a whole sound is nothing said
_SILENT_DBFS = -60.0
_BELOW_SPEECH_DB = 28.0  # of what is loud enough to be a sound of the speaker
_ROOM_DB = 6.0  # above the quietest frames: below it is the room
_TIMES_ARE_OFF_S = 0.1  # a recogniser's words end sooner than their sound
_LATEST_END_S = 0.36  # in one of 184 prompts, noisy or not, a word ended so long after its recognised time
_LEAST_AFTER_S = 0.12  # a click or a breath is shorter, or softer
_CLIFF_DB, _CLIFF_FRAMES = 33.0, 2  # natural ends fall by less within 20 ms
_SILENCE_S = 1.0  # before or after; a pause within may be half as long again
_WORD_S, _LETTER_S = 0.9, 0.12  # no last word takes longer than the first and half the second a letter
_ENDLESS_S = 4.0
_LETTERS_LOOKED_AT = 40  # at an end of the text
_ALIKE_PERCENT = 85.0


@dataclass(frozen=True)
class SpokenFaults:
    """What is wrong with a spoken text; ``speech_s`` is how long it lasts from the first sound to the last."""

    faults: tuple[Fault, ...]
    speech_s: float = 0.0


def faults_of(
    samples: Samples,
    rate: int,
    text: str = "",
    words: Sequence[Word] | None = None,
    language: str = "en",
    probability: npt.NDArray[np.floating] | None = None,
) -> SpokenFaults:
    """What is wrong with the starts and ends of a spoken text.

    Args:
        samples: float32 mono, shape ``(samples,)``; all that was spoken.
        rate: in Hz.
        text: what should be said; "" if nobody knows.
        words: what a recogniser heard, in seconds of the sound; None: it was not asked.
        language: of the text.
        probability: of speech in each `CHUNK_S`, from `core.audio.vad.speech_probability`; None: unknown.
    """
    levels = frame_levels(samples, rate)
    sound = _Sound.of(levels, probability)
    if sound is None or (words is not None and not words and sound.speech_s < _LEAST_SPEECH_S):
        return SpokenFaults(("nothing",))
    faults: set[Fault] = set()
    match = _Match.of(text, words, language) if text and words else None
    cut = cut_words_of(samples, rate)
    if cut.start:
        faults.add("start_cut")
    if cut.end or sound.ends_at_a_cliff():
        faults.add("last_cut")
    if match is not None:
        faults |= _faults_of_words(match, sound)
    if sound.longest_quiet_s > _SILENCE_S:
        faults.add("silence")
    letters = sum(map(str.isalnum, text))
    if letters and sound.seconds > _ENDLESS_S + 2 * letters * _LETTER_S:
        faults.add("endless")
    return SpokenFaults(tuple(fault for fault in FAULTS if fault in faults), sound.seconds)


def _faults_of_words(match: _Match, sound: _Sound) -> set[Fault]:
    faults: set[Fault] = set()
    if match.first_missing:
        faults.add("first_missing")
    if match.last_missing:
        faults.add("last_cut")
    if match.repeated:
        faults.add("repeated")
    if match.extra or (match.last is not None and sound.goes_on_after(match.last)):
        faults.add("speech_after")
    return faults


@dataclass(frozen=True)
class _Match:
    """How what was heard lies on the text: letters of it missing at either end, words too many after it, repetitions.

    ``last`` is the word with which the text ends; None where its end was not heard.
    """

    first_missing: bool
    last_missing: bool
    repeated: bool
    extra: tuple[Word, ...]
    last: Word | None

    @classmethod
    def of(cls, text: str, words: Sequence[Word], language: str) -> _Match:
        """Letters alone are compared: how a recogniser divides them into words differs."""
        target = normalize(text, language)
        first, last = (target.split(" ")[index] for index in (0, -1))
        letters = target.replace(" ", "")
        pieces = [(word, normalize(word.text, language).replace(" ", "")) for word in words]
        pieces = [(word, piece) for word, piece in pieces if piece]
        if not letters or not pieces:
            return cls(bool(letters), bool(letters), False, (), None)
        single = _without_repetition(letters, [piece for _, piece in pieces])
        single_pieces = [pieces[index] for index in single]
        until = _best_prefix(letters, [piece for _, piece in single_pieces])
        hypothesis = "".join(piece for _, piece in single_pieces[:until])
        missing_letters = len(letters) - _best_cut(letters[::-1], hypothesis[::-1])
        cut = _best_cut(letters, hypothesis)
        return cls(
            first_missing=missing_letters >= _most_missing(first),
            last_missing=len(letters) - cut >= _most_missing(last),
            repeated=len(single_pieces) < len(pieces),
            extra=tuple(word for word, _ in single_pieces[until:]),
            last=single_pieces[until - 1][0],
        )


def _best_prefix(letters: str, words: Sequence[str]) -> int:
    """How many of the words that were heard come nearest to the text; the rest was said after it."""
    so_far, costs = "", []
    for word in words:
        so_far += word
        costs.append(Levenshtein.distance(letters, so_far))
    return int(np.argmin(costs)) + 1


def _best_cut(letters: str, hypothesis: str) -> int:
    """How many letters from the start on come nearest to what was said; the rest is missing."""
    shortest = max(0, min(len(letters), len(hypothesis)) - _LETTERS_LOOKED_AT)
    costs = [Levenshtein.distance(letters[:count], hypothesis) for count in range(shortest, len(letters) + 1)]
    least = min(costs)
    return shortest + max(place for place, cost in enumerate(costs) if cost == least)


def _most_missing(word: str) -> int:
    """From how many missing letters on a word is not there: of a misheard one fewer are."""
    return max(2, -(-len(word) * 2 // 3)) if len(word) > 1 else 1


def _without_repetition(letters: str, words: Sequence[str]) -> list[int]:
    """Which words are left without what is said twice in a row where the text has it once: the second time counts."""
    cost = Levenshtein.distance(letters, "".join(words))
    for length in range(1, len(words) // 2 + 1):
        for first in range(len(words) - 2 * length + 1):
            first_copy, second_copy = ("".join(words[first + at : first + at + length]) for at in (0, length))
            if len(first_copy) < 2 or fuzz.ratio(first_copy, second_copy) < _ALIKE_PERCENT:
                continue
            rest = [*range(first), *range(first + length, len(words))]
            if Levenshtein.distance(letters, "".join(words[index] for index in rest)) <= cost - 0.6 * len(first_copy):
                return rest
    return list(range(len(words)))


@dataclass(frozen=True)
class _Sound:
    """How loud a sound is along its time, where it is the speaker's, and how probable speech is in each frame."""

    levels: npt.NDArray[np.floating]
    loud: npt.NDArray[np.bool_]
    probability: npt.NDArray[np.floating] | None

    @classmethod
    def of(cls, levels: npt.NDArray[np.floating], probability: npt.NDArray[np.floating] | None) -> _Sound | None:
        """None where nothing rises out of the room."""
        if not len(levels):
            return None
        loudest = percentile(levels, 90)
        threshold = max(percentile(levels, 5) + _ROOM_DB, loudest - _BELOW_SPEECH_DB)
        loud = np.asarray(levels > threshold)
        if not loud.any() or float(levels.max()) < _SILENT_DBFS:
            return None
        if probability is not None:
            chunks = np.minimum((np.arange(len(levels)) * FRAME_S / CHUNK_S).astype(np.intp), len(probability) - 1)
            probability = probability[chunks]
        return cls(levels, loud, probability)

    @property
    def start_s(self) -> float:
        """Where the first sound begins."""
        return float(np.flatnonzero(self.loud)[0]) * FRAME_S

    @property
    def end_s(self) -> float:
        """Where the last sound ends."""
        return float(np.flatnonzero(self.loud)[-1] + 1) * FRAME_S

    @property
    def seconds(self) -> float:
        """From the first sound to the last."""
        return self.end_s - self.start_s

    def goes_on_after(self, word: Word) -> bool:
        """Whether there is more sound after the last word than can belong to it."""
        letters = sum(map(str.isalnum, word.text))
        if self.end_s - word.start_s > _WORD_S + _LETTER_S / 2 * letters or self.end_s - word.end_s > _LATEST_END_S:
            return True
        first = round((word.end_s + _TIMES_ARE_OFF_S) / FRAME_S)
        rest = self.loud[first:]
        starts, ends = runs(rest)
        after_gap = starts > 0
        return bool(((ends - starts)[after_gap] * FRAME_S).sum() > _LEAST_AFTER_S)

    @property
    def speech_s(self) -> float:
        """How much of it is speech, as far as that is known."""
        if self.probability is None:
            return self.end_s - self.start_s
        return float((self.probability >= _SPEECH).sum()) * FRAME_S

    @property
    def longest_quiet_s(self) -> float:
        """The longest quiet before or after the speech, or two thirds of the longest within."""
        starts, ends = runs(~self.loud)
        lengths = (ends - starts) * FRAME_S
        outside = (starts == 0) | (ends == len(self.loud))
        return float(np.where(outside, lengths, lengths / 1.5).max(initial=0.0))

    def ends_at_a_cliff(self) -> bool:
        """Whether the last sound stops from one moment to the next, and silence follows."""
        last = int(np.flatnonzero(self.loud)[-1])
        following = self.levels[last + 1 : last + 1 + _CLIFF_FRAMES + 1]
        if len(following) <= _CLIFF_FRAMES:
            return False
        return bool(self.levels[last - 1 : last + 1].max() - following[_CLIFF_FRAMES - 1] > _CLIFF_DB)
