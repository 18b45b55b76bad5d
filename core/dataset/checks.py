"""Dataset checks: which approved clips can be trained on, with the reason against each other one."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

import soundfile

from core.engines.light import TextCheck
from core.engines.session import Exclusion
from core.project.records import Clip
from core.text import clean_text

_WAV_HEADER_BYTES = 44
# Cutting rounds to whole samples and limits are inclusive, so a clip may miss a limit by this much.
_SLACK_S = 0.001

_TEXT_PROBLEMS = {
    "no_words": ("dataset.no_words", "The text “{written}” has no word in it."),
    "unknown_characters": ("dataset.unknown_characters", "The voice cannot speak {characters}."),
    "too_many_tokens": ("dataset.too_many_tokens", "The text has {tokens} tokens; at most {limit} fit."),
}


@dataclass(frozen=True)
class Limits:
    """Shortest and longest clip an engine takes, in seconds, and the rate it takes them at, in Hz."""

    min_s: float
    max_s: float
    clip_rate: int


def column(text: str) -> str:
    """The text as one metadata column: cleaned (`core.text`), without ``|``.

    Nothing else is changed: a model's tokenizer writes numbers and abbreviations out itself, and doing that twice
    corrupts them.
    """
    return clean_text(text.replace("|", " "))


def check(clip: Clip, audio: Path, limits: Limits, text_problem: TextCheck) -> Exclusion | None:
    """Why this clip cannot be trained on, or None. Looks at the file's size only, so that a page may call it.

    Args:
        clip: what is judged.
        audio: its file.
        limits: of the engine.
        text_problem: the engine's own verdict on texts, the one that its training goes by.
    """
    text = column(clip.text)
    if not text:
        return _drop(clip, "dataset.no_text", "The clip has no text.")
    if problem := text_problem(text):
        code, template = _TEXT_PROBLEMS[problem.kind]
        return _drop(clip, code, template, **problem.values)
    if too_long := _length_problem(clip, clip.seconds, limits):
        return too_long
    try:
        about = audio.stat()
        usable = stat.S_ISREG(about.st_mode) and about.st_size > _WAV_HEADER_BYTES
    except FileNotFoundError:
        return _drop(clip, "dataset.no_audio", "The audio file of the clip is missing.")
    except OSError:  # a link in a circle
        usable = False
    return None if usable else _drop(clip, "dataset.bad_audio", "The audio file of the clip cannot be read.")


def check_audio(clip: Clip, audio: Path, limits: Limits) -> Exclusion | None:
    """Why the file itself cannot be used (unreadable, wrong rate, channels or length), or None. Opens the file."""
    try:
        facts = soundfile.info(str(audio))
    except (RuntimeError, OSError):
        return _drop(clip, "dataset.bad_audio", "The audio file of the clip cannot be read.")
    if facts.samplerate != limits.clip_rate or facts.channels != 1 or facts.frames == 0:
        return _drop(
            clip,
            "dataset.wrong_audio",
            "The audio file has {rate} Hz and {channels} channel(s); {wanted} Hz mono is needed.",
            rate=facts.samplerate,
            channels=facts.channels,
            wanted=limits.clip_rate,
        )
    return _length_problem(clip, facts.frames / facts.samplerate, limits)


def _length_problem(clip: Clip, seconds: float, limits: Limits) -> Exclusion | None:
    if seconds < limits.min_s - _SLACK_S:
        return _drop(
            clip,
            "dataset.too_short",
            "The clip is {seconds} s long; at least {limit} s are needed.",
            seconds=round(seconds, 2),
            limit=round(limits.min_s, 2),
        )
    if seconds > limits.max_s + _SLACK_S:
        return _drop(
            clip,
            "dataset.too_long",
            "The clip is {seconds} s long; at most {limit} s can be learnt from.",
            seconds=round(seconds, 2),
            limit=round(limits.max_s, 2),
        )
    return None


def _drop(clip: Clip, code: str, text: str, **values: str | float) -> Exclusion:
    return Exclusion(clip.id, code, text.format(**values), dict(values))
