"""Loudness by ITU-R BS.1770-4 and EBU Tech 3341, and sounds brought to the same loudness."""

from __future__ import annotations

import re
import subprocess

import numpy as np
import pytest

from core.audio.decode import read
from core.audio.loudness import loudness_lufs, match_loudness, reachable_lufs
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
