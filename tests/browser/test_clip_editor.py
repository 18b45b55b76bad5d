"""The clip editor as a person uses it: cut, listen, drag, split, join, leave out, bring back, undo, reload."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from core.audio.levels import frames_file
from core.audio.options import SegmentOptions
from core.audio.samples import read
from core.clips.cut import cut_clip, preview
from core.project.records import Clip, Source
from core.project.workspace import Project, Workspace
from core.sources.upload import add_file
from tests.conftest import Prompts

pytestmark = pytest.mark.browser
PATIENCE_MS = 60_000
_PROMPTS = 6
_PIXELS = 1132  # the picture's width in a window of 1280


@pytest.fixture
def ana(server: Any, tmp_path: Path, prompts: Prompts) -> Project:
    """A project with the first prompts of the bundled recording; the workspace is the one that `server` serves."""
    project = Workspace(server.workspace).create("Ana", "en")
    samples, rate = read(prompts.recording, 0, prompts.spoken[_PROMPTS][0])
    soundfile.write(tmp_path / "in.wav", samples, rate)
    add_file(project, tmp_path / "in.wav", title="Prompts")
    return project


@pytest.fixture
def cut(ana: Project) -> Project:
    """The same, cut into clips that have texts."""
    (source,) = ana.store.sources()
    clips = [
        Clip(f"{source.id}-{n:04d}", source.id, span.start_s, span.end_s, text=f"This is the sentence number {n}.")
        for n, span in enumerate(preview(ana, source.id, SegmentOptions()).spans, 1)
    ]
    ana.store.replace_clips(source.id, [cut_clip(ana, source, clip, SegmentOptions()) for clip in clips])
    return ana


@pytest.fixture
def quiet(page: Any) -> Iterator[Any]:
    """A page whose console must stay clean; that a reload breaks off Gradio's own requests is none of our doing."""
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    yield page
    assert [
        entry for entry in complaints if not re.match("AbortError|Unexpected error Connection errored", entry)
    ] == []


def shown(page: Any, url: str, query: str = "") -> None:
    """Open the tab and wait until clips are drawn."""
    page.goto(f"{url}/en/?project=ana&tab=segments{query}")
    page.wait_for_selector(".vw-ed-stage .vw-ed-part.clip")


def place(page: Any, seconds: float, down: float = 0.4) -> tuple[float, float]:
    """Where a time is on the screen."""
    box = page.locator(".vw-ed-view").bounding_box()
    begin, end = (
        float(page.evaluate(f"new URLSearchParams(location.search).get('{name}')")) for name in ("from", "to")
    )
    return box["x"] + (seconds - begin) / (end - begin) * box["width"], box["y"] + down * box["height"]


def after(project: Project, page: Any, act: Callable[[], object]) -> list[Clip]:
    """The clips once something the person did has changed them, and the page shows it."""
    before = project.store.clips()
    act()
    for _ in range(600):
        if project.store.clips() != before:
            break
        page.wait_for_timeout(50)
    now = project.store.clips()
    assert now != before
    page.wait_for_selector(".vw-editor:not(.busy)")
    count = len(now)
    page.wait_for_function(f"document.querySelectorAll('.vw-clips tr').length === {count}")
    return now


def test_a_recording_is_cut_and_its_preview_becomes_its_clips(ana: Project, server: Any, quiet: Any) -> None:
    page = quiet
    shown(page, server.url)
    planned = page.locator(".vw-ed-stage .vw-ed-part.clip").count()
    assert "Preview" in page.inner_text("#page-segments .vw-mode")
    assert page.locator("[data-edit=split]").is_disabled()
    page.click("#start-segment")
    page.wait_for_selector(".vw-clips tr")
    assert len(ana.store.clips()) == planned
    page.wait_for_selector("[aria-pressed=true]:has-text('Your clips')")
    page.get_by_text("More settings").click()
    page.get_by_label("number input for Shortest clip").fill("1")  # the shortest clip
    page.wait_for_selector("[aria-pressed=true]:has-text('Preview')")
    assert "show=preview" in page.url
    page.click("button:has-text('Your clips')")
    page.wait_for_selector("[aria-pressed=true]:has-text('Your clips')")


def test_the_pause_threshold_is_automatic_and_one_of_ones_own_is_told_which_way_to_turn(
    ana: Project, server: Any, quiet: Any
) -> None:
    page = quiet
    page.goto(f"{server.url}/en/?project=ana&tab=segments")
    numbers = page.locator("#page-segments .vw-numbers")
    numbers.get_by_text("pause threshold (dBFS), automatic").wait_for()
    page.locator("#page-segments").get_by_text("More settings").click()
    threshold = page.locator("#page-segments").get_by_label("Pause threshold (dBFS)")
    assert threshold.input_value() == "" and threshold.get_attribute("placeholder") == "automatic"
    threshold.fill("-12")
    threshold.press("Tab")  # pasted or deleted: told when the field is left
    page.locator("#page-segments .vw-notice").get_by_text("Set it lower").wait_for()
    threshold.fill("")
    threshold.press("Enter")
    numbers.get_by_text("pause threshold (dBFS), automatic").wait_for()


def test_clips_are_heard_dragged_split_joined_left_out_and_brought_back(cut: Project, server: Any, quiet: Any) -> None:
    page = quiet
    (source,) = cut.store.sources()
    original = cut.store.clips()
    first = original[0]
    shown(page, server.url, "&from=0&to=20")
    page.mouse.click(*place(page, first.start_s + 1))
    assert f"Clip 1 · 0:0{first.start_s:.2f}" in page.inner_text(".vw-ed-about")
    page.wait_for_function("document.querySelector('.vw-ed-audio').readyState > 0")
    assert page.get_attribute(".vw-ed-audio", "src").endswith(f"start={first.start_s:.3f}&end={first.end_s:.3f}")

    def drag_the_end() -> None:
        page.mouse.move(*place(page, first.end_s))
        page.mouse.down()
        page.mouse.move(*place(page, first.end_s - 0.3), steps=4)
        page.mouse.move(*place(page, first.end_s - 0.5), steps=4)
        page.mouse.up()

    clips = after(cut, page, drag_the_end)
    assert clips[0].id != first.id and clips[0].end_s == pytest.approx(first.end_s - 0.5, abs=40 / _PIXELS)
    page.locator(".vw-ed-grip.start").focus()

    def move_the_start() -> None:
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Shift+ArrowRight")

    clips = after(cut, page, move_the_start)
    assert clips[0].start_s == pytest.approx(first.start_s + 0.11, abs=1e-3)

    clips = after(cut, page, lambda: page.mouse.dblclick(*place(page, first.start_s + 2)))
    assert len(clips) == len(original) + 1 and clips[0].end_s == pytest.approx(first.start_s + 2, abs=40 / _PIXELS)
    clips = after(cut, page, lambda: page.keyboard.press("j"))
    assert len(clips) == len(original) and clips[0].text == first.text
    clips = after(cut, page, lambda: page.keyboard.press("Delete"))
    assert len(clips) == len(original) - 1 and clips[0] == original[1]
    page.wait_for_selector(".vw-ed-stage .vw-ed-part.removed")
    page.wait_for_selector("[data-edit=bring]:not([disabled])")
    clips = after(cut, page, lambda: page.click("[data-edit=bring]"))
    assert len(clips) == len(original) and clips[0].start_s < first.start_s + 0.2

    page.reload()
    page.wait_for_selector(".vw-ed-stage .vw-ed-part.clip")
    assert "from=0.00&to=20.00" in page.url
    page.wait_for_selector("[data-edit=undo]:not([disabled])")
    for _ in range(6):
        clips = after(cut, page, lambda: page.keyboard.press("z"))
    assert clips == original
    page.wait_for_selector("[data-edit=undo][disabled]")
    assert cut.store.last_edit(source.id) is None


def test_a_left_out_piece_is_brought_back_from_the_list_and_a_clip_is_found_in_the_picture(
    cut: Project, server: Any, quiet: Any
) -> None:
    page = quiet
    last = cut.store.clips()[-1]
    shown(page, server.url, "&from=0&to=10")
    page.locator(".vw-clips tr").last.get_by_text("Show").click()
    page.wait_for_selector(f".vw-ed-about:has-text('Clip {len(cut.store.clips())}')")
    assert f"at={(last.start_s + last.end_s) / 2:.2f}" in page.url
    after(cut, page, lambda: page.click("[data-edit=remove]"))
    page.get_by_text("What is left out").click()
    row = page.locator("section[data-key=out-removed] .vw-line")
    assert row.count() == 1
    clips = after(cut, page, lambda: row.get_by_text("Bring back").click())
    assert (clips[-1].start_s, clips[-1].end_s) == (pytest.approx(last.start_s), pytest.approx(last.end_s))


def test_what_another_tab_changed_is_refused_and_shown(cut: Project, server: Any, page: Any) -> None:
    shown(page, server.url, "&from=0&to=20")
    other = page.context.new_page()
    shown(other, server.url, "&from=0&to=20")
    first = cut.store.clips()[0]
    for one in (page, other):
        one.mouse.click(*place(one, first.start_s + 1))
        one.wait_for_selector("[data-edit=split]:not([disabled])")
    page.bring_to_front()
    after(cut, page, lambda: page.keyboard.press("s"))
    now = cut.store.clips()
    other.bring_to_front()
    other.keyboard.press("Delete")
    other.wait_for_selector(".toast-body")
    assert cut.store.clips() == now
    other.wait_for_function(f"document.querySelectorAll('.vw-clips tr').length === {len(now)}")
    other.wait_for_selector("[data-edit=split]:not([disabled])")  # it shows what there is, and can go on


def test_on_a_phone_borders_are_moved_by_finger_and_nothing_is_too_wide(
    cut: Project, server: Any, chromium: Any
) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    first = cut.store.clips()[0]
    shown(page, server.url, "&from=0&to=12")
    page.touchscreen.tap(*place(page, first.start_s + 2))
    page.wait_for_selector(".vw-ed-grip.end:not([hidden])")
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    small = page.evaluate(
        "[...document.querySelectorAll('.vw-editor button, .vw-ed-grip')].filter((one) => one.offsetWidth"
        " && (one.offsetWidth < 40 || one.offsetHeight < 40)).map((one) => one.outerHTML)"
    )
    assert small == []
    (x, y), (target, _) = place(page, first.end_s), place(page, first.end_s - 1)
    touch = context.new_cdp_session(page)

    def finger(kind: str, at: float) -> None:
        points = [] if kind == "touchEnd" else [{"x": at, "y": y}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def drag() -> None:
        finger("touchStart", x + 4)
        for step in range(1, 5):
            finger("touchMove", x + 4 + (target - x) * step / 4)
        finger("touchEnd", 0)

    clips = after(cut, page, drag)
    assert clips[0].end_s == pytest.approx(first.end_s - 1, abs=0.1)
    page.click("[data-nudge='end 1']")
    clips = after(cut, page, lambda: None) if cut.store.clips() == clips else cut.store.clips()
    assert clips[0].end_s == pytest.approx(first.end_s - 0.99, abs=0.1)
    context.close()


@pytest.mark.slow
def test_ten_hours_and_fifty_thousand_clips_are_shown_in_as_much_as_a_screen_holds(server: Any, quiet: Any) -> None:
    page, hours, count = quiet, 10, 50_000
    project = Workspace(server.workspace).create("Ana", "en")
    seconds = hours * 3600.0
    project.store.add_source(Source("long", "Ten hours", seconds=seconds, sample_rate=16_000))
    project.sources.mkdir()
    frames = round(seconds * 100)
    loud = np.arange(frames) % 72 < 50
    levels, high = np.where(loud, -20, -70).astype(np.float16), np.where(loud, 60, 1).astype(np.int8)
    with open(frames_file(project.source_file("long")), "wb") as file:
        np.savez(file, dbfs=levels, low=-high, high=high, times=np.array([0.01, seconds]))
    step = seconds / count
    project.store.replace_clips(
        "long", [Clip(f"long-{n:05d}", "long", n * step, n * step + 0.5, text="Hello.") for n in range(count)]
    )
    answers: list[int] = []

    def weigh(answer: Any) -> None:
        if "/window?" in answer.url:
            answers.append(len(answer.body()))

    page.on("response", weigh)
    page.goto(f"{server.url}/en/?project=ana&tab=segments&from=0&to={seconds}")
    page.wait_for_selector(".vw-ed-stage .vw-ed-shares")
    page.mouse.click(*place(page, seconds / 2))  # too many to tell apart: a click goes closer
    page.wait_for_function("new URLSearchParams(location.search).get('from') > 0")
    page.goto(f"{server.url}/en/?project=ana&tab=segments&from=18000&to=18060")
    page.wait_for_selector(".vw-ed-stage .vw-ed-part.clip")
    assert page.locator(".vw-ed-part").count() < 1000
    assert len(answers) >= 4 and max(answers) < 100_000
    page.click("nav.vw-pages button:has-text('Next')")
    page.wait_for_selector(".vw-clips tr[data-key=long-00020]")
    assert page.locator(".vw-clips tr").count() == 20
    state = json.loads(page.evaluate("JSON.stringify({nodes: document.querySelectorAll('*').length})"))
    assert state["nodes"] < 6000
