"""Storing what was heard, and comparing it with another opinion."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.audio.silence import Span
from core.clips.cut import plan_clips
from core.errors import UserError
from core.jobs.args.clips import TranscribeArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.records import MISMATCH, Word
from core.project.schema import connect
from core.project.workspace import Project
from core.tasks import transcribe
from core.transcription.base import Transcript
from core.transcription.store import flag_all, store_second, store_transcript, with_times, without_second_opinion
from core.transcription.wer import cer, word_diff
from tests.transcription.conftest import MakeClips

SAID = "You are about to enter an echo test."


def heard(text: str, *words: Word) -> Transcript:
    return Transcript(text, 0.9, -0.1, 0.01, 1.0, "en", words)


def test_a_wrong_second_text_scores_high_and_the_difference_is_told(project: Project, make_clips: MakeClips) -> None:
    right, wrong = make_clips(2)
    for clip in (right, wrong):
        store_transcript(project, clip, heard(SAID))
    stored = project.store.clips()
    assert store_second(project, stored[0], heard("you are about to enter an echo test")) == 0
    assert store_second(project, stored[1], heard("You are about to eat a chocolate.")) > MISMATCH
    same, other = project.store.clips()
    assert (same.text_flags, other.text_flags) == ("", "mismatch")
    assert other.second_text == "You are about to eat a chocolate." and without_second_opinion(project) == []
    assert word_diff(other.text, other.second_text) == [
        ("same", "You are about to"), ("gone", "enter an echo test."), ("new", "eat a chocolate."),
    ]  # fmt: skip


def test_a_given_text_is_kept_and_checked_against_what_was_heard(project: Project, make_clips: MakeClips) -> None:
    right, wrong = make_clips(2)
    with connect(project.store.path) as db:  # as subtitles leave it: a text that nobody heard or wrote here
        db.execute("UPDATE clips SET text=?, given=1 WHERE id=?", (SAID.lower(), right.id))
        db.execute("UPDATE clips SET text=?, given=1 WHERE id=?", ("Something else was meant.", wrong.id))
    for clip in project.store.clips():
        store_transcript(project, clip, heard(SAID))
    first, second = project.store.clips()
    assert (first.text, first.mismatch, first.text_flags) == (SAID.lower(), 0, "")
    assert second.text == "Something else was meant." and second.raw_text == SAID
    assert second.mismatch is not None and second.mismatch > 0.5 and "mismatch" in second.text_flags
    # One of two ears that confirms it is enough.
    assert store_second(project, second, heard("Something else was meant")) == 0
    assert "mismatch" not in project.store.clip(wrong.id).text_flags


def test_what_a_person_wrote_is_not_called_into_question(project: Project, make_clips: MakeClips) -> None:
    clip = make_clips(1)[0]
    store_transcript(project, clip, heard(SAID))
    project.store.edit_clip(clip.id, text="My own words.")
    store_transcript(project, project.store.clip(clip.id), heard(SAID))
    stored = project.store.clip(clip.id)
    assert stored.mismatch is None and without_second_opinion(project) == []


def test_a_given_text_no_second_model_hears_anything_of_is_asked_for_once(
    project: Project, make_clips: MakeClips
) -> None:
    clip = make_clips(1)[0]
    project.store.swap_clips("s1", "test", [clip.id], [replace(clip, id="s1-0002", text=SAID, given=1)])
    store_transcript(project, project.store.clip("s1-0002"), heard(SAID))
    assert [clip.id for clip in without_second_opinion(project)] == ["s1-0002"]
    store_second(project, project.store.clip("s1-0002"), heard(""))
    assert without_second_opinion(project) == []


def test_a_clip_made_by_hand_wants_a_second_opinion_and_one_with_a_text_by_hand_none(
    project: Project, make_clips: MakeClips
) -> None:
    cut, typed = make_clips(2)
    for clip in (cut, typed):
        store_transcript(project, clip, heard(SAID))
    moved = replace(cut, id="s1-0009", text=SAID, raw_text=SAID, edited_at=1.0)  # as an edit of its borders leaves it
    project.store.swap_clips("s1", "move", [cut.id], [moved])
    store_transcript(project, moved, heard(SAID))
    project.store.edit_clip(typed.id, text="My own words.")
    assert [clip.id for clip in without_second_opinion(project)] == [moved.id]


def test_words_of_a_text_that_is_no_longer_there_do_not_come_back(project: Project, make_clips: MakeClips) -> None:
    silent, other, same = make_clips(3)
    for clip in (silent, other, same):
        store_transcript(project, clip, heard("You are", Word(0.0, 0.4, "You", 0.9), Word(0.4, 0.8, "are", 0.8)))
    silent, other, same = project.store.clips()
    store_transcript(project, silent, heard(""))
    store_transcript(project, other, heard("We were"))
    store_transcript(project, same, heard("You are"))
    assert project.store.words("s1", 0, same.start_s) == []
    assert [word.text for word in project.store.words("s1")] == ["You", "are"]


def test_words_of_a_given_text_are_not_taken_for_heard_ones(project: Project, make_clips: MakeClips) -> None:
    clip = make_clips(1)[0]
    given = replace(clip, id="s1-0002", text="You are", given=1)
    project.store.swap_clips("s1", "test", [clip.id], [given])
    store_transcript(project, given, heard("You are", Word(0.0, 0.4, "You", 0.9), Word(0.4, 0.8, "are", 0.8)))
    words = project.store.words("s1")
    assert [(word.text, word.probability) for word in words] == [("You", None), ("are", None)]
    span = Span(clip.start_s, clip.end_s - 0.1)
    recut = plan_clips("s1", [span], [], 9, words)[0]
    assert (recut.text, recut.raw_text, recut.given) == ("You are", "", 1)
    heard_words = [replace(word, probability=0.9) for word in words]
    again = plan_clips("s1", [span], [], 9, heard_words)[0]
    assert (again.text, again.raw_text, again.given) == ("You are", "You are", 0)


def test_words_are_kept_in_seconds_of_the_recording(project: Project, make_clips: MakeClips) -> None:
    one, two = make_clips(2)
    project.store.replace_words("s1", two.start_s, two.end_s, [Word(two.start_s + 0.1, two.start_s + 0.2, "other")])
    store_transcript(project, one, heard("You are", Word(0.0, 0.4, "You", 0.9), Word(0.4, 99.0, "are", 0.8)))
    words = project.store.words("s1")
    assert [word.text for word in words] == ["You", "are", "other"]
    assert words[0].start_s == pytest.approx(one.start_s) and words[1].end_s == pytest.approx(one.end_s)


def test_a_given_text_takes_the_times_that_were_heard() -> None:
    times = [Word(0.0, 0.3, "you", 0.9), Word(0.3, 0.6, "are"), Word(1.0, 1.4, "an"), Word(1.4, 2.0, "egg")]
    found = with_times(["You", "are", "in", "an", "echo,", "friend"], times)
    assert [word.text for word in found] == ["You", "are", "in", "an", "echo,", "friend"]
    assert [word.start_s for word in found] == [0.0, 0.3, 0.6, 1.0, 1.4, 1.7]
    assert (found[2].end_s, found[4].end_s, found[5].end_s) == (1.0, 1.7, 2.0)
    assert with_times(["one"], []) == []


def test_flags_of_the_pace_come_once_all_clips_are_heard(project: Project, make_clips: MakeClips) -> None:
    clips = make_clips(12)
    for clip in clips:
        store_transcript(project, clip, heard("a" * round(14 * clip.seconds)))
    store_transcript(project, clips[3], heard("a" * round(2 * 14 * clips[3].seconds)))
    assert flag_all(project) == {"too_fast": 1}
    assert project.store.clip(clips[3].id).text_flags == "too_fast"


def test_character_errors_are_counted_on_plain_text() -> None:
    assert cer("Straße, 5 Uhr!", "strasse 5 uhr", "de") == 0
    assert cer("abcd", "abxd", "pt") == pytest.approx(0.25)
    assert cer("ab", "a much longer text") == 1
    assert cer("", "") == 0 and cer("", "x") == 1
    assert word_diff("你好世界。", "你好世间", "zh-cn")[0] == ("same", "你好世")


def test_what_was_heard_stays_where_the_second_model_cannot_be_downloaded(
    project: Project, make_clips: MakeClips, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clips(1)[0]

    def first(_project: object, _clips: object, _args: object, _reporter: object, tally: transcribe.Tally) -> str:
        transcribe._keep(project, clip, heard(SAID), tally)
        return "cpu"

    def unreachable(*_: object) -> None:
        raise UserError("asr.no_network", "{label} {host} {what}", label="small", host="hub", what="refused")

    monkeypatch.setattr(transcribe, "_first", first)
    monkeypatch.setattr(transcribe, "open_model", unreachable)
    args = TranscribeArgs(model="builtin:base", second="small", measure=False)
    job = Job.create(project.jobs, args)
    result = transcribe.run(job, project, args, Reporter(job))
    assert (result["heard"], result["second"]) == (1, 0) and project.store.clip(clip.id).text == SAID
    assert [warning.code for warning in job.read().warnings] == ["asr.no_second"]
    with pytest.raises(UserError):  # where nothing but checking was asked for, it is an error
        transcribe.run(job, project, args, Reporter(job))
