"""Loudness by ITU-R BS.1770-4 and EBU Tech 3341, and sounds brought to the same loudness."""

from __future__ import annotations

import re
import subprocess

import numpy as np
import pytest

from core.audio.decode import read
from core.audio.loudness import loudness_lufs, match_loudness, reachable_lufs, true_peak_dbfs
from tests.audio.sounds import silence, tone
from tests.conftest import Prompts


@pytest.mark.parametrize("rate", [16_000, 22_050, 24_000, 44_100, 48_000])
def test_a_full_scale_sine_of_997_hz_is_minus_3_lufs(rate: int) -> None:
    assert loudness_lufs(tone(5, rate, hz=997, dbfs=-3.01), rate) == pytest.approx(-3.01, abs=0.05)


def test_quiet_parts_are_gated_out() -> None:
    # EBU Tech 3341, case 3, in mono: 3 LU lower than with the two channels of the original.
    parts = [tone(10, 48_000, 1000, -36 - 3.01), tone(60, 48_000, 1000, -23 - 3.01), tone(10, 48_000, 1000, -36 - 3.01)]
    assert loudness_lufs(np.concatenate(parts), 48_000) == pytest.approx(-26.0, abs=0.1)


def test_pauses_do_not_make_speech_quieter(prompts: Prompts) -> None:
    speech, rate = read(prompts.recording, 0, 20)
    padded = np.concatenate([speech, silence(20, rate)])
    assert loudness_lufs(padded, rate) == pytest.approx(loudness_lufs(speech, rate), abs=0.2)


def test_real_speech_agrees_with_ffmpeg(prompts: Prompts) -> None:
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-t", "60", "-i", str(prompts.recording), "-af"]
    done = subprocess.run([*command, "ebur128", "-f", "null", "-"], capture_output=True, text=True)
    expected = float(re.findall(r"I:\s+(-[\d.]+) LUFS", done.stderr)[-1])  # it prints one decimal
    assert loudness_lufs(*read(prompts.recording, 0, 60)) == pytest.approx(expected, abs=0.1)


def test_silence_and_nothing_are_minus_infinity() -> None:
    assert loudness_lufs(silence(1), 16_000) == float("-inf")
    assert loudness_lufs(silence(0), 16_000) == float("-inf")


def test_a_sound_shorter_than_a_block_has_a_loudness() -> None:
    assert loudness_lufs(tone(0.2, 48_000, 997, -20), 48_000) == pytest.approx(-20, abs=0.5)


def test_loud_and_quiet_takes_end_at_the_same_loudness(prompts: Prompts) -> None:
    speech, rate = read(prompts.recording, 0, 10)
    loud, quiet = match_loudness(speech * 0.8, rate), match_loudness(speech * 0.05, rate)
    assert loudness_lufs(loud, rate) == pytest.approx(-23, abs=0.05)
    assert loudness_lufs(quiet, rate) == pytest.approx(-23, abs=0.05)
    np.testing.assert_allclose(loud, quiet, atol=1e-5)
    assert loud.dtype == np.float32


def test_the_limit_holds_and_a_common_target_keeps_a_pair_equal() -> None:
    rate = 16_000
    peaky = tone(3, rate, dbfs=-40)
    peaky[rate] = 0.9
    smooth = tone(3, rate, dbfs=-20)
    assert np.abs(match_loudness(peaky, rate, -16)).max() <= 10 ** (-1 / 20) + 1e-6
    target = min(reachable_lufs(peaky, rate, -16), reachable_lufs(smooth, rate, -16))
    assert target < -16
    both = [loudness_lufs(match_loudness(sound, rate, target), rate) for sound in (peaky, smooth)]
    assert both[0] == pytest.approx(both[1], abs=0.01)


def test_silence_is_left_as_it_is() -> None:
    assert not match_loudness(silence(1), 16_000).any()


@pytest.mark.parametrize(("phase", "samples_dbfs", "true_dbfs"), [(45, -9.03, -6.02), (0, -6.02, -6.02)])
def test_a_peak_between_the_samples_is_found(phase: float, samples_dbfs: float, true_dbfs: float) -> None:
    # EBU Tech 3341, cases 15 and 16: a sine of a quarter of the rate, 45 degrees off, never samples its own top.
    sine = 0.5 * np.sin(np.pi / 2 * np.arange(9600) + np.deg2rad(phase)).astype(np.float32)
    sine *= np.minimum(1, np.minimum(np.arange(9600), np.arange(9600)[::-1]) / 960).astype(np.float32)  # eased in
    assert 20 * np.log10(np.abs(sine).max()) == pytest.approx(samples_dbfs, abs=0.02)
    assert -0.4 <= true_peak_dbfs(sine) - true_dbfs <= 0.2  # the tolerance of that document


def test_looking_only_where_a_peak_can_be_finds_the_same_as_looking_everywhere(prompts: Prompts) -> None:
    from core.audio.loudness import _PHASES

    chance = np.random.default_rng(3)
    speech, _ = read(prompts.recording, 3, 9)
    sounds = [chance.normal(0, 0.3, count).astype(np.float32) for count in (1, 2, 11, 12, 13, 24, 25, 777)]
    for sound in [*sounds, speech, np.array([0, 0, 1, 0], np.float32)]:
        everywhere = max(np.abs(np.convolve(sound, phase)).max() for phase in _PHASES)
        highest = max(float(everywhere), float(np.abs(sound).max()))
        assert true_peak_dbfs(sound) == pytest.approx(20 * np.log10(highest), abs=1e-4)


def test_the_true_peak_of_speech_agrees_with_ffmpeg(prompts: Prompts) -> None:
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-t", "60", "-i", str(prompts.recording), "-af"]
    done = subprocess.run([*command, "ebur128=peak=true", "-f", "null", "-"], capture_output=True, text=True)
    expected = float(re.findall(r"Peak:\s+(-?[\d.]+) dBFS", done.stderr)[-1])
    assert true_peak_dbfs(read(prompts.recording, 0, 60)[0]) == pytest.approx(expected, abs=0.2)


def test_gain_stops_at_the_true_peak_not_at_the_highest_sample() -> None:
    rate = 24_000
    hidden = (0.05 * np.sin(np.pi / 2 * np.arange(3 * rate) + np.pi / 4)).astype(np.float32)
    raised = match_loudness(hidden, rate, target_lufs=10)
    assert true_peak_dbfs(raised) == pytest.approx(-1, abs=0.01)
    assert 20 * np.log10(np.abs(raised).max()) < -3
    assert true_peak_dbfs(silence(1)) == float("-inf") and true_peak_dbfs(silence(0)) == float("-inf")
