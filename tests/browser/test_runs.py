"""What came of runs, by clicks: curves laid over each other, samples played in order, names changed in place."""

from __future__ import annotations

from typing import Any

import pytest

from core.project.workspace import Workspace
from core.synthesis.exports import exports
from core.training.run import Run
from tests.browser.conftest import Server
from tests.browser.finished import with_finished_runs

pytestmark = pytest.mark.browser
PATIENCE_MS = 30_000
_LISTEN = """() => {
  window.played = [];
  document.addEventListener('play', (event) => window.played.push(event.target.src), true);
}"""
_RENAMED = "() => document.querySelector('article[data-key=ana] audio').ariaLabel === 'Ana of the radio'"


def test_runs_are_compared_heard_in_order_and_renamed(page: Any, server: Server) -> None:
    project = Workspace(server.workspace).create("Ana", "en")
    first, second = with_finished_runs(project)
    page.goto(f"{server.url}/en/?project=ana&tab=train&run={first}")
    page.get_by_text("All runs (2)").click()
    row = page.locator(f'tr[data-key="{second}"]')
    row.get_by_role("button", name="Compare").click()
    page.wait_for_url("**overlay=second**")
    page.get_by_text("Learning rate 0.001 (0.005)").wait_for()
    assert page.locator("#page-train svg .third").count() >= 1
    assert row.get_by_role("button", name="Compare").get_attribute("aria-pressed") == "true"

    page.evaluate(_LISTEN)
    page.locator("[data-play-row]").first.click()
    page.wait_for_function("() => window.played.length >= 2")
    assert [address.rsplit("/", 2)[1] for address in page.evaluate("() => window.played")] == ["0", "40"]

    name = row.locator("input.vw-quiet")
    name.fill("Fast")
    name.press("Enter")
    page.locator("select option", has_text="Fast ·").first.wait_for(state="attached")
    assert Run(project, second).title == "Fast"

    page.evaluate("window.vw.go('speak')")
    page.fill("#speak-text textarea", "Good morning.")
    page.click("#speak")
    page.get_by_text("There is no reference recording").wait_for()  # the project has no clip
    name = page.locator('article[data-key="ana"] input.vw-quiet')
    name.fill("Ana of the radio")
    name.press("Enter")
    page.wait_for_function(_RENAMED)
    assert [export.name for export in exports(project)] == ["Ana of the radio"]
