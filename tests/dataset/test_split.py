"""The split: near a tenth, whole recordings where possible, connected stretches else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.dataset.split import validation
from core.project.records import Clip


def _clips(**counts: int) -> list[Clip]:
    return [
        Clip(f"{source}-{number:04d}", source, number * 5.0, number * 5.0 + 4)
        for source, count in counts.items()
        for number in range(count)
    ]


def test_whole_recordings_are_held_out_when_that_is_near_a_tenth() -> None:
    clips = _clips(**{f"s{number}": 10 for number in range(12)})
    held = validation(clips)
    sources = {clip.source_id for clip in clips if clip.id in held}
    assert held == {clip.id for clip in clips if clip.source_id in sources}
    assert 0.05 * len(clips) <= len(held) <= 0.2 * len(clips)


def test_one_recording_gives_one_connected_stretch() -> None:
    clips = _clips(a=100)
    held = validation(clips)
    numbers = sorted(int(clip_id.split("-")[1]) for clip_id in held)
    assert len(numbers) == 10 and numbers == list(range(numbers[0], numbers[0] + 10))


def test_two_large_recordings_give_a_stretch_of_each() -> None:
    clips = _clips(a=50, b=50)
    held = validation(clips)
    assert {clip_id[0] for clip_id in held} == {"a", "b"} and len(held) == 10


@pytest.mark.parametrize("count", [2, 3, 4, 9])
def test_small_sets_keep_one_clip_to_validate_on(count: int) -> None:
    assert len(validation(_clips(a=count))) == 1


def test_order_does_not_matter_and_the_seed_does() -> None:
    clips = _clips(a=200)
    assert validation(clips) == validation(clips[::-1])
    assert len({frozenset(validation(clips, seed)) for seed in range(5)}) > 1


def test_nothing_can_be_held_out_of_a_single_clip() -> None:
    assert validation(_clips(a=1)) == set()


def test_a_very_short_clip_is_never_validated_on() -> None:
    clips = _clips(a=60)
    short = {clip.id for number, clip in enumerate(clips) if number % 3 == 0}
    mixed = [replace(clip, end_s=clip.start_s + 0.8) if clip.id in short else clip for clip in clips]
    for seed in range(20):
        held = validation(mixed, seed)
        assert held and not held & short
        assert validation(mixed[::-1], seed) == held

    sources = [
        replace(clip, end_s=clip.start_s + 0.8) if clip.source_id == "s3" else clip
        for clip in _clips(**{f"s{number}": 10 for number in range(12)})
    ]
    assert all(not any(one.startswith("s3") for one in validation(sources, seed)) for seed in range(20))


def test_where_all_are_short_there_is_still_something_to_validate_on() -> None:
    assert len(validation([replace(clip, end_s=clip.start_s + 1) for clip in _clips(a=20)])) == 2
