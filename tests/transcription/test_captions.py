"""Words become captions that can be read, and are written as SRT and WebVTT."""

from __future__ import annotations

import numpy as np

from core.project.records import Word
from core.transcription.captions import Caption, captions, srt, vtt
from core.transcription.words import without_silence
from tests.audio.sounds import tone


def timed(text: str, at: float = 0.0, each_s: float = 0.5) -> list[tuple[str, float, float]]:
    return [(word, at + each_s * n, at + each_s * (n + 1) - 0.1) for n, word in enumerate(text.split())]


def texts(entries: list[Caption]) -> list[str]:
    return [entry.text for entry in entries]


def test_a_caption_ends_with_its_sentence_and_before_a_pause() -> None:
    words = [*timed("It was late. Nobody came."), *timed("Then a knock", 4.0)]
    entries = captions(words, "en")
    assert texts(entries) == ["It was late.", "Nobody came.", "Then a knock"]
    assert [(entry.start_s, round(entry.end_s, 3)) for entry in entries] == [(0.0, 1.4), (1.5, 2.4), (4.0, 5.4)]


def test_no_caption_is_too_long_to_be_read_and_no_word_is_lost() -> None:
    for each_s in (0.05, 0.9):
        words = timed("and so it went on and on " * 20, each_s=each_s)
        entries = captions(words, "en")
        assert max(len(entry.text) for entry in entries) <= 84
        assert max(entry.end_s - entry.start_s for entry in entries) <= 7
        assert " ".join(texts(entries)).split() == [word for word, _, _ in words]
        assert all(first.end_s <= two.start_s for first, two in zip(entries, entries[1:], strict=False))


def test_what_is_written_without_spaces_is_shown_without() -> None:
    assert texts(captions([("你", 0.0, 0.2), ("好。", 0.2, 0.4), ("再", 0.5, 0.6), ("见", 0.6, 0.7)], "zh")) == [
        "你好。",
        "再见",
    ]


def test_a_word_begins_where_its_sound_does_and_a_faint_onset_stays() -> None:
    rate = 16_000
    sound = np.concatenate(
        [np.full(rate, 1e-4), tone(1.0, rate, 220.0), 0.1 * tone(0.1, rate, 220.0), tone(0.9, rate, 220.0)]
    )
    words = [Word(0.2, 2.0, "One", 0.5), Word(2.0, 3.0, "two", 0.5), Word(3.5, 3.6, "three", 0.5)]
    first, second, third = without_silence(words, sound.astype(np.float32), rate)
    assert abs(first.start_s - 0.95) < 0.02 and first.end_s == 2.0
    assert (second, third) == (words[1], words[2])


def test_times_that_overlap_or_run_backwards_are_put_right() -> None:
    first, second = captions([("One.", 0.0, 2.0), ("Two.", 1.5, 1.2)], "en")
    assert (first.end_s, second.start_s, second.end_s) == (1.5, 1.5, 1.5)
    assert captions([], "en") == []


def test_srt_and_vtt_are_as_players_read_them() -> None:
    entries = [Caption(0.5, 3661.25, "A <b> & c."), Caption(4000.0, 4001.0, "D.", "Ana")]
    assert srt(entries) == "1\n00:00:00,500 --> 01:01:01,250\nA <b> & c.\n\n2\n01:06:40,000 --> 01:06:41,000\nD.\n"
    assert vtt(entries, "A note.") == (
        "WEBVTT\n\nNOTE A note.\n\n00:00:00.500 --> 01:01:01.250\nA &lt;b&gt; &amp; c.\n\n"
        "01:06:40.000 --> 01:06:41.000\n<v Ana>D.\n"
    )
    assert srt([]) == "" and vtt([]) == "WEBVTT\n"
