"""The recognizer contract: transcripts, words and decoding options. Light: imports no model library."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from core.errors import UserError
from core.project.records import Word

SAMPLE_RATE_HZ = 16_000
Samples = npt.NDArray[np.float32]

# Only as hot as it takes to leave a repetition: the libraries' own last resorts (up to 1.0) invent text.
TEMPERATURES = (0.0, 0.2, 0.4)
WINDOW_S = 30.0  # Whisper looks at thirty seconds at a time


@dataclass(frozen=True)
class Transcript:
    """What was heard in a clip.

    ``avg_logprob`` is the mean natural log probability of a token; ``confidence`` is its exponential, so the
    geometric mean probability of a token, 0 to 1. Nothing heard: empty text, confidence 0.
    ``compression_ratio`` above about 2.4 means the text repeats itself. ``words`` have times in seconds of the clip;
    none where they were not asked for.
    """

    text: str
    confidence: float
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    language: str
    words: tuple[Word, ...] = ()
    no_voice: bool = False  # whether the sound itself tells that nobody speaks


@dataclass(frozen=True)
class DecodeOptions:
    """How clips are to be heard.

    ``language`` is a code of the voice engine (``en``, ``zh-cn``), or empty to find it out, clip by clip. ``prompt`` is
    text that might come before, such as names to be spelled right. ``words``: whether the times of words are wanted.
    """

    language: str = ""
    prompt: str = ""
    words: bool = False


class Recognizer(Protocol):
    """A loaded model. ``at_once`` is how many threads may call `transcribe` at a time."""

    name: str
    english_only: bool
    device: str
    at_once: int

    def transcribe(self, clips: Sequence[Samples], options: DecodeOptions) -> list[Transcript]:
        """Hear several clips in one pass: float32 mono samples at 16 kHz, each of shape ``(samples,)``.

        A pass is fastest and its result independent of the other clips where all have the same
        `core.transcription.batches.window_s`. A single clip may be of any length.
        """
        ...

    def batch_size(self, window_s: float) -> int:
        """How many clips with windows of this length fit into the memory that is free now, at least 1."""
        ...


def no_speech(language: str, no_speech_prob: float = 1.0) -> Transcript:
    """What is heard where nobody speaks."""
    return Transcript("", 0.0, -math.inf, no_speech_prob, 0.0, language)


def confidence(avg_logprob: float) -> float:
    """Geometric mean probability of a token, 0 to 1."""
    return min(1.0, math.exp(avg_logprob))


def compression_ratio(text: str) -> float:
    """How far zlib shortens a text: above about 2.4 it repeats itself. Empty text: 0."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0


def join_segments(pieces: Sequence[Transcript], language: str) -> Transcript:
    """One `Transcript` of all segments of a long clip; probabilities weigh by letters, the worst repetition counts."""
    segments = [piece for piece in pieces if piece.text.strip()]
    text = " ".join("".join(piece.text for piece in segments).split())
    if not text:
        return no_speech(language)
    weights = np.array([len(piece.text) for piece in segments], dtype=float)
    weights /= weights.sum()
    logprob = float(weights @ [piece.avg_logprob for piece in segments])
    silence = float(weights @ [piece.no_speech_prob for piece in segments])
    words = tuple(word for piece in segments for word in piece.words)
    repeats = max(piece.compression_ratio for piece in segments)
    return Transcript(text, confidence(logprob), logprob, silence, repeats, language, words)


def whisper_code(language: str) -> str | None:
    """Whisper's code of a language: ``zh-cn`` is ``zh``; empty or ``auto`` is None."""
    return None if language in ("", "auto") else language.split("-")[0].lower()


def voice_code(language: str) -> str:
    """The voice engine's code of one of Whisper's languages."""
    return "zh-cn" if language == "zh" else language


def check_language(model: str, english_only: bool, language: str) -> None:
    """Refuse an English-only model for another language.

    Raises:
        UserError: ``asr.english_only``.
    """
    if english_only and whisper_code(language) not in ("en", None):
        raise UserError(
            "asr.english_only",
            "The model “{model}” understands English only, but the language is “{language}”.",
            "Choose “Fast”, “Balanced” or “Best”: they understand it, and “Fast” needs no download.",
            model=model,
            language=language,
        )
