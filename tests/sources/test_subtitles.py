"""Subtitles as people have them become words with times, each said once."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import UserError
from core.project.records import Word
from core.sources.subtitles.words import DamagedCaption, evenly, words_of

DATA = Path(__file__).parents[1] / "data" / "subtitles"
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
    assert said(words_of(path, "srt", language="pt")) == "Não é você. São três."


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
    assert said(words) == "We are in New York & Rio It's cold"
    assert words[0].start_s == 1 and words[-2].start_s == 3602.5


def test_speakers_and_sounds_are_not_words_but_what_only_looks_like_them_is() -> None:
    lines = [
        ">> JOHN: Hello there.", "- Is it you?", "Speaker 2: It is.", "[Music]", "(applause)", "♪ la la ♪",
        "Remember: 5 < 7 (or so).", "{\\an8}Up here.",
    ]  # fmt: skip
    cues = "\n\n".join(
        f"{i + 1}\n00:00:{2 * i:02},000 --> 00:00:{2 * i + 2:02},000\n{line}" for i, line in enumerate(lines)
    )
    assert said(words_of(cues, "srt")) == ("Hello there. Is it you? It is. la la Remember: 5 < 7 (or so). Up here.")


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


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["Maria Silva: Bom dia.", "João: Oi.", "e mais"], "Bom dia. Oi. e mais"),
        (["Ana: Oi.", "Sim?", "Ana: Sim.", "Rui: Não.", "x", "y", "Ana: Foi."], "Oi. Sim? Sim. Rui: Não. x y Foi."),
        (["Lembre: é hoje.", "Certo.", "Fim."], "Lembre: é hoje. Certo. Fim."),
    ],
)
def test_names_that_a_meeting_puts_before_what_is_said_are_not_spoken(lines: list[str], text: str) -> None:
    assert said(words_of("WEBVTT\n\n" + cues(*lines).replace(",", "."))) == text


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
    told: list[DamagedCaption] = []
    assert said(words_of(text, "srt", told.append)) == "One. Four and more. 5 00:00:08"
    assert [event.line for event in told] == [6, 10] and told[0].text == "00:00:xx,000 --> 00:00:03,000"


def test_cues_without_empty_lines_between_them_keep_their_numbers_out_of_the_text() -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\nOne\n2\n00:00:02,000 --> 00:00:03,000\nTwo\n"
    assert said(words_of(text, "srt")) == "One Two"


def test_a_cue_that_stands_long_after_its_words_does_not_stretch_them() -> None:
    words = words_of("1\n00:00:01,000 --> 00:00:31,000\nYes, please.\n", "srt")
    assert words[0].start_s == 1 and words[-1].end_s < 5


@pytest.mark.parametrize("content", ["", "WEBVTT\n\n", "just some text\nwithout times", "\1\2"])
def test_no_subtitles_are_refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "notes.srt"
    path.write_text(content)
    with pytest.raises(UserError) as refused:
        words_of(path)
    assert refused.value.code == "subtitles.none" and "notes.srt" in refused.value.text


def cues(*lines: str) -> str:
    return "\n\n".join(
        f"{n}\n00:00:{2 * n:02},000 --> 00:00:{2 * n + 2:02},000\n{line}" for n, line in enumerate(lines)
    )


@pytest.mark.parametrize(
    "line",
    [
        "Das kostet 20 € und 50 % mehr.", "Rock & Roll", "C# und F#", "siehe § 5", "2 + 2 = 4", "bei 25 °C",
        "5 - 3 = 2",         "a @ b", "½ Liter für £ 3", "number #1",
        "6 / 2 * 5", "x > 3", "-5 degrees", "R$ 10", "10:30 h", "₿ 2", "≥ 90 %",
        "1990 – 1995", "Nº 5", "well (as I said) it costs $5", "Remember: this", "AT&T", "and/or",
    ],
)  # fmt: skip
def test_signs_that_are_spoken_stay(line: str) -> None:
    assert said(words_of(cues(line), "srt")) == line


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (r"{\an8}Up\Nhere,\hnow\nand {\i1}then{\i0}", "Up here, now and then"), ("{y:i}All {Y:b}of it", "All of it"),
        ("<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>", "漢"), ("<ruby>K<rt>kay</ruby>enobi", "Kenobi"),
        ("<font color=\"#fff\">Red</font><br/>and<BR>blue", "Red and blue"),
        ("A &amp; B &lt;i&gt;so&lt;/i&gt;", "A & B so"),
        ("♪ la la ♪", "la la"), ("# la la la #", "la la la"), ("#We will rock you#", "We will rock you"),
        ("-Hello. -Hi!", "Hello. Hi!"), ("– Hello\n— Hi", "Hello Hi"), ("‐Yes", "Yes"), (">> MARY: Go on", "Go on"),
        ("(laughs) MAN: Take it", "Take it"), ("[door\nopens] Come in", "Come in"), ("(a long\nsigh)", ""),
        ("【音楽】はい", "は い"), ("（笑）", ""), ("-----", ""), ("* * *", ""), ("...", ""), ("=====", ""),
        ("[MUSIC] MAN (off): Take #1", "Take #1"), ("<v Roger Bingham>We <c.yellow.bg>are</c>", "We are"),
    ],
)  # fmt: skip
def test_what_is_not_spoken_goes(line: str, text: str) -> None:
    assert said(words_of(cues("One.", line, "Two."), "srt")).replace(" ", "") == f"One.{text}Two.".replace(" ", "")


def test_notes_styles_and_regions_of_webvtt_are_neither_spoken_nor_called_damaged() -> None:
    told: list[DamagedCaption] = []
    words = words_of(DATA / "style.vtt", "vtt", told.append)
    assert told == []
    assert said(words) == "We are in New York City & more Hello there General Kenobi"


ASS = """[Script Info]
Title: x, y
[V4+ Styles]
Format: Name, Fontname
Style: Default,Arial
[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Comment: 0,0:00:00.00,0:00:01.00,Default,,0,0,0,,Not said
Dialogue: 0,0:00:01.50,0:00:03.00,Default,Ann,0,0,0,,{\\k20}Well, {\\k30}yes\\NHe said: "no, 5 %"
Dialogue: 1,0:00:01.50,0:00:03.00,Default,Ann,0,0,0,,{\\k20}Well, {\\k30}yes\\NHe said: "no, 5 %"
Dialogue: 0,0:00:xx.00,0:00:04.00,Default,,0,0,0,,Broken
Dialogue: 0,0:00:04.00,0:00:05.00,Sign,,0,0,0,,{\\p1}m 0 0 l 10 10{\\p0}End
"""
TTML = """<?xml version="1.0" encoding="UTF-8"?>
<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" ttp:tickRate="10"
 xmlns:tts="http://www.w3.org/ns/ttml#styling" ttp:frameRate="25">
 <head><metadata>no</metadata></head><body><div begin="1s">
<p begin="500ms" end="2s">Good <span tts:color="red">morning</span>,<br/>all &amp; one</p>
<p begin="00:00:02:05" dur="10t"><span tts:ruby="base">K</span><span tts:ruby="text">kay</span>enobi</p>
<p begin="4s" end="6s"><span begin="0.5s">Word</span> <span begin="1s">times</span></p>
<p begin="8s">no end</p></div></body></tt>"""


@pytest.mark.parametrize(
    ("ending", "content", "text", "first_s", "damaged"),
    [
        ("ass", ASS, 'Well, yes He said: "no, 5 %" End', 1.5, 1),
        ("sbv", "0:00:00.500,0:00:02.000\nHello,\nyou\n\n0:00:02.500,0:00:01.000\nBroken\n", "Hello, you", 0.5, 1),
        ("sub", "00:00:01.00,00:00:03.00\nHello[br]you\n", "Hello you", 1.0, 0),
        ("sub", "{1}{1}25\n{50}{75}{y:i}Hello|/you\n{x}{y}bad\n", "Hello you", 2.0, 1),
        ("lrc", "[ar:A]\n[offset:+500]\n[00:02.00][00:06.00]Hello you\n[00:04.00]Bye\n[00:05.0]\n",
         "Hello you Bye Hello you", 1.5, 0),
        ("lrc", "[00:01.00]<00:01.00>so <00:02.00>it <00:03.00>goes\n", "so it goes", 1.0, 0),
        ("ttml", TTML, "Good morning, all & one Kenobi Word times", 1.5, 1),
        ("dfxp", TTML.replace("ns/ttml\"", "2006/10/ttaf1\""), "Good morning, all & one Kenobi Word times", 1.5, 1),
        ("vtt", cues("Named wrongly."), "Named wrongly.", 0.0, 0),
        ("srt", "1\n00:00:01,500 → 00:00:02,500\nHi\n2\n00:00:03,000 –> 00:00:04,000\nYou\n", "Hi You", 1.5, 0),
        ("txt", "1.500000\t2.000000\tHi\n\\\t100.0\t200.0\n3.0\t4.0\tyou\n", "Hi you", 1.5, 0),
        ("txt", "start\tend\ttext\n1500\t2000\tHi you\n", "Hi you", 1.5, 0),
        ("txt", "[00:01.500 --> 00:02.000]  Hi\n[00:03.000 --> 00:04.000]  you\n", "Hi you", 1.5, 0),
        ("txt", "0:02\nbom dia\n0:04 pessoal\n1:00:09\nfim\n", "bom dia pessoal fim", 2.0, 0),
        ("srt", "00:00:01:500 -> 00:00:02:500  X1:10 X2:20\nHi\n", "Hi", 1.5, 0),
    ],
)  # fmt: skip
def test_other_kinds_of_subtitles_are_read(
    tmp_path: Path, ending: str, content: str, text: str, first_s: float, damaged: int
) -> None:
    path = tmp_path / f"talk.{ending}"
    path.write_text(content, encoding="utf-8")
    told: list[DamagedCaption] = []
    words = words_of(path, ending, told.append)
    assert said(words) == text and words[0].start_s == first_s and len(told) == damaged, told


def test_times_of_single_words_count_in_every_kind_that_has_them() -> None:
    assert [word.start_s for word in words_of(TTML, "ttml")][-2:] == [5.5, 6.0]
    assert [word.start_s for word in words_of("[00:01.00]<00:01.00>so <00:02.00>it <00:03.00>goes", "lrc")] == [1, 2, 3]


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.smi", b"<SAMI><BODY><SYNC Start=0><P>Hi</BODY></SAMI>", "subtitles.format"),
        ("a.sub", b"\0\0\1\xba\x44\0\4\0\4\1\0\0", "subtitles.format"), ("a.sup", b"PG\0\0\x12", "subtitles.format"),
        ("a.sub", b"{25}{50}Hello\n{60}{80}you\n", "subtitles.no_rate"),
        ("a.txt", b"Speaker 1  0:05\nHi there\nSpeaker 2  0:09\nYou\n", "subtitles.format"),
        ("a.txt", b"00:00:01:10 - 00:00:03:05\nAna\nHi.\n\n00:00:03:05 - 00:00:05:05\nYou.\n", "subtitles.format"),
        ("a.TextGrid", b'File type = "ooTextFile"\nObject class = "TextGrid"\n', "subtitles.format"),
        ("a.scc", b"Scenarist_SCC V1.0\n", "subtitles.format"),
        ("a.ttml", b'<!DOCTYPE tt [<!ENTITY a "b">]><tt><body/></tt>', "subtitles.none"),
        ("a.ttml", b"<tt><body>", "subtitles.none"),
        ("a.srt", "1\n00:00:01,000 --> 00:00:02,000\nЗдравствуйте\n".encode("cp1251"), "text.encoding"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_name_and_what_to_do(
    tmp_path: Path, name: str, content: bytes, code: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError) as refused:
        words_of(path, path.suffix, language="pl")
    assert refused.value.code == code and name in refused.value.text and refused.value.hint


def test_writing_without_spaces_is_timed_letter_by_letter() -> None:
    words = words_of("1\n00:00:01,000 --> 00:00:03,000\n今日は、いい 天気。OK\n", "srt")
    assert [word.text for word in words] == ["今", "日", "は、", "い", "い", "天", "気。", "OK"]


def test_a_known_text_spreads_over_its_sound_by_letters() -> None:
    words = evenly("a considerable amount", 10, 13)
    assert [word.text for word in words] == ["a", "considerable", "amount"]
    assert words[0].start_s == 10 and words[-1].end_s == pytest.approx(13)
    assert words[1].end_s - words[1].start_s > 1.5
