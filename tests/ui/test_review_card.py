"""The card of a clip under review: its sound, its words, in every writing and of every length."""

from __future__ import annotations

import json
import re
import time
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from core.audio.samples import write_wav
from core.clips.review import Spot, spot
from core.project.records import Clip, Source, Word
from core.project.workspace import Project
from tests.audio.sounds import tone
from ui.i18n import Translator
from ui.tabs.review import card, picture
from ui.tabs.review.words import text_words

EN = Translator("en")


def shown(project: Project, clip: Clip, words: list[Word] | None = None) -> tuple[str, Spot]:
    """The card of a clip with its words."""
    project.store.add_source(Source("s", "Talk", seconds=90.0))
    project.store.replace_clips("s", [clip])
    project.store.replace_words("s", 0, 90, words or [])
    write_wav(project.clip_file(clip.id), tone(max(0.1, clip.seconds), 22_050), 22_050)
    place = spot(project, "all", clip.id)
    assert place is not None
    return card.review_card(EN, project, place), place


def test_the_picture_is_of_the_sound_that_is_used(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.store.add_source(Source("s", "Talk", seconds=9.0))
    project.store.replace_clips("s", [Clip("s-0001", "s", 0, 4, text="Hello.")])
    project.denoised_file("s").parent.mkdir(parents=True, exist_ok=True)
    project.denoised_file("s").touch()
    write_wav(project.clip_file("s-0001"), tone(4, 22_050), 22_050)
    pictures: list[Path] = []
    monkeypatch.setattr(picture, "peaks", lambda path, *_: pictures.append(path) or np.zeros((0, 2)))
    for use in ("original", "cleaned"):
        project.store.change_source("s", use=use)
        found = spot(project)
        assert found is not None
        card.review_card(Translator("en"), project, found)
    assert pictures == [project.source_file("s"), project.denoised_file("s")]


def test_a_clip_that_nothing_has_heard_leads_back_to_the_transcripts(project: Project) -> None:
    project.store.add_source(Source("s", "Talk", seconds=9.0))
    project.store.replace_clips("s", [Clip("s-0001", "s", 0, 4)])

    def shown() -> str:
        found = spot(project)
        assert found is not None
        return card.review_card(Translator("pt-BR"), project, found)

    assert "Mande transcrever" in shown() and 'data-go="transcripts"' in shown()
    project.store.store_transcript("s-0001", "", 0.0, "pt")  # heard, and nobody speaks
    assert "Mande transcrever" not in shown()


def test_each_word_plays_from_where_it_is_said_and_doubtful_ones_are_marked_and_counted(project: Project) -> None:
    words = [Word(10.0, 10.4, "He"), Word(10.5, 10.9, "red", 0.2), Word(11.0, 11.6, "it.", 0.9)]
    clip = Clip("s-1", "s", 10, 12, text="He read it.", raw_text="He red it.", language="en", confidence=0.8)
    html, place = shown(project, clip, words)
    assert re.findall(r'data-at="([\d.]+)"', html) == ["0.000", "0.500", "1.000"]
    # Another model's word is offered in the place of the one that is written, and taken by one click.
    other = re.search(r'class="vw-other" data-begin="(\d+)" data-end="(\d+)" data-text="(\w+)"', html)
    assert other is not None and other.groups() == ("3", "7", "red")
    assert "1 word doubtful" in card.said_line(EN, place)


def test_a_word_recognised_with_little_probability_is_where_the_caret_goes(project: Project) -> None:
    words = [Word(0.0, 0.4, "A"), Word(0.5, 0.9, "😀"), Word(1.0, 1.4, "maybe", 0.3)]
    html, _ = shown(project, Clip("s-1", "s", 0, 2, text="A 😀 maybe", raw_text="A 😀 maybe"), words)
    doubts = re.search(r'data-doubts="([^"]*)"', html)
    assert doubts is not None and json.loads(unescape(doubts[1])) == [[5, 10]]  # a browser counts the sign as two


@pytest.mark.parametrize(
    ("text", "language", "count"),
    [("مرحبا بكم في البرنامج", "ar", 4), ("今日は天気がいいですね。", "ja", 11), ("你好，世界。", "zh", 4)],
)
def test_texts_of_every_writing_keep_their_direction_and_words(
    project: Project, text: str, language: str, count: int
) -> None:
    step = 3.0 / count
    clip = Clip("s-1", "s", 0, 3, text=text, raw_text=text, language=language)
    words = [Word(step * place, step * (place + 1), word.word.text) for place, word in enumerate(text_words(clip, []))]
    assert len(words) == count
    html, _ = shown(project, clip, words)
    assert html.count('class="vw-word"') == count
    assert f'dir="auto" lang="{language}"' in html and 'dir="auto" data-doubts' in html and text in html


def test_a_clip_of_a_tenth_of_a_second_is_shown(project: Project) -> None:
    html, place = shown(project, Clip("s-1", "s", 0, 0.1, text="a"), [Word(0.0, 0.1, "a")])
    assert 'id="review-approved"' in html and place.clip.seconds == 0.1


def test_a_text_of_ten_thousand_letters_is_shown_quickly_and_told_to_be_too_long(project: Project) -> None:
    text = "seven letter " * 770
    words = [Word(n * 0.05, n * 0.05 + 0.04, word) for n, word in enumerate(text.split()[:1500])]
    began = time.process_time()
    html, place = shown(project, Clip("s-1", "s", 0, 90, text=text, raw_text=text[::-1]), words)
    assert time.process_time() - began < 5
    assert "more than the 200 a model can learn from" in html and 'class="vw-word"' not in html
    assert len(card.said_line(EN, place)) < 100


def test_what_the_model_reads_is_shown_with_its_length_and_signs_without_a_sound_are_marked(project: Project) -> None:
    html, _ = shown(project, Clip("s-1", "s", 0, 2, text="It costs $5 ☃."))
    assert "five dollars" in html and "<mark>☃</mark>" in html and re.search(r"\d+ of 200 tokens", html)
