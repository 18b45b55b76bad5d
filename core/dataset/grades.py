"""Grades of a dataset: a light each for amount, texts, sound and coverage, with the numbers of its sentence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.dataset.coverage import Coverage
from core.measures.registry import MEASURES
from core.project.records import LOW_CONFIDENCE, Clip

_ENOUGH_S = (10 * 60.0, 30 * 60.0)  # below the first a voice is hardly learnt, from the second on it is learnt well
_SHORT_S, _LONG_S = 4.0, 8.0
_CLOSING = "\"'”’»)]}」』）】› "
ENDS = {"question": "?？؟", "exclamation": "!！", "statement": ".。।", "open": "…,;:،；：–—-"}
_BAD = {measure.column: measure.bad for measure in MEASURES}
_LEAST_LETTERS = 15  # a shorter text has no speaking rate to speak of
_HURRIED = 1.5  # times the usual rate, or that part of it
_FEW = 20  # clips: of fewer, shares mean little


@dataclass(frozen=True)
class Grade:
    """A traffic light of the report card: ``level`` is good, fair or poor, ``key`` and ``values`` make its sentence."""

    key: str
    level: str
    values: dict[str, float]


def grades(clips: Sequence[Clip], present: Coverage | None = None) -> tuple[Grade, ...]:
    """The lights over clips that will be used; what was not measured has none."""
    if not clips:
        return ()
    return (*_of_amount(clips), *_of_texts(clips, present), *_of_sound(clips))


def ending(text: str) -> str:
    """How a text ends: ``question``, ``exclamation``, ``statement``, ``open`` (a comma, a dash …) or ``none``."""
    mark = text.rstrip(_CLOSING)[-1:]
    return next((name for name, marks in ENDS.items() if mark and mark in marks), "none")


def opening(text: str) -> str:
    """The first word of a text, as it is compared."""
    match = re.search(r"\w[\w'’]*", text)
    return match[0].casefold() if match else ""


def loudness(clip: Clip) -> float | None:
    """How loud a clip is when it is learnt from, in LUFS."""
    return None if clip.loudness_lufs is None else clip.loudness_lufs + (clip.gain_db or 0.0)


def letters_per_s(clips: Sequence[Clip]) -> list[float]:
    """Speaking rates of the clips that are long enough to have one, in letters a second."""
    return [clip.letters_per_s for clip in clips if len(clip.text) >= _LEAST_LETTERS and clip.seconds > 0]


def _of_amount(clips: Sequence[Clip]) -> list[Grade]:
    count, seconds = len(clips), sum(clip.seconds for clip in clips)
    short = sum(clip.seconds < _SHORT_S for clip in clips)
    long = sum(clip.seconds > _LONG_S for clip in clips)
    return [
        Grade("amount", _level(seconds, *_ENOUGH_S), {"minutes": seconds / 60, "wanted": _ENOUGH_S[1] / 60}),
        # A model that never saw short clips learns one tempo of ending a sentence.
        Grade("mix", _level(min(short, long) / count, 0.02, 0.1), {"short": short, "long": long, "count": count}),
    ]


def _of_texts(clips: Sequence[Clip], present: Coverage | None) -> list[Grade]:
    count = len(clips)
    # What a person typed, or brought along, is as sure as that person.
    transcripts = [
        clip for clip in clips if clip.confidence is not None and not clip.given and clip.text == clip.raw_text
    ]
    unsure = sum(clip.confidence < LOW_CONFIDENCE for clip in transcripts if clip.confidence is not None)
    ends = Counter(ending(clip.text) for clip in clips)
    open_ends = ends["none"] + ends["open"]
    questions = ends["question"]
    numbers = sum(bool(re.search(r"\d", clip.text)) for clip in clips)
    result = []
    if transcripts:
        level = _level(-unsure / len(transcripts), -0.15, -0.03)
        result.append(Grade("sure", level, {"unsure": unsure, "count": len(transcripts)}))
    result.append(Grade("endings", _level(-open_ends / count, -0.5, -0.1), {"unended": open_ends, "count": count}))
    result.append(Grade("questions", _level(questions / count, 0.01, 0.04), {"questions": questions, "count": count}))
    result.append(Grade("numbers", _level(numbers, 1, 5), {"numbers": numbers, "count": count}))
    if count >= _FEW:
        word, same = Counter(opening(clip.text) for clip in clips).most_common(1)[0]
        result.append(Grade("openings", _level(-same / count, -0.4, -0.2), {"same": same, "count": count}))
    if present:
        result.append(_coverage(present))
    return result


def _coverage(present: Coverage) -> Grade:
    values = {"percent": 100 * present.share, "rare": len(present.rare_pairs), "count": len(present.pairs)}
    return Grade("coverage", _level(present.share, 0.85, 0.97), values)


def _of_sound(clips: Sequence[Clip]) -> list[Grade]:
    result = []
    snr = [clip.snr_db for clip in clips if clip.snr_db is not None]
    if snr:
        noisy = sum(value < _BAD["snr_db"] for value in snr)
        level = _level(-noisy / len(snr), -0.2, -0.05)
        values = {"noisy": noisy, "count": len(snr), "db": float(np.median(snr))}
        result.append(Grade("noise", level, values))
    louds = [lufs for clip in clips if (lufs := loudness(clip)) is not None]
    if len(louds) > 1:
        spread = float(np.subtract(*np.percentile(louds, (90, 10))))
        result.append(Grade("loudness", _level(-spread, -6.0, -3.0), {"spread": spread}))
    widths = [clip.bandwidth_hz for clip in clips if clip.bandwidth_hz is not None]
    if widths:
        narrow = sum(value < _BAD["bandwidth_hz"] for value in widths)
        level = _level(-narrow / len(widths), -0.1, -0.02)
        result.append(Grade("bandwidth", level, {"narrow": narrow, "count": len(widths)}))
    rates = letters_per_s(clips)
    if len(rates) > 1:
        usual = float(np.median(rates))
        odd = sum(not usual / _HURRIED <= rate <= usual * _HURRIED for rate in rates)
        result.append(Grade("rate", _level(-odd / len(rates), -0.1, -0.03), {"odd": odd, "count": len(rates)}))
    return result


def _level(value: float, fair: float, good: float) -> str:
    return "good" if value >= good else "fair" if value >= fair else "poor"
