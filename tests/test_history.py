"""Undo and redo: texts, decisions and cuts as one history, in order, by however many windows."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from core.clips import bulk_decisions, edit, history, review, undo_edit
from core.clips.undo_edit import redo_edit
from core.errors import UserError
from core.project.conflicts import stamp
from core.project.records import Clip, ClipFilter, Source, Word
from core.project.workspace import Project


@pytest.fixture
def clips(project: Project, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Six clips of a recording whose words are known; their sound is not written."""
    for writer in (edit, undo_edit):
        monkeypatch.setattr(writer, "write_sound", lambda _project, _source, clip, _options: clip)
    return fill(project)


def fill(project: Project) -> list[str]:
    """Six clips of a recording whose words are known, without sound; their ids."""
    project.store.add_source(Source("s", "Talk", seconds=60.0))
    made = [Clip(f"s-{n:04d}", "s", n * 8.0, n * 8.0 + 6, f"one two three {n}", language="en") for n in range(6)]
    words = [
        Word(clip.start_s + 1.5 * place, clip.start_s + 1.5 * place + 1, word)
        for clip in made
        for place, word in enumerate(clip.text.split())
    ]
    project.store.replace_clips("s", made)
    project.store.replace_words("s", 0, 60, words)
    return [clip.id for clip in made]


def state(project: Project) -> list[Clip]:
    """The clips but for when they were changed."""
    return [replace(clip, edited_at=None) for clip in project.store.clips()]


def test_a_split_is_undone_in_its_turn_between_decisions(project: Project, clips: list[str]) -> None:
    first = state(project)
    review.decide(project, clips[0], "approved", "one two three 0")
    decided = state(project)
    half = review.split(project, clips[1], 3.1)
    review.correct(project, half, "one two!")
    kinds = [history.undo(project).kind for _ in range(2)]
    assert kinds == ["correction", "split"] and state(project) == decided
    assert history.undo(project).kind == "approval" and state(project) == first
    with pytest.raises(UserError) as refused:
        history.undo(project)
    assert refused.value.code == "review.nothing_to_undo"


def test_a_clip_is_split_between_two_words_and_each_half_gets_its_own(project: Project, clips: list[str]) -> None:
    half = review.split(project, clips[0], 1.6)  # just after "two" began, at 1.5 s
    texts = [(clip.text, clip.end_s) for clip in project.store.clips() if clip.start_s < 6]
    assert texts == [("one", 1.5), ("two three 0", 6.0)] and texts[0][0] == project.store.clip(half).text
    assert project.store.clip(review.join(project, half)).text == "one two three 0"


def test_all_that_was_undone_is_redone_in_order(project: Project, clips: list[str]) -> None:
    review.decide(project, clips[0], "rejected", "one two three 0", reason="noisy")
    review.split(project, clips[1], 3.1)
    bulk_decisions.apply(project, bulk_decisions.approve_agreed(1.0))
    joined = review.join(project, clips[3])
    last = state(project)
    undone = [history.undo(project).kind for _ in range(3)]
    redone = [history.redo(project) for _ in range(3)]
    assert [change.kind for change in redone] == undone[::-1] == ["rejection", "split", "join"]
    assert state(project) == last and redone[-1].clip_id == joined
    assert project.store.clip(clips[0]).reason == "noisy"
    with pytest.raises(UserError) as refused:
        history.redo(project)
    assert refused.value.code == "review.nothing_to_redo"


def test_a_new_change_leaves_nothing_to_redo(project: Project, clips: list[str]) -> None:
    review.correct(project, clips[0], "A.")
    history.undo(project)
    review.correct(project, clips[0], "one two three 0")  # what it is already: no change
    assert history.redo_stamp(project)
    review.correct(project, clips[1], "B.")
    assert not history.redo_stamp(project)


def test_a_redo_is_refused_where_the_clips_are_not_as_they_were(project: Project, clips: list[str]) -> None:
    review.correct(project, clips[0], "A.")
    history.undo(project)
    was = history.redo_stamp(project)
    with pytest.raises(UserError) as refused:
        history.redo(project, stamp="another")
    assert refused.value.code == "clip.changed"
    project.store.replace_clips("s", [Clip("s-0099", "s", 0, 5, text="anew")])
    for seen in (was, None):
        with pytest.raises(UserError) as refused:
            history.redo(project, stamp=seen)
        assert refused.value.code == "review.nothing_to_redo"
    assert [clip.text for clip in project.store.clips()] == ["anew"]


def test_of_two_who_redo_at_once_the_second_is_refused_and_takes_no_sound_away(
    project: Project, clips: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    review.split(project, clips[1], 3.1)
    history.undo(project)
    undone = project.store.last_undone()
    assert undone is not None
    redo_edit(project, undone[1], stamp=undone[0])
    removals: list[Clip] = []
    monkeypatch.setattr(edit, "put_sound_away", lambda _project, gone: removals.extend(gone))
    with pytest.raises(UserError) as refused:
        redo_edit(project, undone[1], stamp=undone[0])
    assert refused.value.code == "clip.changed" and removals == []


def test_a_recording_cut_anew_keeps_no_change_of_another_from_being_undone(project: Project, clips: list[str]) -> None:
    project.store.add_source(Source("t", "Other", seconds=60.0))
    project.store.replace_clips("t", [Clip("t-0001", "t", 0, 6, "one two three", language="en")])
    review.split(project, clips[0], 3.1)
    review.split(project, "t-0001", 3.1)
    project.store.replace_clips("t", [Clip("t-0009", "t", 0, 5, text="anew")])
    assert history.undo(project).kind == "split" and project.store.clip(clips[0]).text == "one two three 0"


def test_in_the_order_of_changes_a_decision_goes_on_from_where_the_clip_stood(
    project: Project, clips: list[str]
) -> None:
    for clip_id in clips:
        review.correct(project, clip_id, f"Text of {clip_id}.")
    order = [clip.id for clip in project.store.clips(ClipFilter("all", sort="edited"))]
    assert review.decide(project, order[2], "approved", "Text.", "all", sort="edited") == order[3]


def test_an_undo_of_many_tells_what_and_how_many(project: Project, clips: list[str]) -> None:
    for clip_id in clips:
        project.store.second_opinion(clip_id, "same", 0.01, "")
    assert bulk_decisions.agreement_counts(project) == {0.0: 0, 0.02: 6, 0.05: 6, 0.1: 6}
    assert bulk_decisions.apply(project, bulk_decisions.approve_agreed(0.02)) == 6
    change = history.undo(project)
    assert (change.kind, change.count) == ("approval", 6)
    assert history.redo(project).count == 6 and {clip.status for clip in project.store.clips()} == {"approved"}


def act(project: Project, draw: random.Random, seen: Clip, seen_stamp: str) -> None:
    """One random change, made on what a window shows."""
    kind = draw.random()
    if kind < 0.45:
        review.correct(project, seen.id, f"text {draw.randrange(10_000)}", stamp=seen_stamp)
    elif kind < 0.8:
        review.decide(project, seen.id, draw.choice(("approved", "rejected")), seen.text or "-", stamp=seen_stamp)
    elif kind < 0.9:
        review.split(project, seen.id, seen.seconds / 2, stamp=seen_stamp)
    else:
        review.join(project, seen.id, stamp=seen_stamp)


def random_changes(project: Project, count: int) -> tuple[int, int]:
    """Make so many random changes by two windows, then undo them; returns how many were made and how many refused.

    `benchmarks.review` makes a thousand.
    """
    draw = random.Random(1)
    first = state(project)
    windows: list[tuple[Clip, str]] = []
    done, refused = 0, 0
    before: Any = first
    while done < count:
        if len(windows) < 2 or draw.random() < 0.7:  # a window looks anew, or acts on what it saw before
            clip = draw.choice(before)
            windows = [*windows[-1:], (clip, stamp(clip))]
        seen = draw.choice(windows)
        try:
            act(project, draw, *seen)
        except UserError as error:
            assert error.code.startswith(("clip.", "edit.too_", "review.nothing_to_join"))
            assert state(project) == before  # what is refused changes nothing
            refused += 1
            continue
        # No clip went but the one that was seen, and the one it was joined with.
        after = state(project)
        gone = {entry.id for entry in before} - {clip.id for clip in after}
        assert gone <= {seen[0].id, *[other.id for other in before if other.start_s > seen[0].start_s][:1]}
        before, done = after, done + 1
    while history.last_stamp(project):
        history.undo(project)
    assert state(project) == first
    return done, refused


def test_random_changes_by_two_windows_lose_nothing_and_are_undone_to_the_first_state(
    project: Project, clips: list[str]
) -> None:
    done, refused = random_changes(project, 90)
    assert done == 90 and refused > 15
