"""Which approved clips can be trained on: each reason against one is named."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import soundfile

from core.engines.base import Dropped
from core.records import Clip
from core.text import clean

CLIP_RATE_HZ = 22_050
_WAV_HEADER_BYTES = 44
# Cutting rounds to whole samples and limits are inclusive, so a clip may miss a limit by this much.
_SLACK_S = 0.001


@dataclass(frozen=True)
class Limits:
    """Shortest and longest clip an engine takes, in seconds."""

    min_s: float
    max_s: float


def column(text: str) -> str:
    """The text as one metadata column: cleaned (`core.text`), without ``|``.

    Nothing else is changed: a model's tokenizer writes numbers and abbreviations out itself, and doing that twice
    corrupts them.
    """
    return clean(text.replace("|", " "))


def check(clip: Clip, audio: Path, limits: Limits) -> Dropped | None:
    """Why this clip cannot be trained on, or None. Looks at the file's size only, so that a page may call it."""
    text = column(clip.text)
    if not text:
        return _drop(clip, "dataset.no_text", "The clip has no text.")
    if not any(letter.isalnum() for letter in text):
        return _drop(clip, "dataset.no_words", "The text “{written}” has no word in it.", written=text)
    if clip.seconds < limits.min_s - _SLACK_S:
        return _drop(
            clip,
            "dataset.too_short",
            "The clip is {seconds} s long; at least {limit} s are needed.",
            seconds=round(clip.seconds, 2),
            limit=round(limits.min_s, 2),
        )
    if clip.seconds > limits.max_s + _SLACK_S:
        return _drop(
            clip,
            "dataset.too_long",
            "The clip is {seconds} s long; at most {limit} s can be learnt from.",
            seconds=round(clip.seconds, 2),
            limit=round(limits.max_s, 2),
        )
    try:
        empty = audio.stat().st_size <= _WAV_HEADER_BYTES
    except FileNotFoundError:
        return _drop(clip, "dataset.no_audio", "The audio file of the clip is missing.")
    return _drop(clip, "dataset.bad_audio", "The audio file of the clip cannot be read.") if empty else None


def check_audio(clip: Clip, audio: Path) -> Dropped | None:
    """Why the file itself cannot be used (unreadable, wrong rate or channels), or None. Opens the file."""
    try:
        facts = soundfile.info(str(audio))
    except (RuntimeError, OSError):
        return _drop(clip, "dataset.bad_audio", "The audio file of the clip cannot be read.")
    if facts.samplerate != CLIP_RATE_HZ or facts.channels != 1 or facts.frames == 0:
        return _drop(
            clip,
            "dataset.wrong_audio",
            "The audio file has {rate} Hz and {channels} channel(s); {wanted} Hz mono is needed.",
            rate=facts.samplerate,
            channels=facts.channels,
            wanted=CLIP_RATE_HZ,
        )
    return None


def _drop(clip: Clip, code: str, text: str, **values: str | float) -> Dropped:
    return Dropped(clip.id, code, text.format(**values), dict(values))
