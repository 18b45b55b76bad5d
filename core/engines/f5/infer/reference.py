"""Reference of F5-TTS: what the model is shown of a speaker, a mel and exactly what is said in it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import soundfile
import torch
from torch import Tensor

from core.engines.f5.features.mel import HOP, RATE, mel_of, read_wave
from core.engines.f5.text.conversion import Conversion
from core.engines.f5.text.reading import in_words, readable, text_ids
from core.engines.f5.text.vocabulary import Vocabulary
from core.engines.speaking import short_reference, unreadable_reference
from core.engines.voice import ReferenceClip
from core.errors import UserError

MOST_REFERENCE_S, LEAST_REFERENCE_S = 12.0, 0.5
SLOWEST, QUICKEST = 1.5, 50.0  # letters a second of a reference; nobody speaks so, with its pauses or without
_LEAST_COMMON_RATE = 25  # of a sample rate with ours: resampling others would take any amount of memory
_TARGET_RMS = 0.1  # quieter references are lifted to it, and what is spoken lowered again


@dataclass(frozen=True)
class ReferenceMel:
    """What the model is shown of a speaker, on the CPU: a clip's mel (1 + frames, 100), and exactly what is said in it.

    ``text`` ends with the space that parts it from what will be said; ``gain`` is what the spoken is multiplied by.
    """

    mel: Tensor
    text: str
    gain: float

    @property
    def frames(self) -> int:
        """After so many frames begins what is spoken."""
        return len(self.mel) - 1

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.frames * HOP / RATE


def read_reference(clip: ReferenceClip, vocabulary: Vocabulary, conversion: Conversion) -> ReferenceMel:
    """Listen to a recording of a speaker; what is said in it has to be known, word by word.

    Raises:
        UserError: ``speak.reference_unreadable``, ``speak.reference_short``, ``speak.reference_long``,
            ``speak.reference_text``, ``speak.reference_pace``, ``speak.unknown_characters``.
    """
    text = in_words(clip.text, clip.language)
    if not any(character.isalnum() for character in text):
        raise UserError(
            "speak.reference_text",
            "It is not known what is said in the reference recording {name}.",
            "Choose a clip whose text is right word by word: the voice goes on from it.",
            name=clip.path.name,
        )
    try:
        about = soundfile.info(clip.path)
        seconds = about.frames / about.samplerate  # before it is read: a small file may claim hours
        if math.gcd(about.samplerate, RATE) < _LEAST_COMMON_RATE:
            raise unreadable_reference(clip.path.name)
        wave = read_wave(clip.path) if seconds <= MOST_REFERENCE_S else torch.zeros(0)
    except (OSError, soundfile.LibsndfileError) as error:
        raise unreadable_reference(clip.path.name) from error
    if seconds < LEAST_REFERENCE_S:
        raise short_reference(clip.path.name)
    if seconds > MOST_REFERENCE_S:
        raise UserError(
            "speak.reference_long",
            "The reference recording {name} is {seconds} s long; at most {limit} s can be used.",
            "Choose a shorter clip. It is not cut off by itself: its text would no longer be what is said in it.",
            name=clip.path.name,
            seconds=round(seconds, 1),
            limit=round(MOST_REFERENCE_S),
        )
    pace = len(text) / seconds
    if not SLOWEST <= pace <= QUICKEST:
        raise UserError(
            "speak.reference_pace",
            "{letters} letters cannot be all that is said in the {seconds} s of the reference recording {name}.",
            "Choose a clip whose text is right word by word: it says how long everything else will take.",
            letters=len(text),
            seconds=round(seconds, 1),
            name=clip.path.name,
        )
    rms = float(wave.square().mean().sqrt())
    is_quiet = 0 < rms < _TARGET_RMS
    mel = mel_of(wave * (_TARGET_RMS / rms) if is_quiet else wave)
    text = _with_space(readable(text, vocabulary, conversion))
    text_ids(text, vocabulary, conversion)  # in the click, not at the first sentence
    return ReferenceMel(mel, text, rms / _TARGET_RMS if is_quiet else 1.0)


def _with_space(text: str) -> str:
    """A reference's text as the package has it: a sentence, and a space before what follows."""
    if text[-1] not in ".!?…。！？,;:":
        text += "."
    return f"{text} " if text[-1].isascii() else text
