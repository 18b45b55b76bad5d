"""Strings and how numbers and times are written."""

from __future__ import annotations

from core.jobs.job import busy
from ui.i18n import Translator


def test_numbers_are_written_as_the_language_does() -> None:
    assert Translator("en").number(1234.5, 1) == "1,234.5"
    assert Translator("pt-BR").number(1234.5, 1) == "1.234,5"


def test_lengths_read_well_at_every_size() -> None:
    t = Translator("en")
    assert [t.length(s) for s in (42, 185, 34 * 60, 7800)] == ["42 s", "3 min 05 s", "34 min", "2 h 10 min"]


def test_an_error_is_told_in_the_pages_language_with_its_values() -> None:
    error = busy({"kind": "train", "title": "Ana 2"})
    text = Translator("pt-BR").error(error.code, error.text, error.hint, error.values)
    assert "Ana 2" in text
    assert Translator("pt-BR")("kinds.train") in text
    assert "still running" not in text


def test_an_error_without_translation_is_told_as_it_was_raised() -> None:
    assert Translator("pt-BR").error("made.up", "It broke.", "Mend it.", {}) == "It broke. Mend it."
