"""Text flags: why a transcript is worth a second look; hallucinations, and what does not fit its sound."""

from __future__ import annotations

import functools
import statistics
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import yaml

from core.project.records import MISMATCH, Clip
from core.transcription.base import SAMPLE_RATE_HZ
from core.transcription.retry import NO_SPEECH, REPEATS
from core.transcription.wer import normalize

TEXT_FLAGS = ("repetition", "silence", "phrase", "mismatch", "unsure", "too_fast", "too_slow")

_SILENT_DBFS = -55.0  # of the loudest 50 ms: nobody speaks as softly in a clip brought to a level
_STEADY_DB = 6.0  # between loud and quiet frames: speech goes up and down by far more, hum and hiss do not
_FRAME = SAMPLE_RATE_HZ // 20
_LEAST_LETTERS = 8  # fewer say nothing of the pace
_FAST, _SLOW = 1.9, 0.4  # times the median pace
_FASTEST, _SLOWEST = 30.0, 3.0  # letters a second; unspaced writing has fewer letters, hence the median's part in it
_LEAST_CLIPS = 8  # from here on the median counts
_LOOP_TIMES = 3

Samples = npt.NDArray[np.float32]


def is_silent(samples: Samples) -> bool:
    """Whether a clip (16 kHz) holds nothing but digital silence or noise far below speech."""
    levels = _levels_dbfs(samples)
    return not len(levels) or float(levels.max()) < _SILENT_DBFS


def is_steady(samples: Samples) -> bool:
    """Whether a clip (16 kHz) is as loud everywhere, as hum and hiss are and speech never is."""
    levels = _levels_dbfs(samples)
    if len(levels) < 10:
        return False
    low, high = np.percentile(levels, (10, 95))
    return float(high - low) < _STEADY_DB


def text_flags(clip: Clip, usual_letters_per_s: float | None = None, *, no_voice: bool = False) -> str:
    """Codes of what is doubtful about a clip's text, apart by spaces, in the order of `TEXT_FLAGS`.

    Args:
        usual_letters_per_s: the project's median, see `usual_pace`; None where there are too few clips to tell.
        no_voice: whether the sound itself tells that nobody speaks.
    """
    if not clip.text.strip():
        return "mismatch" if _differs(clip) else ""
    applies = {
        "repetition": (clip.compression_ratio or 0.0) > REPEATS or has_loop(clip.text),
        "silence": no_voice or "silence" in clip.text_flags.split() or (clip.no_speech_prob or 0.0) > NO_SPEECH,
        "phrase": is_known_phrase(clip.text, clip.language),
        "mismatch": _differs(clip),
        "unsure": clip.is_doubtful,
        **_pace(clip, usual_letters_per_s),
    }
    return " ".join(code for code in TEXT_FLAGS if applies[code])


def usual_pace(clips: Iterable[Clip]) -> float | None:
    """Median letters a second of clips with a sure text; None if there are fewer than eight."""
    paces = [clip.letters_per_s for clip in clips if len(clip.text) >= _LEAST_LETTERS and not clip.is_doubtful]
    return statistics.median(paces) if len(paces) >= _LEAST_CLIPS else None


def has_loop(text: str) -> bool:
    """Whether the same one to six words come three times in a row (a single short word five times)."""
    words = normalize(text, "").split()
    for length in range(1, 7):
        times = 5 if length == 1 else _LOOP_TIMES
        for at in range(len(words) - length * times + 1):
            part = words[at : at + length]
            if all(words[at + n * length : at + (n + 1) * length] == part for n in range(1, times)):
                return True
    return False


def is_known_phrase(text: str, language: str) -> bool:
    """Whether the whole text is one of the phrases Whisper learned from subtitles and says on silence."""
    plain = normalize(text, "")
    return any(plain == phrase or (phrase.endswith(" *") and plain.startswith(phrase[:-1])) for phrase in _phrases())


@functools.cache
def _phrases() -> frozenset[str]:
    """All languages together: on silence Whisper often answers in another one than was asked for."""
    lists = yaml.safe_load((Path(__file__).parent / "phrases.yaml").read_text(encoding="utf-8"))
    forms = set()
    for phrases in lists.values():
        for phrase in phrases:
            open_end = phrase.endswith("…")
            forms.add(normalize(phrase, "") + (" *" if open_end else ""))
    return frozenset(forms)


def _pace(clip: Clip, usual: float | None) -> dict[str, bool]:
    pace = clip.letters_per_s
    letters = sum(letter.isalnum() for letter in clip.text)
    if letters < _LEAST_LETTERS:
        return {"too_fast": False, "too_slow": False}
    fastest = min(_FASTEST, usual * _FAST) if usual else _FASTEST
    slowest = usual * _SLOW if usual else _SLOWEST
    return {"too_fast": pace > fastest, "too_slow": pace < slowest}


def _differs(clip: Clip) -> bool:
    return clip.mismatch is not None and clip.mismatch > MISMATCH


def _levels_dbfs(samples: Samples) -> npt.NDArray[np.float64]:
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME).astype(np.float64)
    return np.asarray(10 * np.log10(np.mean(frames**2, axis=1) + 1e-12))
