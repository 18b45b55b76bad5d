"""Measures of sound against signals of known value."""

from __future__ import annotations

import numpy as np
import pytest

from core.audio.samples import Samples, read, resample
from core.measures.sound import HIGHEST_SNR_DB, bandwidth_hz, snr_db
from tests.audio.sounds import silence, tone
from tests.conftest import Prompts

RATE = 16_000


@pytest.fixture(scope="module")
def spoken(prompts: Prompts) -> list[tuple[Samples, Samples]]:
    """Twelve prompts: each alone, and with the pause around it."""
    some = prompts.spoken[2:46:4]
    return [
        (read(prompts.recording, start, end)[0], read(prompts.recording, start - 0.2, end + 0.2)[0])
        for start, end, _ in some
    ]


@pytest.mark.parametrize("colour", ["white", "pink"])
@pytest.mark.parametrize("known_db", [5, 10, 20, 30])
def test_noise_mixed_into_speech_is_measured_within_three_decibels(
    spoken: list[tuple[Samples, Samples]], known_db: int, colour: str
) -> None:
    chance = np.random.default_rng(7)
    for speech, around in spoken:
        noise = chance.standard_normal(len(around))
        if colour == "pink":
            spectrum = np.fft.rfft(noise)
            noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 20)), len(around))
        wanted = np.mean(np.square(speech, dtype=np.float64)) / 10 ** (known_db / 10)
        mixed = (around + noise * np.sqrt(wanted / np.mean(noise**2))).astype(np.float32)
        assert snr_db(mixed, RATE) == pytest.approx(known_db, abs=3)


def test_speech_over_digital_silence_has_the_highest_ratio(spoken: list[tuple[Samples, Samples]]) -> None:
    assert np.median([snr_db(around, RATE) for _, around in spoken]) == HIGHEST_SNR_DB


def test_what_is_no_speech_has_none() -> None:
    noise = np.random.default_rng(1).standard_normal(RATE).astype(np.float32)
    assert snr_db(noise * np.float32(0.1), RATE) == 0
    assert snr_db(silence(1), RATE) == 0
    assert snr_db(silence(0), RATE) == 0


@pytest.mark.parametrize("quieter", [1.0, 0.03])
@pytest.mark.parametrize("known_hz", [4_000, 8_000])
def test_speech_of_a_low_rate_is_recognised_in_a_file_of_a_high_one(
    spoken: list[tuple[Samples, Samples]], known_hz: int, quieter: float
) -> None:
    for speech, _ in spoken:
        low = resample(speech, RATE, 2 * known_hz) if known_hz < RATE / 2 else speech
        high = resample(low * np.float32(quieter), 2 * known_hz, 44_100)
        rounded = np.round(high * 32767).astype(np.float32) / np.float32(32767)  # as a 16 bit file holds it
        assert bandwidth_hz(rounded, 44_100) == pytest.approx(known_hz, rel=0.06)


def test_speech_that_fills_its_file_is_seen_to_do_so(spoken: list[tuple[Samples, Samples]]) -> None:
    for speech, _ in spoken:
        assert bandwidth_hz(speech, RATE) > 7_700
        assert bandwidth_hz(speech, 44_100) > 20_000  # the same, as if it had been recorded at that rate


def test_bandwidth_of_a_tone_and_of_silence() -> None:
    assert bandwidth_hz(tone(1, 44_100, hz=3_000), 44_100) == pytest.approx(3_000, abs=500)
    assert bandwidth_hz(silence(1), RATE) == 0
    assert bandwidth_hz(silence(0.001), RATE) == 0
