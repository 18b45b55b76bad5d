"""What a recognizer promises, and what it hears. Light: imports no model library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from core.errors import UserError

SAMPLE_RATE_HZ = 16_000
Samples = npt.NDArray[np.float32]

# Only as hot as it takes to leave a repetition: the libraries' own last resorts (up to 1.0) invent text.
TEMPERATURES = (0.0, 0.2, 0.4)
WINDOW_S = 30.0  # Whisper looks at thirty seconds at a time


@dataclass(frozen=True)
class Heard:
    """What was heard in a clip.

    ``avg_logprob`` is the mean natural log probability of a token; ``confidence`` is its exponential, so the
    geometric mean probability of a token, 0 to 1. Nothing heard: empty text, confidence 0.
    ``compression_ratio`` above about 2.4 means the text repeats itself.
    """

    text: str
    confidence: float
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    language: str


@dataclass(frozen=True)
class Piece:
    """One segment as Whisper gives it; ``tokens`` is how many it has."""

    text: str
    tokens: int
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float


class Recognizer(Protocol):
    """A loaded model. ``at_once`` is how many threads may call `transcribe` at a time."""

    english_only: bool
    device: str
    at_once: int

    def transcribe(self, samples: Samples, language: str, prompt: str = "") -> Heard:
        """Hear float32 mono samples at 16 kHz, shape ``(samples,)``.

        ``language`` is a code of the voice engine (``en``, ``zh-cn``), or empty to find it out. ``prompt`` is text
        that might come before, such as names to be spelled right.
        """
        ...


def join(pieces: Sequence[Piece], language: str) -> Heard:
    """One `Heard` of all pieces of a clip; probabilities weigh by tokens, the worst repetition counts."""
    text = " ".join("".join(piece.text for piece in pieces).split())
    total = sum(max(1, piece.tokens) for piece in pieces)
    if not text or not total:
        return Heard("", 0.0, -math.inf, 1.0, 0.0, language)
    logprob = sum(max(1, piece.tokens) * piece.avg_logprob for piece in pieces) / total
    silence = sum(max(1, piece.tokens) * piece.no_speech_prob for piece in pieces) / total
    repeats = max(piece.compression_ratio for piece in pieces)
    return Heard(text, min(1.0, math.exp(logprob)), logprob, silence, repeats, language)


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
            "Choose “balanced” or “best”, or a model whose name does not end in “.en”.",
            model=model,
            language=language,
        )
