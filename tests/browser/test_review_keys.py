"""Review by keyboard alone: what is pressed happens, the focus stays, and it is told what happened."""

from __future__ import annotations

from typing import Any

import pytest

from core.audio.samples import write_wav
from core.project.records import Clip, Source, Word
from core.project.workspace import Project, Workspace
from tests.audio.sounds import tone
from tests.browser.conftest import Server
from ui.i18n import Translator

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PATIENCE_MS = 60_000
T = Translator("en")


@pytest.fixture
def project(server: Server) -> Project:
    """Five clips with the times of their words; recognition was unsure of one word of the second."""
    project = Workspace(server.workspace).create("Ana", "en")
    project.store.add_source(Source("s1", "Talk", seconds=40.0, sample_rate=16_000))
    texts = ["First it is.", "Then a sekond one.", "Third.", "Fourth.", "Fifth."]
    clips = [Clip(f"s1-{n:04d}", "s1", n * 5, n * 5 + 3, text, text, "en") for n, text in enumerate(texts, 1)]
    words = []
    for clip in clips:
        write_wav(project.clip_file(clip.id), tone(3, 22_050), 22_050)
        for place, word in enumerate(clip.text.split()):
            begin = clip.start_s + 0.7 * place
            words.append(Word(begin, begin + 0.6, word, 0.2 if word == "sekond" else 0.99))
    project.store.replace_clips("s1", clips)
    project.store.replace_words("s1", 0, 40, words)
    return project


class Keyboard:
    """Presses keys, counts them, and waits for what is said of each."""

    def __init__(self, page: Any) -> None:
        self.page, self.count = page, 0

    def press(self, *keys: str) -> None:
        """Press one key after the other."""
        for key in keys:
            self.page.keyboard.press(key)
            self.count += 1

    def said(self, beginning: str) -> None:
        """Wait until this is read out, and the card has the focus."""
        self.page.wait_for_function(
            "text => document.querySelector('#review-said')?.textContent.startsWith(text)"
            " && document.activeElement.id === 'review-card'",
            arg=beginning,
        )


def test_a_clip_right_as_it_is_takes_one_key_and_one_to_correct_two_and_typing(
    page: Any, server: Server, project: Project
) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"{server.url}/en/?project=ana&tab=review")
    page.wait_for_selector("#review-card")
    box = page.locator("#review-approved").bounding_box()
    assert box["y"] + box["height"] <= 800, "Approve is in sight without scrolling"
    keys = Keyboard(page)

    keys.press("a")
    keys.said(f"{T('review.said_approved')} 2 of 5: Then a sekond one., 1 word doubtful")
    page.wait_for_function("() => !document.querySelector('#review-card audio[controls]').paused")  # by itself
    assert page.locator("audio[hidden][preload=auto]").count() == 1  # the next one is loading already

    keys.press("e")  # the doubtful word is marked: what is typed takes its place
    page.wait_for_function("() => document.activeElement.id === 'review-text'")
    page.keyboard.type("second")
    page.wait_for_function("() => document.querySelector('#review-reads bdi').textContent === 'then a second one.'")
    keys.press("Control+Enter")
    keys.said(f"{T('review.said_approved')} 3 of 5: Third.")
    assert keys.count == 3
    clip = project.store.clip("s1-0002")
    assert (clip.text, clip.status) == ("Then a second one.", "approved")

    keys.press("Shift+R", "2")  # with a reason
    keys.said(f"{T('review.said_rejected')} 4 of 5: Fourth.")
    assert (project.store.clip("s1-0003").status, project.store.clip("s1-0003").reason) == ("rejected", "cut_word")

    keys.press("z")
    keys.said("Undone: rejection")
    assert page.locator(".vw-undone").inner_text().startswith("Undone: rejection")
    keys.press("y")
    keys.said("Redone: rejection.")
    assert project.store.clip("s1-0003").status == "rejected"

    keys.press("+", "?")
    page.wait_for_selector("dialog[open]")
    shown, before = page.get_attribute("#review-card", "data-clip"), [clip.status for clip in project.store.clips()]
    keys.press("a", "r", "z", "Escape")  # tried while reading the sheet, they do nothing behind it
    page.wait_for_function("() => document.activeElement.id === 'review-card'")
    assert page.get_attribute("#review-card", "data-clip") == shown
    assert [clip.status for clip in project.store.clips()] == before
    page.reload()
    page.wait_for_function("() => document.querySelector('#review-rate')?.textContent === '1.25×'")  # remembered


def test_on_a_zoomed_window_the_next_clip_comes_into_sight(page: Any, server: Server, project: Project) -> None:
    page.set_viewport_size({"width": 640, "height": 400})  # 1280 x 800 at 200 %
    page.goto(f"{server.url}/en/?project=ana&tab=review")
    page.wait_for_selector("#review-card")
    top = "document.querySelector('#review-card').getBoundingClientRect().top"
    assert page.evaluate(f"{top} > innerHeight / 2")
    page.keyboard.press("a")
    Keyboard(page).said(T("review.said_approved"))
    page.wait_for_function(f"() => {top} >= 0 && {top} < innerHeight / 2")


def test_what_was_typed_outlives_a_reload_and_escape_saves_it(page: Any, server: Server, project: Project) -> None:
    place = f"{server.url}/en/?project=ana&tab=review&filter=all&clip=s1-0003"
    page.goto(place)
    page.wait_for_selector("#review-card")
    page.keyboard.press("e")
    page.keyboard.type(" And more")
    page.reload()
    page.wait_for_function("() => document.querySelector('#review-text')?.value === 'Third. And more'")
    assert project.store.clip("s1-0003").text == "Third."
    page.keyboard.press("e")
    page.keyboard.type(".")
    page.keyboard.press("Escape")
    Keyboard(page).said(T("review.said_saved"))
    assert project.store.clip("s1-0003").text == "Third. And more."


def test_texts_are_replaced_after_they_were_shown(page: Any, server: Server, project: Project) -> None:
    page.goto(f"{server.url}/en/?project=ana&tab=review")
    page.click("#review-many > summary")
    page.fill("[name=find]", "sekond")
    page.fill("[name=replace]", "second")
    page.click("#preview-find")
    page.wait_for_selector(".vw-changed")
    assert "Then a second one." in page.inner_text(".vw-changed")
    page.click("#replace-texts")
    page.wait_for_selector(f"text={T('review.changed_many', count='1')}")
    assert project.store.clip("s1-0002").text == "Then a second one."
