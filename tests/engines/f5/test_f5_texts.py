"""Texts as F5-TTS reads them: token for token what f5-tts makes of them, and no letter that is lost in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.engines.f5.model.package import convert_char_to_pinyin
from core.engines.f5.text.conversion import to_tokens
from core.engines.f5.text.reading import F5Texts, missing_letters, sort_letters, text_ids
from core.engines.f5.text.vocabulary import Vocabulary, read_vocabulary
from core.errors import UserError

TEXTS = (
    "Some call me nature, others call me mother nature.",
    "O ônibus chegou ao térreo às 10,50; as informações estão no hotel.",
    "“Ótimo”, disse ela; ‘não é?’ — R$ 25,00 às 8h30…",
    "我在北京的图书馆里看书，今天天气很好。",
    "Mixed 中文 and English, ação e 你好!",
    "Привет, как дела? 123",
    "こんにちは、世界",
    "مرحبا بالعالم",
    "x",
    'A b\'c "d" e:f',
)


@pytest.mark.parametrize("text", TEXTS)
def test_tokens_are_those_of_the_package(text: str) -> None:
    assert to_tokens(text, "pinyin") == convert_char_to_pinyin([text])[0]


def test_every_missing_letter_is_named_with_what_becomes_of_it(tiny: Path) -> None:
    vocabulary = read_vocabulary(tiny)
    letters = sort_letters(["Ônibus, Õ „Ș” ș ª | ção ďas"], vocabulary, "pinyin")
    assert letters.replaced == {"Ô": "ô", "Õ": "õ", "Ș": "ș", "„": '"', "ª": "a"}
    assert letters.new == ("ď",)
    assert letters.unknown == ("|",)
    reading = F5Texts().read(tiny, "Ônibus | ção", "pt")
    assert reading.text.startswith("ônibus") and "|" in reading.unknown_characters and not reading.text.count("Ô")


def test_a_capital_that_the_base_lacks_is_read_as_its_small_letter_and_never_as_a_space(tiny: Path) -> None:
    vocabulary = read_vocabulary(tiny)
    assert text_ids("Ônibus", vocabulary, "pinyin") == text_ids("ônibus", vocabulary, "pinyin")
    with pytest.raises(UserError, match="[a-z]"):
        text_ids("龘", Vocabulary((" ", "a")), "pinyin")  # its sound has no token; the character itself gets no row
    assert sort_letters(["龘"], Vocabulary((" ", "a")), "pinyin").unknown == ("龘",)
    with pytest.raises(UserError) as refusal:
        text_ids("a | b", vocabulary, "pinyin")
    assert refusal.value.code == "speak.unknown_characters" and "VERTICAL LINE" in str(refusal.value)


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("en", "Dr. Ito ÷ 42", "doctor Ito divided by forty-two"),
        ("pt-BR", "Às 10h, 20 %", "Às dez horas, vinte por cento"),
    ],
)
def test_numbers_and_signs_are_read_in_words_of_the_language(tiny: Path, language: str, text: str, words: str) -> None:
    reading = F5Texts().read(tiny, text, language)
    assert reading.text == words and reading.differs and not reading.unknown_characters


def test_a_sign_that_is_read_in_words_is_none_that_the_base_lacks(tiny: Path) -> None:
    assert not missing_letters(tiny, ["6 ÷ 2"], "en") and F5Texts().check(tiny, "en")("6 ÷ 2") is None
    unread = F5Texts().check(tiny, "sv")("6 ÷ 2")  # of this language nothing is known
    assert [letter.character for letter in missing_letters(tiny, ["6 ÷ 2"], "sv")] == ["÷"] and unread is not None


def test_texts_are_judged_before_a_run_as_the_run_will(tiny: Path, tmp_path: Path) -> None:
    check = F5Texts().check(tiny, "pt")
    assert check("Ôba, não!") is None
    problem = check("a | b")
    assert problem is not None and problem.kind == "unknown_characters"
    silent = check("?!…")
    assert silent is not None and silent.kind == "no_words"
    assert F5Texts().check(tmp_path / "not there yet", "pt")("Olá") is None
