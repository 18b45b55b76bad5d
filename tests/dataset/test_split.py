"""The split: near a tenth, connected stretches, no leaks, and a clip stays on its side whatever comes later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from core.dataset.freeze import freeze, read_report
from core.dataset.split import Sides, earlier_sides, validation
from core.project.records import Clip
from core.project.workspace import Project
from tests.dataset.conftest import MakeClips


def _clips(**counts: int) -> list[Clip]:
    return [
        Clip(f"{source}-{number:04d}", source, number * 5.0, number * 5.0 + 4, text=f"{source} says {number}.")
        for source, count in counts.items()
        for number in range(count)
    ]


def _sides(clips: Sequence[Clip], held: set[str]) -> Sides:
    val = [clip for clip in clips if clip.id in held]
    train = [clip for clip in clips if clip.id not in held]
    ids, texts = ([frozenset(getattr(c, name) for c in part) for part in (val, train)] for name in ("id", "text"))
    return Sides(*ids, *(frozenset(text.lower() for text in part) for part in texts))


@pytest.mark.parametrize("counts", [{"a": 1000}, {"a": 500, "b": 500}, {f"s{number}": 30 for number in range(40)}])
def test_about_a_tenth_is_held_out_in_connected_stretches(counts: dict[str, int]) -> None:
    clips = _clips(**counts)
    held = validation(clips)
    assert 0.07 * len(clips) <= len(held) <= 0.13 * len(clips)
    flags = [clip.id in held for clip in clips]
    runs = sum(now and not before for before, now in pairwise([False, *flags]))
    assert len(held) / runs >= 4  # of the six clips that a stretch of 30 s holds, but for those at its ends


@pytest.mark.parametrize("count", [2, 3, 4, 9, 30])
def test_small_sets_keep_something_to_validate_on_and_most_to_learn_from(count: int) -> None:
    for seed in range(10):
        assert 1 <= len(validation(_clips(a=count), seed)) <= max(1, 0.2 * count)


def test_order_does_not_matter_and_the_seed_does() -> None:
    clips = _clips(a=200)
    assert validation(clips) == validation(clips[::-1])
    assert len({frozenset(validation(clips, seed)) for seed in range(5)}) > 1


def test_clips_that_come_later_move_none_to_the_other_side() -> None:
    clips = _clips(a=300, b=80, c=40)
    before = validation(clips[:300])
    after = validation(clips)
    assert {clip.id for clip in clips[:300]} & after == before
    # Even where there were so few that one had to be chosen by hand, so to speak.
    for count in (4, 7, 12, 40):
        few = _clips(a=count)
        held = validation(few)
        more = validation(clips, earlier=_sides(few, held))
        assert {clip.id for clip in few} & more == held and 0.05 < len(more) / len(clips) < 0.2


def test_what_is_said_in_a_clip_that_is_learnt_from_is_not_validated_on() -> None:
    clips = [replace(clip, text=f"Sentence {number % 40}.") for number, clip in enumerate(_clips(a=200, b=200))]
    for seed in range(5):
        held = validation(clips, seed)
        learnt = {clip.text for clip in clips if clip.id not in held}
        assert held and not [clip for clip in clips if clip.id in held and clip.text in learnt]


def test_a_clip_that_was_cut_anew_keeps_its_side_by_its_text() -> None:
    clips = _clips(a=300)
    held = validation(clips)
    anew = [replace(clip, id=f"a-{900 + n}", start_s=clip.start_s + 40) for n, clip in enumerate(clips)]
    names = {clip.id: old.id for clip, old in zip(anew, clips, strict=True)}
    assert {names[clip_id] for clip_id in validation(anew, earlier=_sides(clips, held))} == held


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


def test_where_all_are_short_there_is_still_something_to_validate_on() -> None:
    assert validation([replace(clip, end_s=clip.start_s + 1) for clip in _clips(a=20)])


def test_a_second_freeze_keeps_the_sides_of_the_first_and_notes_the_seed(
    project: Project, make_clips: MakeClips
) -> None:
    make_clips("a", 5)
    first = read_report(freeze(project))
    sides = {clip["id"]: clip["split"] for clip in first["used"]}
    make_clips("b", 60)
    second = read_report(freeze(project))
    assert {clip["id"]: clip["split"] for clip in second["used"] if clip["id"] in sides} == sides
    assert (first["seed"], second["seed"]) == (0, 0)
    # Who was away for one dataset comes back to the side of the one before.
    held = [clip_id for clip_id, side in sides.items() if side == "val"]
    project.store.edit_clips(held, status="rejected")
    assert not set(held) & {clip["id"] for clip in read_report(freeze(project))["used"]}
    project.store.edit_clips(held, status="approved")
    again = read_report(freeze(project))
    assert {clip["id"] for clip in again["used"] if clip["split"] == "val"} >= set(held)
    assert earlier_sides(project.datasets).val == {c["id"] for c in again["used"] if c["split"] == "val"}
