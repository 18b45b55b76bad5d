"""Bringing what one has: a zip that shows first what it holds, sentences read aloud, two sounds of one recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from core.jobs import events
from core.jobs.args.projects import MergeProjectArgs
from core.jobs.args.sources import DenoiseArgs
from core.jobs.job import Job
from core.project.workspace import Workspace
from core.sources.reading import move, sentences_for
from core.sources.recordings import start_denoise
from core.sources.upload import add_file
from tests.browser.conftest import Server
from tests.conftest import CHROMIUM, CHROMIUM_ARGUMENTS, Prompts
from tests.sources.test_datasets import ljspeech, zipped
from tests.test_merge import fill
from ui.i18n import Translator

PATIENCE_MS = 30_000
T = Translator("en")
pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_zip_shows_what_it_holds_and_comes_in_when_asked(page: Any, server: Server, tmp_path: Path) -> None:
    project = Workspace(server.workspace).create("Ana", "en")
    path = zipped(ljspeech(tmp_path / "set"), tmp_path / "My voice.zip")
    page.goto(f"{server.url}/en/?project={project.slug}&tab=sources")
    page.locator("#add-files input[type=file]").first.set_input_files(path)
    card = page.locator(".vw-held")
    card.get_by_text("3 clips with their texts").wait_for()
    assert "LJ-gone" in card.inner_text() and project.store.sources() == []
    seen = "n => { const box = n.getBoundingClientRect(); return box.top < innerHeight && box.bottom > 0; }"
    assert card.locator("[data-do='bring-in']").evaluate(seen), "the question is in sight where the zip was dropped"
    card.locator("[data-do='bring-in']").click()
    page.locator("input[data-do='title']").wait_for()
    assert page.locator("input[data-do='title']").input_value() == "My voice"
    card.wait_for(state="detached")
    page.locator("#add-files").wait_for(state="hidden")  # the form folds away
    assert len(project.store.clips()) == 3


def test_the_sentence_on_the_screen_is_read_and_the_place_is_kept_after_a_reload(chromium: Any, server: Server) -> None:
    project = Workspace(server.workspace).create("Ana", "en")
    first, _, third, *_ = sentences_for("en")
    fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    browser = chromium.browser_type.launch(executable_path=CHROMIUM, args=[*CHROMIUM_ARGUMENTS, *fake])
    try:
        page = browser.new_context(permissions=["microphone"]).new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{server.url}/en/?project={project.slug}&tab=sources")
        page.locator("#reader button").first.click()
        shown = page.locator("#reader .vw-sentence")
        assert shown.inner_text() == first
        page.locator("#reader-sound .record-button").first.click()
        page.locator("#reader-sound button.stop-button").first.wait_for()
        move(project, 2)  # in another window: what is being read is what is on this screen
        page.wait_for_timeout(1500)  # what is recorded takes its time
        page.locator("#reader-sound button.stop-button").first.click()
        page.locator("#reader .vw-sentence", has_text=third).wait_for()
        page.reload()
        page.locator("#reader button").first.click()
        page.locator("#reader .vw-sentence", has_text=third).wait_for()
    finally:
        browser.close()
    (clip,) = project.store.clips()
    assert clip.text == first and project.clip_file(clip.id).exists()


def test_both_sounds_of_a_recording_are_heard_at_the_same_place(
    page: Any, server: Server, prompts: Prompts, tmp_path: Path
) -> None:
    project = Workspace(server.workspace).create("Ana", "en")
    speech, rate = soundfile.read(prompts.recording, frames=30 * 16_000)
    soundfile.write(tmp_path / "in.wav", speech + np.random.default_rng(0).normal(0, 0.004, len(speech)), rate)
    source = add_file(project, tmp_path / "in.wav")
    assert start_denoise(project, DenoiseArgs(source_id=source.id)).wait().status == "done"
    page.goto(f"{server.url}/en/?project={project.slug}&tab=sources")
    page.locator(".vw-noise summary").click()
    first, second = (page.locator("[data-players] audio").nth(number) for number in range(2))
    first.evaluate("player => { player.currentTime = 12; return player.play(); }")
    page.locator("[data-switch]").click()
    page.wait_for_function("document.querySelectorAll('[data-players] audio')[1].currentTime > 11.9")
    assert first.evaluate("player => player.paused") and not second.evaluate("player => player.paused")
    page.locator("[data-do='use-cleaned']").click()
    page.locator("[data-do='use-original']").wait_for()
    assert project.store.source(source.id).use == "cleaned"


def test_a_project_is_merged_into_another_and_a_broken_off_merge_resumed_by_their_buttons(
    page: Any, server: Server
) -> None:
    workspace = Workspace(server.workspace)
    home, away = workspace.create("Ana", "en"), workspace.create("Ana elsewhere", "en")
    fill(home, "s1")
    fill(away, "s2")
    page.goto(f"{server.url}/en/")
    card = page.locator(f'article[data-key="{away.slug}"]')
    card.wait_for(timeout=3 * PATIENCE_MS)  # a server's first page is made when it is asked for
    card.locator("summary").first.click()
    form = card.locator('form[data-do="merge-look"]')
    form.locator("select").select_option(home.slug)
    form.locator("button").click()
    page.get_by_text(T("merge.clips", count="3")).wait_for()
    assert len(home.store.sources()) == 1, "it is only looked at"
    fits = "list => list.lastElementChild.getBoundingClientRect().bottom <= list.getBoundingClientRect().bottom"
    assert page.locator(".vw-bullets").first.evaluate(fits), "nothing lies over its last lines"
    page.locator('[data-do="merge"]').click()
    done = T("merge.done", origin=away.info.name, target=home.info.name)
    page.get_by_text(done).wait_for()
    assert {source.id for source in home.store.sources()} == {"s1", "s2"}
    page.get_by_text(T("merge.clips", count="3")).wait_for()
    page.locator('[data-do="dismiss"]').click()
    page.get_by_text(done).wait_for(state="detached")

    fill(away, "s3")
    job = Job.create(home.jobs, MergeProjectArgs(project=away.slug), title=away.info.name)
    for event in (events.Launched(), events.Started(pid=1)):  # and the power went out
        events.append(job.events_path, event)
    page.reload()
    page.get_by_text(T("job.interrupted_text")).wait_for()
    page.locator('[data-do="resume"]').click()
    page.get_by_text(done).wait_for()
    assert len(home.store.clips()) == 9
