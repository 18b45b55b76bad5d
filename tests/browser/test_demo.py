"""What a person does first: press the demo's button, and end with a vote. In both languages, in a real browser."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from core.pipeline import steps
from core.project.records import ClipFilter
from core.project.workspace import Workspace
from core.tasks.demo import SETTINGS
from tests.browser.conftest import Server, listen_to_both
from ui.i18n import Translator

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PATIENCE_MS = 480_000


def open_page(chromium: Any, server: Server, language: str, path: str = "/", **context: Any) -> tuple[Any, list[str]]:
    """A new page in a browser that asks for ``language``, and the list its console errors go to."""
    page = chromium.new_context(locale=language, reduced_motion="reduce", **context).new_page()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(server.url + path)
    if path == "/":
        page.wait_for_selector("#start-demo")
    return page, errors


@pytest.mark.timeout(900)
def test_the_demo_leads_from_its_button_over_the_whole_road_to_a_vote(chromium: Any, server: Server) -> None:
    t = Translator("pt-BR")
    page, errors = open_page(chromium, server, "pt-BR")
    assert "/pt-BR/" in page.url  # the browser's language was chosen

    began = time.monotonic()
    page.dblclick("#start-demo")  # an eager double click starts one demo
    page.wait_for_selector(".vw-job .vw-bar")
    page.get_by_role("button", name=t("home.demo_listen"), exact=True).click(timeout=PATIENCE_MS)
    page.wait_for_selector(".vw-ab .vw-side >> nth=1")
    print(f"demo from button to first pair: {time.monotonic() - began:.0f} s")
    (project,) = Workspace(server.workspace).projects()

    # What it left behind.
    assert project.info.name == "Demonstração" and project.info.language == "en" and project.info.demo
    demo, training = project.latest("demo"), project.latest("train")
    assert demo and training
    view = demo.read()
    assert view.status == "done" and view.warnings == []
    assert view.result["steps"] == SETTINGS["max_steps"] and view.result["approved"] >= 35
    states = {step.key: step.state for step in steps(project)}
    assert states["train"] == states["dataset"] == "done" and states["listen"] == "empty"

    # A vote in each language; in the other one, without a second demo.
    for votes, language in enumerate(("pt-BR", "en"), 1):
        if language == "en":
            page.context.close()
            page, errors = open_page(chromium, server, "en", path=f"/en/?project={project.slug}&tab=listen")
            page.wait_for_selector(".vw-ab .vw-side >> nth=1")
        listen_to_both(page)
        before = page.inner_html("#page-listen .vw-ab")
        assert not re.search(r"step|\b(0|15|30)\b", re.sub(r"/audio/\S+", "", before)), "a name shows before the vote"
        page.keyboard.press("ArrowLeft")
        page.wait_for_selector(".vw-name")
        page.wait_for_selector("#page-listen table")
        assert errors == []
        page.reload()  # the vote is on disk
        page.wait_for_selector("#page-listen table")
        assert len(project.store.votes()) == votes

    # Its approvals are one change.
    assert len(project.store.undo_last()) == view.result["approved"]
    assert project.store.count(ClipFilter("approved")) == 0


def test_the_demo_of_an_english_page_is_in_english(chromium: Any, server: Server) -> None:
    page, errors = open_page(chromium, server, "en")
    page.click("#start-demo")
    page.wait_for_selector(".vw-job .vw-bar")
    (project,) = Workspace(server.workspace).projects()
    assert project.info.name == "Demo" and errors == []


def test_the_switch_overrides_the_browsers_language_and_is_remembered(chromium: Any, server: Server) -> None:
    page, errors = open_page(chromium, server, "en")
    assert errors == []
    page.click('a[data-language="pt-BR"]')
    page.wait_for_selector(f"text={Translator('pt-BR')('home.demo')}")
    page.goto(server.url)
    page.wait_for_selector(f"text={Translator('pt-BR')('home.demo')}")


def test_every_tab_opens_on_an_empty_project_without_an_error_on_a_phone(chromium: Any, server: Server) -> None:
    Workspace(server.workspace).create("Ana", "en")
    page, errors = open_page(chromium, server, "en", viewport={"width": 390, "height": 780})
    page.click('[data-open="ana"]')
    for key in (
        "sources",
        "segments",
        "transcripts",
        "review",
        "dataset",
        "train",
        "listen",
        "speak",
        "voices",
        "system",
    ):
        page.click(f'.vw-step[data-go="{key}"]')
        page.wait_for_selector(f"#page-{key} h1:visible")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{key} is wider than a phone by {wide} px"
    assert errors == []
