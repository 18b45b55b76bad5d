"""Proofreading of spoken texts: what a recogniser hears in them, how far that is from the text, how they start and end.

The same for a sentence of a test set, a line that the Speak page has said, and any other sound with a text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from core.audio.samples import Samples, resample
from core.audio.vad import RATE_HZ, speech_probability
from core.errors import Cancelled
from core.measures.spoken import faults_of
from core.transcription.base import DecodeOptions, Recognizer, Transcript, no_speech
from core.transcription.batches import batches
from core.transcription.flags import is_silent
from core.transcription.wer import cer, wer

_SHORTEST_S = 0.1
_MISHEARD = 0.25  # a share of characters: the built-in recognisers mishear fewer of a clear sentence


@dataclass(frozen=True)
class Proof:
    """What was found in a spoken text.

    ``faults`` are those of its starts and ends (`core.measures.spoken.FAULTS`); ``heard`` is what the recogniser
    understood, ``cer`` and ``wer`` the shares of characters and words that differ from the text: None where none was
    asked. ``speech_s`` is how long it lasts from the first sound to the last.
    """

    faults: tuple[str, ...] = ()
    speech_s: float = 0.0
    heard: str | None = None
    cer: float | None = None
    wer: float | None = None

    @property
    def is_misheard(self) -> bool:
        """Whether other words were understood than were meant."""
        return self.cer is not None and self.cer > _MISHEARD

    @property
    def is_doubtful(self) -> bool:
        """Whether a person should listen to it."""
        return bool(self.faults) or self.is_misheard

    @property
    def badness(self) -> float:
        """Of several takes of one text the one with the least is the best: a fault counts as half the text misheard."""
        return 0.5 * len(self.faults) + (self.cer or 0.0)


def check(
    samples: Samples,
    rate: int,
    text: str,
    language: str,
    transcript: Transcript | None = None,
    read: Callable[[str], str] = str,
) -> Proof:
    """Check a spoken text. Pure, some 10 ms of processor time for each second of sound.

    Args:
        samples: float32 mono, shape ``(samples,)``; all that was spoken.
        rate: in Hz.
        text: what should be said; "" if nobody knows.
        language: of the text, as an engine calls it.
        transcript: what was heard (`transcribe`), with the times of its words. Without it only the sound tells: words
            that are missing, repeated or too many are not found.
        read: how the engine reads a text, so that numbers are written out alike in what is meant and heard.
    """
    sound = np.ascontiguousarray(samples if rate == RATE_HZ else resample(samples, rate, RATE_HZ))
    text = read(text) if text else ""
    match = _Comparison() if transcript is None else _Comparison.of(transcript, text, language, read)
    if is_empty(sound):
        return Proof(("nothing",), 0.0, match.text, match.cer, match.wer)
    words = None if transcript is None else transcript.words
    ends = faults_of(sound, RATE_HZ, text, words, language, speech_probability(sound))
    return Proof(ends.faults, ends.speech_s, match.text, match.cer, match.wer)


def transcribe(
    recognizer: Recognizer, sounds: Sequence[Samples], language: str, should_stop: Callable[[], bool] = lambda: False
) -> list[Transcript]:
    """What is heard in each sound, float32 mono at `RATE_HZ`, with the times of words; several in one pass.

    Raises:
        Cancelled: ``should_stop``, asked before each pass, said so.
    """
    transcripts = [no_speech(language)] * len(sounds)
    audible = [index for index, sound in enumerate(sounds) if not is_empty(sound)]
    for batch in batches([len(sounds[index]) / RATE_HZ for index in audible], recognizer.batch_size):
        if should_stop():
            raise Cancelled
        indices = [audible[place] for place in batch]
        clips = [np.ascontiguousarray(sounds[index]) for index in indices]
        for index, transcript in zip(
            indices, recognizer.transcribe(clips, DecodeOptions(language, words=True)), strict=True
        ):
            transcripts[index] = transcript
    return transcripts


def is_empty(sound: Samples) -> bool:
    """Whether there is nothing in a sound at `RATE_HZ` that could be heard."""
    return len(sound) < _SHORTEST_S * RATE_HZ or is_silent(sound)


@dataclass(frozen=True)
class _Comparison:
    text: str | None = None
    cer: float | None = None
    wer: float | None = None

    @classmethod
    def of(cls, transcript: Transcript, text: str, language: str, read: Callable[[str], str]) -> _Comparison:
        if not text:
            return cls(transcript.text)
        reading = read(transcript.text) if transcript.text else ""
        return cls(transcript.text, round(cer(text, reading, language), 4), round(wer(text, reading, language), 4))
