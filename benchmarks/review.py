"""What the review desk costs with 50,000 clips: turns, edits, the browser's memory, an idle page, and keys per clip.

    python -m benchmarks.review [--clips 50000] [--reviewed 100]

Turns and edits are measured in this process as the page's events do them, then again by keyboard in headless Chromium
over the real server: every fifth clip is corrected, the others are approved as they are.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import psutil
from playwright.sync_api import sync_playwright

from benchmarks import machine, median_and_p95, write_results
from core.audio.options import SegmentOptions
from core.audio.samples import write_wav
from core.clips import edit, undo_edit
from core.project.conflicts import stamp
from core.project.records import Clip, Source, Word
from core.project.workspace import Project, Workspace
from core.settings import Settings
from tests.audio.sounds import tone
from tests.browser.conftest import Server
from tests.conftest import CHROMIUM, CHROMIUM_ARGUMENTS
from tests.test_history import fill as fill_with_words
from tests.test_history import random_changes
from ui.i18n import Translator
from ui.page import Page
from ui.tabs.review import tab

_IDLE_S = 20.0
_WORDS = ("the", "quick", "brown", "fox", "jumps", "over", "lazy", "dogs", "while", "rain", "falls", "on", "hills")


def fill(folder: Path, count: int, with_sound: int) -> Project:
    """A project with ``count`` clips in 50 recordings; the first ``with_sound`` clips can be heard."""
    draw = random.Random(1)
    project = Workspace(folder).create("Ana", "en")
    for number in range(50):
        source_id, clips, words = f"s{number:02d}", [], []
        for place in range(count // 50):
            start, text = place * 5.0, " ".join(draw.choices(_WORDS, k=9)).capitalize() + "."
            flags = "mismatch" if draw.random() < 0.05 else ""
            clips.append(
                Clip(
                    f"{source_id}-{place + 1:04d}", source_id, start, start + 4, text, text, "en",
                    confidence=draw.uniform(0.4, 1), mismatch=draw.uniform(0, 0.3), checked=1, text_flags=flags,
                )
            )  # fmt: skip
            if number < 2:  # more would only take longer to fill in: a page reads those of its clip alone
                words += [
                    Word(start + 0.4 * index, start + 0.4 * index + 0.3, word, 0.3 if draw.random() < 0.02 else 0.95)
                    for index, word in enumerate(text.split())
                ]
        project.store.add_source(Source(source_id, f"Recording {number}", seconds=5.0 * (count // 50)), words, clips)
    for place in range(with_sound):
        write_wav(project.clip_file(f"s00-{place + 1:04d}"), tone(4, 22_050), 22_050)
    return project


def spread(times: list[float]) -> dict[str, float]:
    """Median and 95th percentile in seconds."""
    median, p95 = median_and_p95(times)
    return {"p50_s": round(median, 3), "p95_s": round(p95, 3)}


def timed(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def at_the_server(project: Project, rounds: int) -> dict[str, Any]:
    """Turns to random clips in random lists, and edits, as the tab's events do them (the panel with the card)."""
    blank: Any = None
    page = Page(Settings(_env_file=None), project.workspace, Translator("en"), blank, blank, blank)
    draw = random.Random(2)
    ids = [clip.id for clip in project.store.clips()]

    def show(view: dict[str, str]) -> None:
        tab._review(page, project, view, "")
        tab._many(page, project, view)

    turns, edits, text_edits = [], [], []
    for _ in range(rounds):
        view = {"filter": draw.choice(("new", "all", "flagged")), "clip": draw.choice(ids)}
        view |= draw.choice(({}, {"sort": "mismatch"}, {"sort": "confidence"}, {"search": "fox"}, {"source": "s07"}))
        turns.append(timed(lambda view=view: show(dict(view))))
        clip_id = draw.choice(ids)
        for do, value, times in (("text", "Typed anew.", text_edits), ("approved", "Typed anew.", edits)):
            seen = stamp(project.store.clip(clip_id))
            event: Any = SimpleNamespace(do=do, id=clip_id, value=value, view=f"?clip={clip_id}", seen=seen)
            view = {"clip": clip_id}
            times.append(timed(lambda event=event, view=view: tab._act(page, project, event, view, ("", ""))))
    return {"turn": spread(turns), "decision": spread(edits), "text": spread(text_edits)}


def changes_undone(folder: Path, count: int) -> dict[str, Any]:
    """Random edits, decisions, splits and joins by two windows, checked one by one and undone to the first state."""
    project = Workspace(folder).create("Two windows", "en")
    fill_with_words(project)

    def without_sound(project: Project, source: Source, clip: Clip, options: SegmentOptions) -> Clip:
        return clip

    with (
        mock.patch.object(edit, "write_sound", without_sound),
        mock.patch.object(undo_edit, "write_sound", without_sound),
    ):
        began = time.perf_counter()
        made, refused = random_changes(project, count)
    return {"made": made, "refused_as_stale": refused, "seconds": round(time.perf_counter() - began, 1)}


class Browser:
    """A page on the real server, driven by keys that are counted."""

    def __init__(self, page: Any) -> None:
        self.page, self.keys, self.typed = page, 0, 0

    def press(self, key: str) -> None:
        """Press a key."""
        self.page.keyboard.press(key)
        self.keys += 1

    def clip(self) -> str:
        """The clip that is shown."""
        return str(self.page.get_attribute("#review-card", "data-clip"))

    def wait_for_another(self, clip_id: str) -> None:
        """Wait until another clip is shown."""
        self.page.wait_for_function(
            "id => document.querySelector('#review-card')?.dataset.clip !== id", arg=clip_id, polling=20
        )


def by_keyboard(browser: Browser, clips: int) -> dict[str, Any]:
    """Review so many clips, every fifth corrected; seconds from key to the next clip."""
    times = []
    for number in range(clips):
        before = browser.clip()
        if number % 5 == 4:
            browser.press("e")
            browser.page.keyboard.type("right")
            browser.typed += 1
            key = "Control+Enter"
        else:
            key = "a"
        began = time.perf_counter()
        browser.press(key)
        browser.wait_for_another(before)
        times.append(time.perf_counter() - began)
    return {"clips": clips, "keys": browser.keys, "texts_typed": browser.typed, **spread(times)}


def turned(browser: Browser, turns: int) -> dict[str, float]:
    """Seconds from the arrow key to the next clip."""
    times = []
    for _ in range(turns):
        before = browser.clip()
        began = time.perf_counter()
        browser.press("ArrowRight")
        browser.wait_for_another(before)
        times.append(time.perf_counter() - began)
    return spread(times)


def heap_mb(page: Any) -> float:
    """What the page's script holds after a collection, in MB."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"]) / 1e6


def renderer_mb(process: psutil.Process) -> float:
    """What the largest of a browser's processes that draw pages holds, in MB."""
    sizes = [
        child.memory_info().rss for child in process.children(recursive=True) if "--type=renderer" in child.cmdline()
    ]
    return max(sizes, default=0) / 1e6


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=50_000)
    parser.add_argument("--reviewed", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--changes", type=int, default=1_000)
    args = parser.parse_args()
    figures: dict[str, Any] = {"machine": machine("gradio"), "clips": args.clips}
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # a slow disk is no matter of the page
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        project = fill(Path(folder) / "workspace", args.clips, args.reviewed + 80)
        server = Server(Path(folder) / "workspace")
        try:
            with sync_playwright() as driver:
                chromium = driver.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
                page = chromium.new_page(viewport={"width": 1280, "height": 800})
                page.set_default_timeout(120_000)
                page.goto(f"{server.url}/en/?project=ana&tab=review")
                page.wait_for_selector("#review-card")
                browser = Browser(page)
                turned(browser, 5)
                heap, drawn = heap_mb(page), renderer_mb(psutil.Process())
                browser.keys = 0
                figures["keyboard"] = by_keyboard(browser, args.reviewed)
                figures["turn_in_browser"] = turned(browser, 40)
                figures["browser_growth_mb"] = {
                    "script": round(heap_mb(page) - heap, 1),
                    "process": round(renderer_mb(psutil.Process()) - drawn, 1),
                }
                cpu = psutil.Process(server.process.pid)
                page.keyboard.press(" ")
                time.sleep(5)
                before = sum(cpu.cpu_times()[:2])
                time.sleep(_IDLE_S)
                figures["idle_core_share"] = round((sum(cpu.cpu_times()[:2]) - before) / _IDLE_S, 4)
                chromium.close()
        finally:
            server.stop()
        figures["at_the_server"] = at_the_server(project, args.rounds)
        figures["random_changes_undone"] = changes_undone(Path(folder) / "changes", args.changes)
    write_results("review", figures)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
