"""What makes a transcript worth a second look."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.audio.samples import read
from core.project.records import Clip
from core.transcription.flags import has_loop, is_known_phrase, is_silent, is_steady, text_flags, usual_pace
from tests.conftest import Prompts

TEXT = "You are about to enter an echo test."
GOOD = Clip(
    "c", "s", 0.0, 2.4, text=TEXT, raw_text=TEXT, language="en", confidence=0.9, no_speech_prob=0.01,
    compression_ratio=0.9,
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "flags"),
    [
        ({}, ""),
        ({"compression_ratio": 2.5}, "repetition"),
        ({"text": "the pound key the pound key the pound key"}, "repetition"),
        ({"no_speech_prob": 0.7}, "silence"),
        ({"text_flags": "silence"}, "silence"),  # decided on the sound when it was heard
        ({"text": "Thanks for watching!"}, "phrase"),
        ({"mismatch": 0.16}, "mismatch"),
        ({"mismatch": 0.15}, ""),
        ({"confidence": 0.59}, "unsure"),
        ({"end_s": 0.7}, "too_fast"),
        ({"end_s": 14.0}, "too_slow"),
        ({"confidence": 0.3, "mismatch": 0.5}, "mismatch unsure"),
        ({"text": "", "no_speech_prob": 1.0, "confidence": 0.0}, ""),
    ],
)
def test_each_reason_has_its_flag(changes: dict[str, object], flags: str) -> None:
    assert text_flags(replace(GOOD, **changes)) == flags  # type: ignore[arg-type]


def test_a_sound_without_a_voice_makes_any_text_doubtful() -> None:
    assert text_flags(GOOD, no_voice=True) == "silence"


def test_the_pace_is_judged_by_the_projects_own() -> None:
    pace = usual_pace([replace(GOOD, id=str(number)) for number in range(8)])
    assert pace == pytest.approx(GOOD.letters_per_s)
    assert text_flags(replace(GOOD, end_s=1.2), pace) == "too_fast"
    assert text_flags(replace(GOOD, end_s=6.5), pace) == "too_slow"
    assert text_flags(replace(GOOD, end_s=1.5), pace) == text_flags(replace(GOOD, end_s=4.0), pace) == ""
    assert usual_pace([GOOD] * 7) is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Thank you for watching.", "en"),
        ("Legendas pela comunidade Amara.org", "pt"),
        ("Субтитры сделал DimaTorzok", "ru"),
        ("ご視聴ありがとうございました。", "ja"),
        ("Untertitel von Stephanie Geiges", "de"),
        ("Sous-titres réalisés par la communauté d'Amara.org", "en"),  # whatever language was asked for
        ("시청해주셔서 감사합니다.", "ko"),
    ],
)
def test_made_up_phrases_are_known_in_many_languages(text: str, language: str) -> None:
    assert is_known_phrase(text, language)
    assert not is_known_phrase(f"I said {text} to the others", language)


def test_loops_are_seen_and_ordinary_repetition_is_not() -> None:
    assert has_loop("you you you you you")
    assert has_loop("I will try. I will try. I will try.")
    assert not has_loop("no no no, to be or not to be, that is that")
    assert not has_loop("")


def test_the_level_tells_silence_and_hum_from_speech(prompts: Prompts) -> None:
    speech, _ = read(prompts.recording, *prompts.spoken[1][:2], 16_000)
    noise = np.random.default_rng(0).normal(0, 0.05, 48_000).astype(np.float32)
    assert is_silent(np.zeros(16_000, np.float32)) and is_silent(noise * 0.01)
    assert not is_silent(speech) and not is_silent(noise)
    assert is_steady(noise) and not is_steady(speech)
