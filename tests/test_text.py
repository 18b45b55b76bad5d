"""Texts are cleaned at one place: what is not seen goes, what a script needs stays, and characters can be named."""

from __future__ import annotations

import pytest

from core.text import clean_text, describe_characters

UNSEEN = [
    *("\u200b", "\u00ad", "\ufeff", "\u2060", "\u200e", "\u200f", "\u202a", "\u202b", "\u202c", "\u202d", "\u202e"),
    *("\u2061", "\u2062", "\u2063", "\u2064", "\u2066", "\u2067", "\u2068", "\u2069", "\u206a", "\u061c", "\u180e"),
    *("\ufe0e", "\ufe0f", "\U000e0101", "\u034f", "\u115f", "\u3164", "\ufffc", "\ufff9", "\U000e0061", "\ud800"),
    *("\u200c", "\u200d", "\u180b", "\U0001d173"),
]
SPACES = ["\u00a0", "\u202f", "\u2009", "\u3000", "\u2003", "\u1680", "\u2028", "\u2029", "\x85", "\t", "\r\n", "\x00"]


@pytest.mark.parametrize("sign", UNSEEN, ids=lambda sign: f"U+{ord(sign):04X}")
def test_what_is_not_seen_goes(sign: str) -> None:
    assert clean_text(f"{sign}Hello{sign} w{sign}{sign}örld.{sign}") == "Hello wörld."
    assert clean_text(sign) == ""


@pytest.mark.parametrize("space", [*SPACES, "\u2800"], ids=lambda space: f"U+{ord(space[0]):04X}")
def test_every_space_is_one_space(space: str) -> None:
    assert clean_text(f"{space}one{space} {space}twö{space}") == "one twö"


@pytest.mark.parametrize(
    "text",
    [
        "می‌خواهم بروم.",  # Persian: without its joiner another word
        "क्‍ष और श्‍री",  # Hindi: half letters
        "ශ්‍රී ලංකාව",  # Sinhala
        "নির‌্বাচন",
        "അവന്‍റെ",
    ],
)
def test_joiners_stay_where_the_script_needs_them(text: str) -> None:
    assert clean_text(text) == text


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("\u200dمی\u200c\u200cخواهم\u200c", "می\u200cخواهم"),
        ("می\u200chello", "میhello"),
        ("👩\u200d🔧", "👩🔧"),
        ("ca\u200dfe\u0301", "café"),
    ],
)
def test_stray_joiners_go(text: str, cleaned: str) -> None:
    assert clean_text(text) == cleaned


def test_letters_are_composed_even_where_something_unseen_stood_between() -> None:
    assert clean_text("a\u0303 e\u200b\u0301 \u1112\u1161\u11ab") == "ã é 한"


@pytest.mark.parametrize("text", ["3rd St., 10:30 “São” — 20 € & C# ½ m² ﬁn！", "١٢٣ شخص", "\ufffd", "۝ ١", "☂ 🍕 ❤"])
def test_what_is_seen_stays_as_written(text: str) -> None:
    assert clean_text(text) == text


def test_cleaning_twice_changes_nothing() -> None:
    text = "".join(f"a{entry} " for entry in (*UNSEEN, *SPACES)) + "می\u200c\u200bخ क्\u200d\u00adष"
    assert clean_text(clean_text(text)) == clean_text(text)


def test_a_character_is_named_so_that_it_can_be_seen() -> None:
    assert describe_characters("K") == "“K” (U+004B LATIN CAPITAL LETTER K)"
    assert describe_characters("\u200b🍕") == "“ ” (U+200B ZERO WIDTH SPACE), “🍕” (U+1F355 SLICE OF PIZZA)"
    assert describe_characters("\u0307") == "“\u25cc\u0307” (U+0307 COMBINING DOT ABOVE)"
    assert describe_characters("\u202e") == "“ ” (U+202E RIGHT-TO-LEFT OVERRIDE)"
    assert describe_characters("\ue000") == "“ ” (U+E000 unnamed)"
