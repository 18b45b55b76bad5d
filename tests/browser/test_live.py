"""An open page follows what happens, asks nothing while hidden, and outlives its server; and one without https."""

from __future__ import annotations

from typing import Any

import pytest

from core.project.workspace import Workspace
from tests.browser.conftest import Server

PATIENCE_MS = 30_000
pytestmark = [pytest.mark.browser, pytest.mark.slow]

COUNT_FRAMES = """
  window.frames_asked = 0;
  const draw = window.requestAnimationFrame;
  window.requestAnimationFrame = (call) => { window.frames_asked += 1; return draw.call(window, call); };
"""
# No frame was asked for since it was last looked.
NOTHING_DRAWN = "() => { const before = window.drawn; window.drawn = frames_asked; return before === window.drawn; }"
HIDE = """hidden => {
  Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event('visibilitychange'));
}"""


@pytest.fixture
def asked(page: Any) -> list[str]:
    """The addresses that the page asks, one a request."""
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    return requests


def test_a_page_follows_asks_nothing_while_hidden_and_catches_up_at_once(
    page: Any, server: Server, asked: list[str]
) -> None:
    page.add_init_script(COUNT_FRAMES)
    project = Workspace(server.workspace).create("Ana", "en")
    page.goto(f"{server.url}/en/?project={project.slug}&tab=sources")
    page.locator("#page-sources .vw-linkbar").wait_for()
    name = page.locator("#vw-header select option:checked")
    project.change(name="Bia")
    page.wait_for_function("document.querySelector('#vw-header select').selectedOptions[0].text === 'Bia'")
    page.wait_for_timeout(2500)  # what the opening brought has settled
    page.wait_for_function(NOTHING_DRAWN, polling=1000)
    del asked[:]
    page.wait_for_timeout(3500)
    assert asked and {url.rsplit("/", 1)[-1] for url in asked} == {"live"}, "an idle page asks one thing"
    assert len(asked) <= 4

    page.evaluate(HIDE, True)
    page.wait_for_timeout(500)
    del asked[:]
    project.change(name="Cida")
    page.wait_for_timeout(3500)
    assert asked == [] and name.inner_text() == "Bia"
    page.evaluate(HIDE, False)
    page.wait_for_function("document.querySelector('#vw-header select').selectedOptions[0].text === 'Cida'")
    first = asked[0]
    assert first.endswith("/en/live")


def test_a_server_that_is_started_anew_is_taken_up_and_what_was_typed_stays(page: Any, server: Server) -> None:
    page.goto(f"{server.url}/en/")
    field = page.locator("#page-home input[name=name]")
    field.fill("Half typed")
    lost = page.locator(".vw-lost-server")
    assert not lost.is_visible()
    server.stop()
    lost.wait_for(state="visible")
    again = Server(server.workspace, port=server.port)  # the shared one is gone: the next test makes another
    try:
        Workspace(server.workspace).create("Ana", "en")
        page.locator("#vw-header select option", has_text="Ana").wait_for(state="attached")
        assert field.input_value() == "Half typed" and not lost.is_visible()
        page.locator("#create-project").click()
        page.wait_for_url("**/*project=half-typed*")
    finally:
        again.stop()


def test_a_page_without_https_says_why_it_has_no_microphone_and_what_helps(page: Any, server: Server) -> None:
    """By name this computer is to the browser as one on another computer is."""
    Workspace(server.workspace).create("Ana", "en")
    page.goto(f"http://voice.lan:{server.port}/pt-BR/?project=ana&tab=sources")
    why = page.locator("#add-files .vw-why-no-mic").first
    why.wait_for(state="visible")
    assert "navegadores" in why.inner_text() and f"http://localhost:{server.port}" in why.inner_text()
    assert page.locator("#add-files .record-button").count() in (0, 1)
    assert not page.locator("#add-files .record-button").is_visible()
    page.locator("#reader button").first.click()
    page.locator("#reader .vw-why-no-mic").first.wait_for(state="visible")
    assert not page.locator("#reader-sound").is_visible()
    page.goto(f"{server.url}/en/?project=ana&tab=sources")
    page.locator("#add-files .record-button").wait_for(state="visible")
    assert not page.locator("#add-files .vw-why-no-mic").first.is_visible()


def test_a_page_that_is_left_breaks_nothing_off_with_an_error(page: Any, server: Server) -> None:
    """Gradio closes its connections then, and its console calls that errors: its listener is never reached."""
    page.add_init_script("""
        const add = window.addEventListener.bind(window);
        const isOurs = (listener) => String(listener).includes('stopImmediatePropagation');
        window.addEventListener = (type, listener, ...rest) => {
          if (type !== 'beforeunload' || isOurs(listener)) return add(type, listener, ...rest);
          localStorage.setItem('listens', 'yes');
          add(type, () => localStorage.setItem('closed', 'yes'), ...rest);
        };
    """)
    page.goto(f"{server.url}/en/")
    page.wait_for_selector("#page-home h1:visible")
    page.reload()
    page.wait_for_selector("#page-home h1:visible")
    assert page.evaluate("[localStorage.getItem('listens'), localStorage.getItem('closed')]") == ["yes", None]
