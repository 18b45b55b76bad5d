"""The mel picture: a tone lies in its band and at its time, silence is dark, and loudness is told in decibels."""

from __future__ import annotations

import numpy as np
import pytest

from core.audio.spectrogram import BANDS, HIGHEST_HZ, HOP_S, LOWEST_HZ, RANGE_DB, mel_levels, outline

RATE = 24_000


def _tone(hz: float, seconds: float, amplitude: float = 0.1) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def _mel(hz: float) -> float:
    return float(2595 * np.log10(1 + hz / 700))


@pytest.mark.parametrize("hz", [220.0, 1000.0, 5000.0])
def test_a_tone_lies_in_its_band_at_its_time(hz: float) -> None:
    sound = np.concatenate((np.zeros(RATE, np.float32), _tone(hz, 1.0)))
    levels = mel_levels(sound, RATE)
    assert levels.shape == (BANDS, round(2 / HOP_S)) and len(outline(sound, RATE)) == levels.shape[1]
    assert levels[:, : round(0.9 / HOP_S)].max() == 0
    loudest = int(levels[:, round(1.5 / HOP_S)].argmax())
    middle = (_mel(hz) - _mel(LOWEST_HZ)) / (_mel(HIGHEST_HZ) - _mel(LOWEST_HZ)) * (BANDS + 1) - 1
    assert abs(loudest - middle) <= 1.5


def test_twice_as_loud_is_six_decibels_more() -> None:
    step = (RANGE_DB[1] - RANGE_DB[0]) / 255
    quiet, loud = (mel_levels(_tone(1000.0, 0.5, size), RATE)[:, 20].astype(float) for size in (0.01, 0.02))
    assert (loud.max() - quiet.max()) * step == pytest.approx(6.02, abs=0.4)


def test_the_outline_is_the_lowest_and_highest_of_each_frame() -> None:
    sound = _tone(400.0, 0.25, 0.5)
    lines = outline(sound, RATE)
    assert lines[:, 0].min() == sound.min() and lines[:, 1].max() == sound.max()


def test_hardly_any_sound_or_none_is_drawn_without_an_error() -> None:
    for count in (0, 1, 5):
        assert mel_levels(np.zeros(count, np.float32), RATE).shape == (BANDS, 1)
        assert len(outline(np.zeros(count, np.float32), RATE)) == min(1, count)
