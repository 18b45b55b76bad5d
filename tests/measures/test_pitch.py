"""Pitch: tones have theirs, a voice moves, noise has none."""

from __future__ import annotations

import numpy as np
import pytest

from core.audio.samples import read, resample
from core.measures.pitch import pitch, voiced_hz
from tests.conftest import Prompts

RATE = 16_000


@pytest.mark.parametrize("hertz", [80.0, 140.0, 330.0])
def test_a_buzz_has_its_pitch_and_no_octave_of_it(hertz: float) -> None:
    at = np.arange(RATE) / RATE
    buzz = sum(np.sin(2 * np.pi * hertz * n * at) / n for n in range(1, 8)) * 0.2
    result = pitch(np.asarray(buzz, np.float32), RATE)
    assert result is not None
    assert result.median_hz == pytest.approx(hertz, rel=0.02) and result.spread_semitones < 0.5


def test_a_voice_played_faster_is_higher_and_moves_as_much(prompts: Prompts) -> None:
    samples = read(prompts.recording, *prompts.spoken[1][:2], RATE)[0]
    first, second = pitch(samples, RATE), pitch(resample(samples, RATE, 12_800), RATE)
    assert first is not None and second is not None
    assert second.median_hz == pytest.approx(1.25 * first.median_hz, rel=0.04)
    assert 2 < first.spread_semitones < 12


def test_noise_and_silence_have_none() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    assert len(voiced_hz(noise, RATE)) < 10 and pitch(np.zeros(RATE, np.float32), RATE) is None
    assert pitch(noise[:100], RATE) is None
