"""Numbers, amounts, times, signs and abbreviations in words; everything else as it stands."""

from __future__ import annotations

import pytest

from core.spelling.speller import write_out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Only 42 of them.", "Only forty-two of them."),
        ("3.5 kg, 1 km, 5-10 km/h", "three point five kilograms, one kilometer, five to ten kilometers per hour"),
        ("6 ft. or 5m, the 90s", "six feet. or five m, the nineties"),
        ("It costs $20.", "It costs twenty dollars."),
        ("At 10:30 in 1998", "At ten thirty in nineteen ninety-eight"),
        ("The 2nd of May", "The second of May"),
        ("Dr. Smith & Mr. Jones: 50 %", "doctor Smith and mister Jones: fifty percent"),
        ('“Ana” said "No" – in Café L’Été!', '“Ana” said "No" – in Café L’Été!'),
        ("a ^ b | c", "a ^ b | c"),
    ],
)
def test_english_is_in_words_and_what_is_no_number_or_sign_stays_as_it_stands(text: str, words: str) -> None:
    assert write_out(text, "en") == words == write_out(words, "en-GB")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Só 42 deles.", "Só quarenta e dois deles."),
        ("3,5 kg por R$ 20", "três vírgula cinco quilos por vinte reais"),
        (
            "Às 10h30 de 25/12/2026",
            "Às dez horas e trinta de vinte e cinco de dezembro de dois mil e vinte e seis",
        ),
        ("A 2ª vez, no século XXI", "A segunda vez, no século vinte e um"),
        ("O Dr. Silva e a Sra. Ana", "O doutor Silva e a senhora Ana"),
        ("Ônibus às 5, “Ótimo”!", "Ônibus às cinco, “Ótimo”!"),
    ],
)
def test_portuguese_is_in_words_by_its_own_rules(text: str, words: str) -> None:
    assert write_out(text, "pt-BR") == words == write_out(words, "pt")


def test_a_text_of_a_language_without_rules_stays_as_it_stands() -> None:
    assert write_out("Hej 5 Å, 20 %", "sv") == "Hej 5 Å, 20 %" == write_out("Hej 5 Å, 20 %", "")


def test_chinese_keeps_its_own_signs() -> None:
    assert write_out("３个！5％？你好，12：30", "zh-cn") == "三个！百分之五？你好，十二点三十分"
