"""Many texts changed at once: shown before, undone as one, and never by a pattern that takes for ever."""

from __future__ import annotations

import time

import pytest

from core.clips import bulk, history
from core.clips.bulk import Replacement, tidy
from core.errors import UserError
from core.project.records import Clip, Source
from core.project.workspace import Project

TEXTS = ("The cat sat.", "Cathy's CAT, the cat.", "No animal 12.", "A cat, rejected.")


@pytest.fixture
def texts(project: Project) -> Project:
    """Four clips, the last of them rejected."""
    project.store.add_source(Source("s", "S"))
    clips = [Clip(f"s-{n}", "s", n * 5.0, n * 5.0 + 4, text) for n, text in enumerate(TEXTS)]
    project.store.replace_clips("s", clips)
    project.store.edit_clip("s-3", status="rejected")
    return project


@pytest.mark.parametrize(
    ("replacement", "result"),
    [
        (Replacement("cat", "dog"), ["The dog sat.", "doghy's dog, the dog."]),
        (Replacement("cat", "dog", match_case=True), ["The dog sat.", "Cathy's CAT, the dog."]),
        (Replacement("cat", "dog", whole_words=True), ["The dog sat.", "Cathy's dog, the dog."]),
        (Replacement("cat.", r"\1"), [r"Cathy's CAT, the \1"]),  # plain text is no pattern, nor is what replaces it
        (Replacement(r"(\w+) (\d+)", r"\2 \1", is_pattern=True), ["No 12 animal."]),
    ],
)
def test_what_is_shown_is_what_is_replaced(texts: Project, replacement: Replacement, result: list[str]) -> None:
    preview = bulk.preview_replacement(texts, replacement)
    assert [change.new for change in preview.changes] == result
    assert [clip.text for clip in texts.store.clips()] == list(TEXTS), "nothing is changed before it was seen"
    assert bulk.replace_in_texts(texts, replacement, stamp=preview.stamp) == len(result)
    assert [texts.store.clip(change.clip_id).text for change in preview.changes] == result
    change = history.undo(texts)
    assert (change.kind, change.count) == ("correction", len(result))
    assert [clip.text for clip in texts.store.clips()] == list(TEXTS)


def test_other_texts_than_were_shown_are_not_changed(texts: Project) -> None:
    stamp = bulk.preview_replacement(texts, Replacement("cat", "dog")).stamp
    texts.store.edit_clip("s-2", text="Another cat.")
    with pytest.raises(UserError) as refused:
        bulk.replace_in_texts(texts, Replacement("cat", "dog"), stamp=stamp)
    assert refused.value.code == "clips.changed" and texts.store.clip("s-0").text == TEXTS[0]


def test_texts_changed_between_reading_and_writing_are_refused_as_a_whole(texts: Project) -> None:
    with pytest.raises(UserError) as refused:
        texts.store.replace_texts({"s-0": (TEXTS[0], "new"), "s-1": ("as it never was", "new")})
    assert refused.value.code == "clips.changed" and texts.store.clip("s-0").text == TEXTS[0]


def test_a_pattern_that_would_take_for_ever_is_given_up(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_PATIENCE_S", 0.3)
    project.store.add_source(Source("s", "S"))
    project.store.replace_clips("s", [Clip("s-0", "s", 0, 4, "1," * 60)])
    began = time.process_time()
    with pytest.raises(UserError) as refused:
        bulk.preview_replacement(project, Replacement("(.*?,){25}P", "", is_pattern=True))
    assert refused.value.code == "bulk.slow" and time.process_time() - began < 3


@pytest.mark.parametrize(
    ("replacement", "code"),
    [
        (Replacement("(", "", is_pattern=True), "bulk.pattern"),
        (Replacement("cat", r"\7", is_pattern=True), "bulk.pattern"),
        (Replacement("  "), "bulk.nothing"),
        (Replacement("x" * 301), "bulk.nothing"),
        (Replacement("", "x", is_pattern=True), "bulk.nothing"),
        (Replacement("[a-z ]", "y" * 2_000, is_pattern=True), "bulk.too_long"),
    ],
)
def test_what_cannot_be_looked_for_says_why(texts: Project, replacement: Replacement, code: str) -> None:
    with pytest.raises(UserError) as refused:
        bulk.preview_replacement(texts, replacement)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("hello ,world !!", "Hello, world!"),
        ("“it’s late”", '"It\'s late."'),
        ("wait....... what", "Wait... what."),
        ("Fine.", "Fine."),
        ("custa 1,50 às 10:30", "Custa 1,50 às 10:30."),
        ("é assim", "É assim."),
        ("你好世界", "你好世界"),
        ("مرحبا بالعالم", "مرحبا بالعالم"),
        ("", ""),
    ],
)
def test_texts_are_tidied_without_changing_a_word(text: str, result: str) -> None:
    assert tidy(text) == result and tidy(result) == result


def test_tidying_is_shown_and_undone_as_one(texts: Project) -> None:
    texts.store.edit_clip("s-0", text="the cat sat")
    preview = bulk.preview_tidying(texts)
    assert [change.new for change in preview.examples] == ["The cat sat."]
    assert bulk.tidy_texts(texts, stamp=preview.stamp) == 1
    history.undo(texts)
    assert texts.store.clip("s-0").text == "the cat sat"
