"""The listening room as a person uses it: a session by keyboard alone, the grid by arrows, the report opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.evaluation.scores import ScoreFile
from core.listening.listeners import check_of
from core.project.workspace import Project, Workspace
from core.training.checkpoints import fingerprint
from core.training.run import Run
from tests.browser.conftest import listen_to_both
from tests.evaluation.test_verdict import voice
from tests.listening.made_up import STEPS, make_project

pytestmark = pytest.mark.browser
PATIENCE_MS = 60_000
# How long it takes until the other side alone is heard; milliseconds.
SWITCH = """async () => {
  const ab = window.vw.ab, other = 1 - ab.picked, gain = (side) => ab.playing ? ab.playing.gains[side].value : 0;
  await ab.play(0);
  const begun = performance.now(), at = ab.position;
  document.body.dispatchEvent(new KeyboardEvent('keydown', { key: String(other + 1), bubbles: true }));
  const moved = ab.position - at;
  while (gain(other) < 0.99 || gain(1 - other) > 0.01) await new Promise((go) => setTimeout(go, 1));
  return [performance.now() - begun, moved];
}"""
# Whether a player that was paused while it was loading stays silent.
LEFT_WHILE_LOADING = """async () => {
  const { urls, constructor: Player } = window.vw.ab, left = new Player(urls);
  left.play();
  left.pause();
  await left.ready;
  await new Promise((go) => setTimeout(go, 50));
  return left.playing === null;
}"""


def test_a_session_by_keyboard_the_grid_by_arrows_and_the_report(server: Any, page: Any) -> None:
    project = make_project(Workspace(server.workspace), "Ana", seconds=0.6)
    page.goto(f"{server.url}/pt-BR/?project=ana&tab=listen&session=new&by=Zoë")
    page.wait_for_selector("#listen-session")
    heard: list[str] = []

    def hear_and_vote(key: str, *, measure: bool = False) -> None:
        pair = page.get_attribute("[data-ab]", "data-pair")
        assert pair not in heard and page.locator("#vote-left").is_disabled()
        heard.append(pair)
        listen_to_both(page)
        if measure:
            took_ms, moved_s = page.evaluate(SWITCH)
            assert took_ms < 1000 and 0 <= moved_s < 0.1  # at the same place; on a quiet machine within 50 ms
            assert page.evaluate(LEFT_WHILE_LOADING)
        page.keyboard.press(key)
        page.wait_for_selector("#next-pair")
        assert page.locator(".vw-name").count() == 2
        page.keyboard.press("n")
        page.wait_for_selector("#next-pair", state="detached")

    hear_and_vote("ArrowLeft", measure=True)
    hear_and_vote("ArrowRight")
    for _ in range(7):
        hear_and_vote("=")
    page.reload()  # the session goes on where it was left
    page.wait_for_selector("#listen-session:has-text('10')")
    hear_and_vote("=")
    page.wait_for_selector("#session-end .vw-notice")
    votes = project.store.votes()
    assert [vote.pair for vote in votes] == heard and {vote.listener for vote in votes} == {"Zoë"}
    assert [vote.choice for vote in votes] == ["left", "right", *["same"] * 8]
    assert any(check_of(vote) for vote in votes)

    # The grid, on a phone: it scrolls within itself, and its heads stay.
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator("[data-cell='0 1']").focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft", "ArrowLeft"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.dataset.cell") == "2 0"  # the real recording
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "document.querySelectorAll('.vw-cell.chosen').length === 2 && window.vw.grid?.urls.length === 2"
    )
    page.wait_for_function("window.vw.grid.buffers && document.querySelector('[data-draw=difference]').width > 40")
    page.keyboard.press("x")
    assert page.evaluate("window.vw.grid.picked") == 0
    width, table, shown, head = page.evaluate(
        "() => { const grid = document.querySelector('.vw-grid'); return [document.documentElement.scrollWidth,"
        " grid.scrollWidth, grid.clientWidth, getComputedStyle(grid.querySelector('th')).position]; }"
    )
    assert width <= 390 and table > shown and head == "sticky"

    score(project)
    page.goto(f"{server.url}/en/?project=ana&tab=listen")
    page.click("#make-report")
    page.wait_for_selector("#open-report")
    read_report(page)


def score(project: Project) -> None:
    """The scorecard as a job leaves it: checkpoint 600 is more like the speaker than the base, 900 no more so."""
    run = Run(project, "calm-voice")
    for step, likeness in zip(STEPS, (0.70, 0.72, 0.83, 0.83), strict=True):
        weights = fingerprint(run.base_id, run.checkpoints.folder(step) if step else None)
        ScoreFile.open(run.path, step, weights).put(voice(step, likeness=likeness))
    ScoreFile.open(run.path, None).put(voice(7, likeness=0.95))


def read_report(page: Any) -> None:
    """Open it by its link on a phone, as whoever gets it: all is there to be read, nothing is refused; save the PDF."""
    with page.expect_popup() as opened:
        page.click("#open-report")
    report, complaints = opened.value, []
    report.set_viewport_size({"width": 390, "height": 844})
    report.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    report.on("pageerror", lambda error: complaints.append(str(error)))
    answer = report.reload()
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    told = report.inner_text("body")
    for words in (
        *("Report on “Calm voice”", "What it was trained on", "2 clips", "The error while learning"),
        *("Keep update 600", "more like the speaker (0.70 → 0.83", "The real voice"),
        *("Who wins", "Blind votes counted", "Calm voice · Update 900", "Best of all"),
        *("1. You are about to enter an echo test.", "Clips that showed the voice how to sound: ref-1."),
        *("All settings", "Learning rate", "0.0002"),
    ):
        assert words in told, words
    assert report.locator("svg path").count() > 4 and report.locator("svg").first.bounding_box()["width"] > 300
    assert report.evaluate("document.documentElement.scrollWidth") <= 390
    assert complaints == []
    report.close()
    with page.expect_download() as saved:
        page.click("#save-report")
    assert Path(saved.value.path()).read_bytes().startswith(b"%PDF-")
