"""Subtitles as people have them become words with times, each said once."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import UserError
from core.records import Word
from core.sources.subtitles import Damaged, evenly, words_of

SRT = """1
00:00:01,000 --> 00:00:03,000
Good morning, everybody.

2
00:00:03,500 --> 00:00:05,000
<i>How are</i> you?
"""


def said(words: list[Word]) -> str:
    return " ".join(word.text for word in words)


def test_an_srt_gives_its_words_with_times_inside_their_cues() -> None:
    words = words_of(SRT, "srt")
    assert said(words) == "Good morning, everybody. How are you?"
    assert words[0].start_s == 1 and words[2].end_s == pytest.approx(3, abs=0.01)
    assert words[3].start_s == 3.5 and words[5].end_s == pytest.approx(5, abs=0.01)
    assert all(before.end_s <= after.start_s for before, after in zip(words, words[1:], strict=False))
    longest = max(words[:3], key=lambda word: word.end_s - word.start_s)
    assert longest.text == "everybody."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_any_usual_encoding_and_line_end(tmp_path: Path, encoding: str, line_end: str) -> None:
    path = tmp_path / "fala.srt"
    text = "1\n00:00:01,000 --> 00:00:02,000\nNão é você.\n\n2\n00:00:02,000 --> 00:00:03,000\nSão três.\n"
    path.write_bytes(text.replace("\n", line_end).encode(encoding))
    assert said(words_of(path, "srt")) == "Não é você. São três."


def test_webvtt_with_settings_notes_styles_names_and_missing_hours() -> None:
    text = """WEBVTT - a talk
Kind: captions

NOTE this is
no speech --

STYLE
::cue { color: red }

first cue
00:01.000 --> 00:02.000 align:start position:0% line:90%
<v Roger Bingham>We are in <b>New&nbsp;York</b> &amp; Rio

01:00:02.500 --> 01:00:04.000
<c.colorE5E5E5>It&#39;s <lang en>cold</lang></c>
"""
    words = words_of(text)
    assert said(words) == "We are in New York Rio It's cold"
    assert words[0].start_s == 1 and words[-2].start_s == 3602.5


def test_speakers_and_sounds_are_not_words_but_what_only_looks_like_them_is() -> None:
    lines = [
        ">> JOHN: Hello there.", "- Is it you?", "Speaker 2: It is.", "[Music]", "(applause)", "♪ la la ♪",
        "Remember: 5 < 7 (or so).", "{\\an8}Up here.",
    ]  # fmt: skip
    cues = "\n\n".join(
        f"{i + 1}\n00:00:{2 * i:02},000 --> 00:00:{2 * i + 2:02},000\n{line}" for i, line in enumerate(lines)
    )
    assert said(words_of(cues, "srt")) == ("Hello there. Is it you? It is. la la Remember: 5 7 (or so). Up here.")


YOUTUBE = """WEBVTT
Kind: captions
Language: en

00:00:00.080 --> 00:00:02.389 align:start position:0%
 
so<00:00:00.320><c> here</c><00:00:00.800><c> we</c><00:00:01.040><c> are</c>

00:00:02.389 --> 00:00:02.399 align:start position:0%
so here we are
 

00:00:02.399 --> 00:00:04.470 align:start position:0%
so here we are
at<00:00:02.639><c> the</c><00:00:03.000><c> beginning</c>

00:00:04.470 --> 00:00:04.480 align:start position:0%
at the beginning
 

00:00:04.480 --> 00:00:06.000 align:start position:0%
at the beginning
yes

00:00:06.000 --> 00:00:09.000 align:start position:0%
yes
[Music]
"""


def test_rolling_captions_say_each_line_once_with_the_times_of_its_words() -> None:
    words = words_of(YOUTUBE, "vtt")
    assert said(words) == "so here we are at the beginning yes"
    starts = [word.start_s for word in words]
    assert starts == [0.08, 0.32, 0.8, 1.04, 2.399, 2.639, 3.0, 4.48]
    assert words[0].end_s == 0.32 and words[-1].end_s < 6


def test_rolling_captions_as_srt_without_word_times() -> None:
    lines = ["so here we are", "at the beginning", "of a long day", "and nobody knows"]
    cues = [f"{i + 1}\n00:00:{2 * i:02},000 --> 00:00:{2 * i + 4:02},000\n" for i in range(4)]
    shown = [lines[0], *(f"{before}\n{line}" for before, line in zip(lines, lines[1:], strict=False))]
    words = words_of("\n\n".join(cue + text for cue, text in zip(cues, shown, strict=True)), "srt")
    assert said(words) == " ".join(lines)
    assert next(word for word in words if word.text == "at").start_s == 2
    assert all(before.end_s <= after.start_s + 0.001 for before, after in zip(words, words[1:], strict=False))


def test_captions_painted_word_by_word_are_said_once() -> None:
    grown = ["Hello", "Hello dear", "Hello dear friends", "and", "and so"]
    cues = [f"{i + 1}\n00:00:0{i},000 --> 00:00:0{i + 1},000\n{text}" for i, text in enumerate(grown)]
    assert said(words_of("\n\n".join(cues), "srt")) == "Hello dear friends and so"


def test_somebody_who_says_the_same_twice_is_believed() -> None:
    lines = ["No.", "No.", "I said it twice.", "Did I?", "I did.", "Well."]
    cues = [f"{i + 1}\n00:00:0{i},000 --> 00:00:0{i + 1},000\n{text}" for i, text in enumerate(lines)]
    assert said(words_of("\n\n".join(cues), "srt")) == " ".join(lines)


def test_two_cues_at_once_are_not_mixed_word_by_word() -> None:
    text = (
        "1\n00:00:01,000 --> 00:00:05,000\nThe first one speaks.\n\n"
        "2\n00:00:01,000 --> 00:00:05,000\nSo does the second.\n\n"
        "3\n00:00:04,800 --> 00:00:06,000\nThe third.\n"
    )
    words = words_of(text, "srt")
    assert said(words) == "The first one speaks. So does the second. The third."
    assert all(before.end_s <= after.start_s + 0.001 for before, after in zip(words, words[1:], strict=False))


def test_damaged_cues_are_named_and_the_others_come_in() -> None:
    text = (
        "1\n00:00:01,000 --> 00:00:02,000\nOne.\n\n2\n00:00:xx,000 --> 00:00:03,000\nTwo.\n\n"
        "3\n00:00:05,000 --> 00:00:04,000\nThree.\n4\n00:00:06,000 --> 00:00:07,000\nFour\n\nand more.\n5\n00:00:08"
    )
    told: list[Damaged] = []
    assert said(words_of(text, "srt", told.append)) == "One. Four and more. 5 00:00:08"
    assert [one.line for one in told] == [6, 10] and told[0].text == "00:00:xx,000 --> 00:00:03,000"


def test_cues_without_empty_lines_between_them_keep_their_numbers_out_of_the_text() -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\nOne\n2\n00:00:02,000 --> 00:00:03,000\nTwo\n"
    assert said(words_of(text, "srt")) == "One Two"


def test_a_cue_that_stands_long_after_its_words_does_not_stretch_them() -> None:
    words = words_of("1\n00:00:01,000 --> 00:00:31,000\nYes, please.\n", "srt")
    assert words[0].start_s == 1 and words[-1].end_s < 5


@pytest.mark.parametrize("content", ["", "WEBVTT\n\n", "just some text\nwithout times", "\0\1\2"])
def test_no_subtitles_are_refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "notes.srt"
    path.write_text(content)
    with pytest.raises(UserError) as refused:
        words_of(path)
    assert refused.value.code == "subtitles.none" and "notes.srt" in refused.value.text


def test_writing_without_spaces_is_timed_letter_by_letter() -> None:
    words = words_of("1\n00:00:01,000 --> 00:00:03,000\n今日は、いい 天気。OK\n", "srt")
    assert [word.text for word in words] == ["今", "日", "は、", "い", "い", "天", "気。", "OK"]


def test_a_known_text_spreads_over_its_sound_by_letters() -> None:
    words = evenly("a considerable amount", 10, 13)
    assert [word.text for word in words] == ["a", "considerable", "amount"]
    assert words[0].start_s == 10 and words[-1].end_s == pytest.approx(13)
    assert words[1].end_s - words[1].start_s > 1.5
