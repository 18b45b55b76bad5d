"""One project in two windows: a correction made in one stays, whatever is pressed in the other, which then shows it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from core.audio.options import SegmentOptions
from core.clips import review
from core.clips.cut import cut_clip
from core.project.records import Clip, Source
from core.project.workspace import Project, Workspace
from tests.audio.sounds import tone, write
from tests.browser.conftest import Server
from ui.i18n import Translator

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PATIENCE_MS = 30_000
T = Translator("en")
SAID = "This clip was changed in another window; here is how it is now."


@pytest.fixture
def project(server: Server) -> Project:
    """Four clips of a recording, none reviewed; a second model heard the first otherwise."""
    project = Workspace(server.workspace).create("Ana", "en")
    project.sources.mkdir(exist_ok=True)
    source = Source("s1", "Talk", seconds=20.0, sample_rate=16_000)
    project.store.add_source(source)
    write(project.source_file("s1"), np.asarray(tone(20)))
    clips = [
        Clip(f"s1-{n:04d}", "s1", n * 5.0, n * 5.0 + 4, f"Text {n}.", f"Text {n}.", "en", confidence=0.97)
        for n in range(4)
    ]
    project.store.replace_clips("s1", [cut_clip(project, source, clip, SegmentOptions()) for clip in clips])
    project.store.second_opinion("s1-0000", "Text nought.", 0.4, "mismatch")
    return project


def text_of(page: Any, text: str) -> None:
    """Wait until the text field holds this."""
    page.wait_for_function("text => document.querySelector('#review-text')?.value === text", arg=text)


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE_MS / 1000
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    assert holds()


def told(page: Any, sentence: str) -> None:
    """Wait for the notice, and take it away, so that the next one is another."""
    toast = page.locator(".toast-body").filter(has_text=sentence).first
    toast.wait_for()
    toast.locator("button").first.click()
    page.wait_for_function("() => !document.querySelector('.toast-body')")


def test_a_correction_outlives_all_that_a_stale_window_asks_for(page: Any, server: Server, project: Project) -> None:
    store = project.store
    stale, place = page, f"{server.url}/en/?project=ana&tab=review&filter=all&clip=s1-0000"
    other = page.context.new_page()
    for window in (stale, other):
        window.goto(place)
        text_of(window, "Text 0.")

    other.fill("#review-text", "Corrected.")
    other.locator("h1:visible").click()
    until(lambda: store.clip("s1-0000").text == "Corrected.")
    stale.bring_to_front()  # behind another window a page is drawn once a second, and a click waits for that
    stale.click("#review-approved")
    told(stale, SAID)
    text_of(stale, "Corrected.")
    assert (store.clip("s1-0000").text, store.clip("s1-0000").status) == ("Corrected.", "new")

    # What was typed into the stale field is refused, not lost: it is offered.
    review.correct(project, "s1-0000", "Corrected again.")
    stale.fill("#review-text", "Typed here.")
    stale.locator("h1:visible").click()
    told(stale, SAID)
    text_of(stale, "Corrected again.")
    assert store.clip("s1-0000").text == "Corrected again." and "Typed here." in stale.inner_text(".vw-review")
    stale.click("#use-typed")
    text_of(stale, "Typed here.")
    assert store.clip("s1-0000").text == "Typed here."

    review.correct(project, "s1-0000", "Corrected once more.")
    for press in ("#take-second_text", "#review-rejected"):
        review.correct(project, "s1-0000", f"Corrected before {press}.")
        stale.click(press)
        told(stale, SAID)
        text_of(stale, f"Corrected before {press}.")
    review.correct(project, "s1-0003", "Elsewhere.")
    stale.keyboard.press("z")
    told(stale, SAID)
    stale.wait_for_selector('.vw-review[data-clip="s1-0003"]')  # what an undo would take back is shown
    assert store.clip("s1-0003").text == "Elsewhere."

    # What this window itself has just done it may take back before the card shows it.
    stale.keyboard.press("r")
    until(lambda: store.clip("s1-0003").status == "rejected")
    stale.keyboard.press("z")
    until(lambda: store.clip("s1-0003").status == "new")
    stale.wait_for_function("() => !document.querySelector('.vw-review .vw-chip.bad')")
    stale.wait_for_timeout(500)
    assert store.clip("s1-0003").status == "new" and stale.locator(".toast-body").all_inner_texts() == []

    # Many at once: the number has to be seen again.
    stale.click("#review-many > summary")
    stale.evaluate("() => { window.vw.live.ask = () => {}; clearTimeout(window.vw.live.timer); }")  # it looks away
    stale.wait_for_timeout(500)
    stale.click("#approve-sure")
    stale.wait_for_selector("#many-list")
    review.correct(project, "s1-0002", "Changed.")
    stale.click("#decide-many")
    told(stale, "These clips were changed in another window or by a job")
    assert {clip.status for clip in store.clips()} == {"new"}

    # And the clip that is shown may be gone.
    store.replace_clips("s1", [clip for clip in store.clips() if clip.id != "s1-0003"])
    stale.keyboard.press("a")
    told(stale, "This clip is no longer there")
    stale.wait_for_selector('.vw-review[data-clip="s1-0000"]')


def test_a_stale_clip_editor_cuts_nothing_that_was_corrected(page: Any, server: Server, project: Project) -> None:
    page.goto(f"{server.url}/en/?project=ana&tab=segments&at=2")
    page.wait_for_function("() => document.querySelector('.vw-ed-text')?.textContent === 'Text 0.'")
    review.correct(project, "s1-0000", "Corrected.")
    page.click('[data-edit="split"]')
    told(page, SAID)
    page.wait_for_function("() => document.querySelector('.vw-ed-text')?.textContent === 'Corrected.'")
    assert project.store.count() == 4
    page.click('[data-edit="split"]')
    page.wait_for_function("() => document.querySelectorAll('.vw-ed-part.clip[data-seconds]').length >= 5")
    until(lambda: project.store.count() == 5)
