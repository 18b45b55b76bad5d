"""Every threshold: what raises a flag and what does not, and what the lights say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.measures.flags import ALIKE, SOUND_FLAGS, STRANGE, least_likeness, lights, sound_flags
from core.project.records import Clip

GOOD = Clip(
    "a-1",
    "a",
    0,
    5,
    snr_db=35.0,
    clipped_fraction=0.0,
    lead_s=0.06,
    tail_s=0.06,
    loudness_lufs=-24.0,
    bandwidth_hz=16_000.0,
    speaker_similarity=0.93,
    naturalness=3.2,
)


def test_a_good_clip_has_no_flag_and_five_green_lights() -> None:
    assert sound_flags(GOOD) == ""
    assert [light.tone for light in lights(GOOD)] == ["good"] * 5


@pytest.mark.parametrize(
    ("changed", "flag"),
    [
        ({"speaker_similarity": 0.6}, "other_voice"),
        ({"snr_db": 12.0}, "noisy"),
        ({"clipped_fraction": 0.004}, "clipped"),
        ({"lead_s": 0.0}, "cut_word"),
        ({"tail_s": 0.01}, "cut_word"),
        ({"forced": "end"}, "cut_word"),
        ({"loudness_lufs": -48.0}, "quiet"),
        ({"bandwidth_hz": 4_000.0}, "narrow"),
        ({"naturalness": 1.7}, "unnatural"),
    ],
)
def test_each_flag_is_raised_by_its_measure_alone(changed: dict[str, float | str], flag: str) -> None:
    assert sound_flags(replace(GOOD, **changed)) == flag  # type: ignore[arg-type]


def test_several_flags_stand_in_order_of_weight() -> None:
    bad = replace(GOOD, naturalness=1.2, snr_db=3.0, speaker_similarity=0.4, forced="both")
    assert sound_flags(bad).split() == [code for code in SOUND_FLAGS if code in sound_flags(bad)]
    assert sound_flags(bad) == "other_voice noisy cut_word unnatural"


def test_what_was_not_measured_raises_nothing() -> None:
    assert sound_flags(Clip("a-1", "a", 0, 5)) == ""
    assert {light.tone for light in lights(Clip("a-1", "a", 0, 5))} == {"none"}


def test_a_short_clip_says_less_about_a_voice() -> None:
    short = replace(GOOD, end_s=1.2, speaker_similarity=0.66)
    assert sound_flags(short, least=ALIKE) == ""
    assert sound_flags(replace(short, end_s=5.0), least=ALIKE) == "other_voice"


def test_how_alike_clips_must_be_follows_how_far_the_voice_spreads() -> None:
    even, wide = [0.95, 0.96, 0.94, 0.95], [0.7, 0.8, 0.9, 0.95]
    assert least_likeness(even) == ALIKE
    assert least_likeness(wide) == STRANGE
    assert STRANGE < least_likeness([0.90, 0.92, 0.87, 0.93, 0.85]) < ALIKE
    assert least_likeness([]) == STRANGE


def test_the_light_of_likeness_is_red_where_its_flag_is_raised() -> None:
    strange = replace(GOOD, speaker_similarity=0.78)
    by_name = {light.measure.light: light.tone for light in lights(replace(strange, sound_flags="other_voice"))}
    assert by_name["likeness"] == "bad"
    assert {light.measure.light: light.tone for light in lights(strange)}["likeness"] == "fair"
