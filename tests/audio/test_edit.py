"""Clips changed by hand: sound, text, review and numbers follow, nothing is lost, and each change is undone as one."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.audio.options import SegmentOptions
from core.audio.samples import read
from core.clips import edit
from core.clips.cut import cut_clip
from core.clips.undo_edit import undo_edit, undoable_edit
from core.errors import Busy, UserError
from core.jobs import locks
from core.project.records import Clip, Source, Word
from core.project.workspace import Project
from core.sources.upload import add_file
from tests.conftest import Prompts

_SPOKEN = 4  # prompts in the recording of these tests


@pytest.fixture
def source(project: Project, prompts: Prompts, tmp_path: Path) -> Source:
    """The first prompts of the bundled recording, each a reviewed clip with its text."""
    samples, rate = read(prompts.recording, 0, prompts.spoken[_SPOKEN][0])
    soundfile.write(tmp_path / "in.wav", samples, rate)
    source = add_file(project, tmp_path / "in.wav", title="Prompts")
    clips = [
        Clip(f"{source.id}-{n:04d}", source.id, start, end, text=text, raw_text=text, language="en", status="approved")
        for n, (start, end, text) in enumerate(prompts.spoken[:_SPOKEN], 1)
    ]
    clips = [cut_clip(project, source, clip, SegmentOptions()) for clip in clips]
    project.store.replace_clips(source.id, clips)
    return source


def clips_of(project: Project, source: Source) -> list[Clip]:
    """The recording's clips; each has its file of its length, and no file is left over."""
    clips = project.store.clips()
    for clip in clips:
        assert soundfile.info(project.clip_file(clip.id)).duration == pytest.approx(clip.seconds, abs=0.001)
    assert sorted(path.stem for path in project.clips.glob("*.wav")) == sorted(clip.id for clip in clips)
    return clips


def spread(clip: Clip) -> list[Word]:
    """Its words, evenly over its time."""
    words = clip.text.split()
    step = clip.seconds / len(words)
    return [Word(clip.start_s + n * step, clip.start_s + (n + 1) * step, text) for n, text in enumerate(words)]


def test_a_moved_border_gives_a_new_clip_with_the_sound_between_its_bounds(project: Project, source: Source) -> None:
    old = clips_of(project, source)[1]
    new = edit.move_border(project, old.id, old.start_s + 0.2, old.end_s - 0.1)
    there = clips_of(project, source)
    assert there[1] == new and len(there) == _SPOKEN and new.id == f"{source.id}-{_SPOKEN + 1:04d}"
    assert (new.start_s, new.end_s) == (pytest.approx(old.start_s + 0.2), pytest.approx(old.end_s - 0.1))
    assert (new.text, new.language, new.status) == (old.text, "en", "new") and new.edited_at
    cut, rate = read(project.clip_file(new.id))
    wanted, _ = read(project.source_file(source.id), new.start_s, new.end_s, rate)
    middle = slice(rate // 10, -rate // 10)
    assert np.corrcoef(cut[middle], wanted[: len(cut)][middle])[0, 1] > 0.99


def test_words_that_fall_out_or_come_in_change_the_text_and_corrections_stay(project: Project, source: Source) -> None:
    first, second = clips_of(project, source)[:2]
    project.store.replace_words(source.id, 0, 1e9, [*spread(first), *spread(second)])
    said = first.text.split()
    corrected = " ".join(["Corrected,", *said[1:]])
    project.store.edit_clip(first.id, text=corrected)
    shorter = edit.move_border(project, first.id, first.start_s, spread(first)[-1].start_s)
    assert shorter.text == " ".join(["Corrected,", *said[1:-1]]) and shorter.raw_text == ""
    longer = edit.move_border(project, shorter.id, first.start_s, first.end_s)
    assert longer.text == corrected
    edit.remove(project, second.id)
    both = edit.move_border(project, longer.id, first.start_s, spread(second)[0].end_s)
    assert both.text == f"{corrected} {second.text.split()[0]}"


def test_a_split_shares_the_text_where_its_words_are_said(project: Project, source: Source) -> None:
    old = clips_of(project, source)[0]
    words = spread(old)
    project.store.replace_words(source.id, 0, 1e9, words)
    first, second = edit.split(project, old.id, words[2].start_s)
    assert [first.text, second.text] == [" ".join(old.text.split()[:2]), " ".join(old.text.split()[2:])]
    assert (first.start_s, first.end_s, second.end_s) == (old.start_s, second.start_s, old.end_s)
    assert {first.status, second.status} == {"new"} and first.raw_text == first.text
    assert clips_of(project, source)[:2] == [first, second]


def test_a_correction_a_model_also_heard_is_not_overwritten_once_its_border_is_moved(
    project: Project, source: Source
) -> None:
    first, second = clips_of(project, source)[:2]
    project.store.edit_clip(first.id, text="My own words.")
    project.store.store_transcript(first.id, "My own words.", 0.9, "en")
    moved = edit.move_border(project, first.id, first.start_s, first.end_s - 0.1)
    left, right = edit.split(project, second.id, second.start_s + 1)
    assert (moved.given, left.given, right.given) == (1, 0, 0)
    for clip in (moved, left, right):
        project.store.store_transcript(clip.id, "A better model.", 0.9, "en")
    assert [clip.text for clip in clips_of(project, source)[:3]] == ["My own words.", *["A better model."] * 2]


def test_words_tell_whether_the_text_of_a_part_brought_back_is_given(project: Project, source: Source) -> None:
    first, second = clips_of(project, source)[:2]
    heard = [replace(word, probability=0.9) for word in spread(second)]
    project.store.replace_words(source.id, 0, 1e9, [*spread(first), *heard])
    for clip in (first, second):
        edit.remove(project, clip.id)
    back = [edit.bring_back(project, source.id, clip.start_s, clip.end_s) for clip in (first, second)]
    assert [(clip.given, clip.raw_text) for clip in back] == [(1, ""), (0, second.text)]


def test_texts_without_spaces_are_joined_without_one(project: Project, source: Source) -> None:
    first, second = clips_of(project, source)[:2]
    project.store.edit_clip(first.id, text="今天天气很好。")
    project.store.edit_clip(second.id, text="我们走吧。")
    assert edit.join(project, first.id, second.id).text == "今天天气很好。我们走吧。"


def test_without_known_times_a_split_shares_the_text_by_time(project: Project, source: Source) -> None:
    old = clips_of(project, source)[0]
    first, second = edit.split(project, old.id, (old.start_s + old.end_s) / 2)
    assert first.text and second.text and f"{first.text} {second.text}" == old.text
    assert abs(len(first.text) - len(second.text)) <= max(len(word) for word in old.text.split()) + 1


def test_a_join_holds_both_texts_and_what_lies_between(project: Project, source: Source) -> None:
    first, second, third, _ = clips_of(project, source)
    joined = edit.join(project, first.id, second.id)
    assert (joined.start_s, joined.end_s) == (first.start_s, second.end_s)
    assert (joined.text, joined.status) == (f"{first.text} {second.text}", "new")
    assert clips_of(project, source)[0] == joined
    with pytest.raises(UserError) as refused:
        edit.join(project, joined.id, clips_of(project, source)[2].id)
    assert refused.value.code == "edit.not_neighbours" and project.store.clip(third.id)


def test_every_change_is_undone_in_turn_with_sound_text_and_approval(project: Project, source: Source) -> None:
    before = clips_of(project, source)
    sound = {clip.id: project.clip_file(clip.id).read_bytes() for clip in before}
    edit.join(project, before[0].id, before[1].id)
    joined = clips_of(project, source)[0]
    edit.split(project, joined.id, joined.start_s + 1)
    last = clips_of(project, source)[-1]
    edit.move_border(project, last.id, last.start_s + 0.1, last.end_s)
    edit.remove(project, clips_of(project, source)[2].id)
    edit.bring_back(project, source.id, before[2].start_s, before[2].start_s + 1)
    done = [undo_edit(project, source.id) for _ in range(5)]
    assert done == ["bring_back", "remove", "move", "split", "join"]
    assert clips_of(project, source) == before
    assert {clip.id: project.clip_file(clip.id).read_bytes() for clip in before} == sound
    with pytest.raises(UserError) as refused:
        undo_edit(project, source.id)
    assert refused.value.code == "edit.nothing_to_undo"


def test_undo_cuts_the_sound_again_where_the_trash_was_emptied(project: Project, source: Source) -> None:
    before = clips_of(project, source)
    edit.remove(project, before[0].id)
    for path in (project.path / "trash" / "edits").iterdir():
        path.unlink()
    undo_edit(project, source.id)
    assert clips_of(project, source) == before


def test_what_was_removed_before_the_recording_was_cut_anew_is_not_put_over_the_new_clips(
    project: Project, source: Source
) -> None:
    first = clips_of(project, source)[0]
    edit.remove(project, first.id)
    kept = project.store.clips()
    project.store.replace_clips(source.id, [*kept, replace(first, id=f"{source.id}-0099")])
    assert undoable_edit(project, source.id) is None
    with pytest.raises(UserError):
        undo_edit(project, source.id)


def test_a_left_out_part_becomes_a_clip_with_the_words_said_in_it(project: Project, source: Source) -> None:
    old = clips_of(project, source)[0]
    project.store.replace_words(source.id, 0, 1e9, spread(old))
    edit.remove(project, old.id)
    back = edit.bring_back(project, source.id, old.start_s, old.end_s)
    assert (back.text, back.status, back.seconds) == (old.text, "new", pytest.approx(old.seconds))
    assert back.id not in {clip.id for clip in clips_of(project, source)[1:]} | {old.id}


def test_marks_of_a_forced_cut_stay_at_the_ends_that_stay(project: Project, source: Source) -> None:
    old = clips_of(project, source)[0]
    marked = replace(old, forced="both")
    project.store.swap_clips(source.id, "test", [old.id], [marked])
    moved = edit.move_border(project, old.id, old.start_s, old.end_s - 0.2)
    assert moved.forced == "start"
    first, second = edit.split(project, moved.id, moved.start_s + 1)
    assert (first.forced, second.forced) == ("start", "")


@pytest.mark.parametrize(
    ("start_s", "end_s", "code"),
    [(0.0, 0.2, "edit.too_short"), (0.0, 1e4, "edit.overlap"), (-5.0, -4.0, "edit.too_short")],
)
def test_bounds_no_clip_can_have_are_refused_and_nothing_changes(
    project: Project, source: Source, start_s: float, end_s: float, code: str
) -> None:
    before = clips_of(project, source)
    with pytest.raises(UserError) as refused:
        edit.bring_back(project, source.id, start_s, end_s)
    assert refused.value.code == code
    with pytest.raises(UserError) as refused:
        edit.move_border(project, before[1].id, before[0].end_s - 0.1, before[1].end_s)
    assert refused.value.code == "edit.overlap"
    with pytest.raises(UserError) as refused:
        edit.split(project, before[0].id, before[0].start_s + 0.1)
    assert refused.value.code == "edit.too_short"
    assert clips_of(project, source) == before


def test_more_than_a_minute_is_no_clip(project: Project, source: Source) -> None:
    project.store.add_source(replace(source, id="long", seconds=500.0))
    with pytest.raises(UserError) as refused:
        edit.bring_back(project, "long", 0, 61)
    assert refused.value.code == "edit.too_long"


def test_a_lost_recording_is_named_and_nothing_changes(project: Project, source: Source) -> None:
    before = clips_of(project, source)
    project.source_file(source.id).unlink()
    with pytest.raises(UserError) as refused:
        edit.split(project, before[0].id, before[0].start_s + 1)
    assert refused.value.code == "segment.unreadable" and refused.value.values == {"title": "Prompts"}
    assert clips_of(project, source) == before


def test_while_clips_are_cut_by_a_job_nothing_can_be_changed(project: Project, source: Source) -> None:
    before = clips_of(project, source)
    held = locks.try_lock(project.path / "locks" / "segment", {"kind": "segment"})
    assert held is not None
    with pytest.raises(Busy) as refused:
        edit.remove(project, before[0].id)
    assert refused.value.values["kind"] == "segment"
    os.close(held)
    edit.remove(project, before[0].id)
    assert clips_of(project, source) == before[1:]


def test_two_pages_that_change_the_same_clips_at_once_never_mix_them_up(project: Project, source: Source) -> None:
    before = clips_of(project, source)
    refused: list[str] = []
    ready = threading.Barrier(8)

    def change(number: int) -> None:
        clip = before[number % 2]
        ready.wait()
        try:
            if number < 4:
                edit.split(project, clip.id, clip.start_s + 0.5 + number / 10)
            else:
                edit.move_border(project, clip.id, clip.start_s + number / 20, clip.end_s)
        except UserError as error:
            refused.append(error.code)

    threads = [threading.Thread(target=change, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["clip.missing"] * 6
    after = clips_of(project, source)
    assert all(first.end_s <= other.start_s for first, other in zip(after, after[1:], strict=False))
    assert len({clip.id for clip in after}) == len(after)


def test_text_without_spaces_is_shared_out_by_letters(project: Project, source: Source) -> None:
    old = clips_of(project, source)[0]
    project.store.edit_clip(old.id, text="今天天气很好。我们走吧。")
    first, second = edit.split(project, old.id, (old.start_s + old.end_s) / 2)
    assert len(first.text) > 3 and len(second.text) > 3
    assert first.text + second.text == "今天天气很好。我们走吧。"
