"""Review by mouse and finger: ends that are dragged into the recording, and cards that are swiped."""

from __future__ import annotations

import time
from typing import Any

import pytest
import soundfile

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
    """Four clips of a recording whose words are known; a word lies between the first two."""
    project = Workspace(server.workspace).create("Ana", "en")
    project.store.add_source(Source("s1", "Talk", seconds=30.0, sample_rate=16_000))
    project.sources.mkdir(exist_ok=True)
    soundfile.write(project.source_file("s1"), tone(30, 16_000), 16_000)
    clips = [Clip(f"s1-{n:04d}", "s1", n * 5, n * 5 + 3, f"clip {n}", f"clip {n}", "en") for n in range(1, 5)]
    words = [Word(clip.start_s + at, clip.start_s + at + 0.5, text) for clip in clips
             for at, text in zip((0.2, 1.4), clip.text.split(), strict=True)]  # fmt: skip
    for clip in clips:
        write_wav(project.clip_file(clip.id), tone(3, 22_050), 22_050)
    project.store.replace_clips("s1", clips)
    project.store.replace_words("s1", 0, 30, [*words, Word(8.1, 8.5, "more")])
    return project


def bounds(project: Project, place: int) -> tuple[float, float, str]:
    """Where a clip begins and ends, and its text."""
    clip = project.store.clips()[place]
    return clip.start_s, clip.end_s, clip.text


def test_the_ends_of_a_clip_are_dragged_and_nudged_into_its_recording_heard_and_taken_back(
    page: Any, server: Server, project: Project
) -> None:
    held: list[Any] = []
    page.clock.install()
    page.goto(f"{server.url}/en/?project=ana&tab=review&filter=all&clip=s1-0001")
    page.wait_for_selector(".vw-ends")
    box, grip = page.locator(".vw-ends").bounding_box(), page.locator("[data-grip=end]").bounding_box()
    second = box["width"] / 4.8  # 0.9 s of the recording are shown on either side
    x, y = grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 0.3 * second, y)
    page.mouse.move(x + 0.7 * second, y)
    page.mouse.up()
    page.wait_for_function("() => document.querySelector('[data-beside]').src.includes('piece.wav')")
    page.wait_for_function(
        f"() => document.querySelector('#review-said').textContent.startsWith({T('review.said_move')!r})"
    )
    start, end, text = bounds(project, 0)
    assert (start, end) == (5.0, pytest.approx(8.7, abs=0.05)) and text == "clip 1 more"
    page.wait_for_function("() => document.activeElement.dataset.grip === 'end'")

    page.click("#undo-this")
    page.wait_for_function("() => document.querySelector('#review-said').textContent.startsWith('Undone')")
    assert bounds(project, 0) == (5.0, 8.0, "clip 1")

    page.route("**/queue/join*", lambda route: route.fulfill(status=502))  # as a proxy answers while there is no server
    page.keyboard.press("[")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('[data-grip=start]').ariaValueNow === '5.00'")
    page.unroute("**/queue/join*")

    page.keyboard.press("[")  # by keys: a tenth and a hundredth of a second later
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowRight")
    page.route("**/queue/join*", lambda route: held.append(route))
    with page.expect_request("**/queue/join*"):
        page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('[data-grip=start]')?.ariaValueNow === '5.11'")
    page.clock.fast_forward(30_000)  # on a slow computer the answer takes its time, and the end is waited for
    page.keyboard.press("a")
    assert len(held) == 1 and page.get_attribute("#review-card", "aria-busy") == "true"
    held[0].continue_()
    page.unroute("**/queue/join*")
    page.wait_for_function("() => document.querySelector('#review-card').dataset.clip !== 's1-0001'")
    page.wait_for_function("() => document.activeElement.dataset.grip === 'start'")
    assert page.get_attribute("#review-card", "aria-busy") is None
    assert bounds(project, 0) == (5.11, 8.0, "clip 1")
    moved = project.store.clips()[0].id
    assert page.get_attribute("#review-card", "data-clip") == moved

    page.keyboard.press("Shift+ArrowRight")  # what is pressed before it is sent loses neither the end nor decides
    page.keyboard.press("a")
    page.wait_for_function(f"() => document.querySelector('#review-card').dataset.clip !== {moved!r}")
    assert bounds(project, 0)[:2] == (5.21, 8.0) and project.store.clips()[0].status == "new"


def test_a_swipe_decides_and_neither_scrolling_nor_the_waveform_nor_the_text_does(
    chromium: Any, server: Server, project: Project
) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True, locale="en")
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    try:
        page.goto(f"{server.url}/en/?project=ana&tab=review")
        page.wait_for_selector("#review-card")
        assert page.locator(".vw-touch").is_visible()
        finger = context.new_cdp_session(page)

        def drag(selector: str, across: int, down: int = 0) -> None:
            page.locator(selector).first.scroll_into_view_if_needed()
            box = page.locator(selector).first.bounding_box()
            x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            start_s = time.time() - 0.2  # a tenth of a second by the events' own clock, however busy the machine is

            def touch(kind: str, step: int, points: list[dict[str, float]]) -> None:
                event = {"type": kind, "touchPoints": points, "timestamp": start_s + 0.02 * step}
                finger.send("Input.dispatchTouchEvent", event)

            for step in range(6):
                point = {"x": x + across * step / 5, "y": y + down * step / 5}
                touch("touchMove" if step else "touchStart", step, [point])
            touch("touchEnd", 6, [])

        def statuses() -> list[str]:
            return [clip.status for clip in project.store.clips()]

        for selector, across, down in (
            ("#review-text", 150, 0),
            (".vw-own", 150, 0),
            (".vw-reads", 30, 200),
            (".vw-reads", 60, 0),
        ):
            drag(selector, across, down)
        page.wait_for_timeout(300)
        assert statuses() == ["new"] * 4
        drag(".vw-reads", 170)
        page.wait_for_function("() => document.querySelector('#review-card').dataset.clip === 's1-0002'")
        assert statuses()[0] == "approved"
        page.wait_for_timeout(500)  # the next card stands still before it is touched
        drag(".vw-reads", -170)
        page.wait_for_selector("#review-reasons[open]")
        assert statuses()[1] == "new"
        page.click("#because-noisy")
        page.wait_for_function("() => document.querySelector('#review-card').dataset.clip === 's1-0003'")
        assert (project.store.clip("s1-0002").status, project.store.clip("s1-0002").reason) == ("rejected", "noisy")
    finally:
        context.close()
