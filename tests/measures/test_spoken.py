"""Starts and ends of spoken texts: what is cut, missing, repeated or added to real prompts is found, and little else.

What a recogniser hears is given here; `benchmarks/evaluation.py` proves the same with what one really hears.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from core.audio.samples import Samples, read
from core.audio.vad import speech_probability
from core.measures.endings import frame_levels
from core.measures.spoken import faults_of
from core.project.records import Word
from tests.audio.spoken import single_words
from tests.conftest import Prompts

RATE = 16_000
TEXT = "Please enter your phone number."


def heard(text: str, end_s: float) -> list[Word]:
    """Words as a recogniser gives them: the last one ends a little sooner than its sound."""
    words = text.split()
    last_s = end_s - 0.08
    starts = [max(0.0, last_s - 0.1 - 0.06 * len(words[-1]) - 0.3 * (len(words) - 1 - n)) for n in range(len(words))]
    return [Word(start_s, end, word) for start_s, end, word in zip(starts, [*starts[1:], last_s], words, strict=True)]


def end_of_sound(samples: Samples) -> int:
    levels = frame_levels(samples, RATE)
    return int(np.flatnonzero(levels > levels.max() - 35)[-1] + 1) * RATE // 100


def quiet(seconds: float) -> Samples:
    return np.random.default_rng(0).normal(0, 10 ** (-75 / 20), round(seconds * RATE)).astype(np.float32)


def with_a_word_more(samples: Samples, number: int) -> Samples:
    _, word = single_words()[number % len(single_words())]
    return np.concatenate([samples[: end_of_sound(samples) + 800], quiet(0.1 + 0.01 * (number % 20)), word, quiet(0.1)])


def broken_off(samples: Samples, number: int) -> Samples:
    piece = samples[: end_of_sound(samples) - round((0.06 + 0.005 * (number % 40)) * RATE)].copy()
    piece[-160:] *= np.linspace(1, 0, 160, dtype=np.float32)
    return np.concatenate([piece, quiet(0.2)])


def followed_by_silence(samples: Samples, number: int) -> Samples:
    return np.concatenate([samples, quiet(1.2 + 0.05 * number)])


SPOILT: dict[str, Callable[[Samples, int], Samples]] = {
    "last_cut": broken_off,
    "speech_after": with_a_word_more,
    "silence": followed_by_silence,
}
HARMLESS: tuple[Callable[[Samples], Samples], ...] = (
    lambda samples: samples,
    lambda samples: np.concatenate([quiet(0.3), samples, quiet(0.5)]),
    lambda samples: samples * np.float32(0.1),
)


def test_ends_that_are_cut_or_prolonged_are_found_and_whole_ones_are_left_alone(prompts: Prompts) -> None:
    hits = alarms = cases = whole = 0
    missed = []
    for number, (start_s, end_s, text) in enumerate(prompts.spoken[::2]):
        samples = read(prompts.recording, start_s, end_s, RATE)[0]
        words = heard(text, end_of_sound(samples) / RATE)
        for fault, spoil in SPOILT.items():
            result = faults_of(spoil(samples, number), RATE, text, words)
            cases, hits = cases + 1, hits + (fault in result.faults)
            missed += [] if fault in result.faults else [(fault, text)]
        for number_of, spare in enumerate(HARMLESS):
            shifted = [Word(w.start_s + 0.3, w.end_s + 0.3, w.text) for w in words] if number_of == 1 else words
            whole, alarms = whole + 1, alarms + bool(faults_of(spare(samples), RATE, text, shifted).faults)
    assert hits >= 0.95 * cases and alarms <= 0.05 * whole, (missed, alarms)


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("Please enter your phone number.", ""),
        ("please, enter your fone number", ""),
        ("Please enter your phone.", "last_cut"),
        ("Enter your phone number.", "first_missing"),
        ("Please enter your phone number. Okay.", "speech_after"),
        ("Please enter your your phone number.", "repeated"),
        ("Please enter please enter your phone number.", "repeated"),
    ],
)
def test_words_that_were_heard_tell_what_is_missing_or_too_many(prompts: Prompts, said: str, fault: str) -> None:
    samples = read(prompts.recording, *prompts.spoken[45][:2], RATE)[0]
    faults = faults_of(samples, RATE, TEXT, heard(said, end_of_sound(samples) / RATE)).faults
    assert faults == ((fault,) if fault else ())


def test_nothing_said_is_told_from_speech_and_speech_without_end_as_well(prompts: Prompts) -> None:
    hum = np.asarray(0.1 * np.sin(np.arange(RATE) * 0.1), np.float32)
    assert faults_of(np.zeros(RATE, np.float32), RATE, TEXT, []).faults == ("nothing",)
    assert faults_of(hum, RATE, TEXT, [], probability=speech_probability(hum)).faults == ("nothing",)
    samples = read(prompts.recording, 0.0, 60.0, RATE)[0]
    assert "endless" in faults_of(samples, RATE, TEXT, heard(TEXT, 2.0)).faults
