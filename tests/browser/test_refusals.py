"""What is refused or missing is said, nothing that was typed is lost, and the page goes on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.audio.samples import write_wav
from core.project.records import Clip
from core.project.workspace import Project, Workspace
from core.sources.upload import add_file

pytestmark = pytest.mark.browser
PATIENCE_MS = 20_000


@pytest.fixture
def ana(server: Any, tmp_path: Path) -> Project:
    """A project with one recording; the workspace is the one that `server` serves."""
    workspace = Workspace(server.workspace)
    workspace.create("Bruno", "pt")
    project = workspace.create("Ana", "en")
    sound = (0.2 * np.random.default_rng(0).standard_normal(5 * 22_050)).astype(np.float32)
    sound[:11_025] = 0
    write_wav(tmp_path / "in.wav", sound, 22_050)
    add_file(project, tmp_path / "in.wav", title="Morning")
    return project


def test_a_refused_form_keeps_what_was_typed_and_a_taken_one_is_empty(ana: Project, server: Any, page: Any) -> None:
    page.goto(f"{server.url}/en/?project=ana&tab=sources")
    page.locator("#add-recordings button").first.click()  # folded away where there are recordings
    page.fill("input[name=link]", "no link at all")
    page.click("#add-link")
    page.wait_for_selector(".toast-body")
    assert page.input_value("input[name=link]") == "no link at all"
    title = page.locator("input[data-do=title]")
    title.fill("  ")
    title.blur()
    assert title.input_value() == "Morning"
    page.click(".vw-brand")
    page.fill("input[name=name]", "Clara")
    page.click("#create-project")
    page.wait_for_url(re.compile("project=clara"))
    page.wait_for_selector("#add-files", state="visible")
    page.click(".vw-brand")
    page.wait_for_selector("#page-home article[data-key=clara]")
    assert page.input_value("input[name=name]") == ""
    assert [source.title for source in ana.store.sources()] == ["Morning"]


def test_crossed_lengths_are_named_and_the_next_project_is_the_one_that_opens(
    ana: Project, server: Any, page: Any
) -> None:
    page.goto(f"{server.url}/en/?project=ana&tab=segments")
    page.wait_for_selector("#start-segment")
    page.locator("#page-segments button.label-wrap").click()
    shortest = page.get_by_label("number input for Shortest clip")
    shortest.wait_for()
    shortest.fill("29")
    page.wait_for_selector("#page-segments .vw-notice.warn")
    page.select_option("#vw-header select[data-open]", "bruno")
    page.wait_for_selector("#page-segments .vw-empty")
    assert page.locator("#page-segments .vw-notice").count() == 0


def test_a_missing_recording_and_a_missing_clip_are_told_and_leave_the_page_usable(
    ana: Project, server: Any, page: Any
) -> None:
    source = ana.store.sources()[0]
    ana.store.replace_clips(source.id, [Clip(f"{source.id}-0001", source.id, 0.5, 4.5, text="Good morning.")])
    for file in ana.sources.iterdir():
        file.unlink()
    page.goto(f"{server.url}/pt-BR/?project=ana&tab=segments")
    page.wait_for_selector("#page-segments .vw-notice.bad")
    assert "Morning" in page.locator("#page-segments .vw-notice.bad").inner_text()
    page.locator(".vw-step[data-go=review]").click()
    page.wait_for_selector("#page-review .vw-notice.bad")
    page.click("#review-rejected")
    page.wait_for_selector("#page-review .vw-empty")
    page.wait_for_function("!new URLSearchParams(location.search).get('clip')")
    assert ana.store.clips()[0].status == "rejected"
