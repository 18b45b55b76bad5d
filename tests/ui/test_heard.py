"""What the models heard beside a clip's text: differences, doubtful words, and the buttons to take it."""

from __future__ import annotations

import re

from core.project.records import Clip, Word
from ui.i18n import Translator
from ui.tabs.review.readings import reading_lines

T = Translator("en")


def clip(text: str, raw: str = "", second: str = "") -> Clip:
    return Clip("a-1", "a", 0, 5, text=text, raw_text=raw, second_text=second, language="en")


def test_nothing_is_shown_where_recognition_agrees_and_was_sure() -> None:
    assert reading_lines(T, clip("All well.", "All well."), [Word(0, 1, "All", 0.9), Word(1, 2, "well.", None)]) == ""


def test_words_that_differ_are_marked_and_missing_ones_struck() -> None:
    line = reading_lines(T, clip("The old cat sat", "the cat, sat down"), [])
    assert "<mark>down</mark>" in line and "<s>old</s>" in line
    assert len(re.findall("<mark>", line)) == 1
    assert 'data-do="take_raw_text"' in line


def test_doubted_words_are_marked_though_the_text_is_the_same() -> None:
    words = [Word(0, 1, " A", 0.99), Word(1, 2, " rare", 0.31), Word(2, 3, " word.", 0.8)]
    line = reading_lines(T, clip("A rare word.", "A rare word."), words)
    assert re.findall(r'class="vw-doubt" title="([^"]+)"', line) == [T("review.word_sure", percent="31%")]
    assert ">rare</span>" in line
    assert "take_raw_text" not in line, "there is nothing to take"


def test_the_second_model_stands_apart_with_its_own_button() -> None:
    line = reading_lines(T, clip("Sun day", "Sun day", "Sunday <b>"), [])
    assert 'data-do="take_second_text"' in line and "take_raw_text" not in line
    assert "&lt;b&gt;" in line and "<b>" not in line
