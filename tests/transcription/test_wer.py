"""The word error rate, and what counts as the same word."""

import pytest

from core.transcription.wer import edits, normalize, wer


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Dial 500, then press 3!", "dial five hundred then press three"),
        ("It cost 12,345 dollars", "it cost twelve thousand three hundred forty five dollars"),
        ("Extension 0042", "extension zero zero four two"),
        ("I'm sure that's right; you can't say it isn’t.", "i am sure that is right you can not say it is not"),
        ("The user's mail", "the users mail"),
        ("re-enter  your open-source PBX", "re enter your open source pbx"),
        ("Won't they? They'll've", "will not they they'll have".replace("'", "")),
    ],
)
def test_numbers_contractions_and_punctuation_are_made_plain(written: str, spoken: str) -> None:
    assert normalize(written) == spoken


def test_other_languages_keep_their_letters_and_figures() -> None:
    assert normalize("Olá, você tem 3 opções!", "pt") == "olá você tem 3 opções"
    assert normalize("हिन्दी में।", "hi") == "हिन्दी में"


def test_unspaced_scripts_are_counted_by_the_character() -> None:
    assert wer("你好世界", "你好世间", "zh-cn") == pytest.approx(0.25)


def test_each_kind_of_error_counts_once() -> None:
    assert edits("one two three four", "one too three four") == 1
    assert edits("one two three four", "one three four") == 1
    assert edits("one two three four", "one two two three four") == 1
    assert wer("one two three four", "1 2 3 4") == 0


def test_rate_is_by_the_words_of_the_reference() -> None:
    assert wer("one two", "one two three four five") == pytest.approx(1.5)
    assert wer("", "") == 0
    assert wer("", "something") == 1
