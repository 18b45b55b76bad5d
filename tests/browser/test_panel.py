"""Scripts of panels: what is still wanted stays the same element, so players and fields live on; the player of a long
text follows it as it is when a line's turn comes, and says why it waits or ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from core.audio.synthetic import write_speech
from core.jobs.args.studio import SpeakDocumentArgs
from core.jobs.job import Job
from core.project.workspace import Project
from core.studio import changes, documents, playback, start
from core.studio.cast import cast_of
from core.studio.document import Document, Pauses
from core.studio.keys import Keys
from core.studio.state import overview, states
from core.studio.takes import LineTake, add_take, take_file
from tests.audio.sounds import tone
from tests.jobs.conftest import until
from tests.synthesis.conftest import humming as humming
from tests.synthesis.conftest import toy as toy
from ui import ASSETS
from ui.html import arrive
from ui.http.audio_routes import routes
from ui.i18n import Translator
from ui.parts import on_load, panel_script, script
from ui.tabs.speak.studio import desk, layout
from ui.tabs.speak.studio.lines import line_rows
from ui.tabs.speak.studio.place import Place

pytestmark = pytest.mark.browser


def code(more: str = "") -> str:
    """A panel's script as the page runs it."""
    return f"window.vw ||= {{}};\n{panel_script()}{on_load(more)}"


# Runs the panel's script as Gradio does, over a panel that shows `before`, then `after`.
RUN = """([code, before, after, mark]) => {
  document.body.innerHTML = '<div id="host"><div class="vw-panel"></div></div>';
  const props = { value: before };
  let changed;
  new Function('element', 'props', 'trigger', 'watch', code)(
    document.querySelector('#host'), props, () => {}, (_, call) => { changed = call; });
  const root = document.querySelector('.vw-panel');
  document.querySelectorAll(mark).forEach((one, i) => { one.marked = i + 1; });
  let moved = 0;
  const insert = Node.prototype.insertBefore;
  Node.prototype.insertBefore = function (node, place) {
    if (node.marked || node.querySelector?.(mark)?.marked) moved += 1;
    return insert.call(this, node, place);
  };
  props.value = after;
  changed();
  Node.prototype.insertBefore = insert;
  return { html: root.innerHTML, kept: [...document.querySelectorAll(mark)].map((one) => one.marked || 0), moved };
}"""


def run(chromium: Any, before: str, after: str, mark: str = "audio") -> dict[str, Any]:
    """The panel's HTML afterwards, which marked elements are the old ones, and how many of them were moved."""
    page = chromium.new_page()
    try:
        result: dict[str, Any] = page.evaluate(RUN, [code(), before, after, mark])
        return result
    finally:
        page.close()


AUDIO = '<div class="vw-card" data-key="b"><audio src="b.wav"></audio></div>'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (AUDIO, '<section class="vw-job" data-key="job">x</section>' + AUDIO),
        ('<section class="vw-job" data-key="job">x</section>' + AUDIO, AUDIO),
        (AUDIO, '<div class="vw-card" data-key="new"><audio src="new.wav"></audio></div>' + AUDIO),
        (
            '<div class="vw-notice">one</div>' + AUDIO,
            '<div class="vw-notice">one</div><div class="vw-notice">2</div>' + AUDIO,
        ),
        ("<p>a</p><p>b</p>" + AUDIO, "<h3>t</h3>" + AUDIO),
    ],
)
def test_a_player_stays_in_place_whatever_comes_or_goes_around_it(chromium: Any, before: str, after: str) -> None:
    result = run(chromium, before, after, 'audio[src="b.wav"]')
    assert result["html"] == after
    assert result["kept"] == [1]
    assert result["moved"] == 0


def test_elements_with_keys_are_told_apart_when_their_order_changes(chromium: Any) -> None:
    one, two = '<p data-key="1"><input id="one"></p>', '<p data-key="2"><input id="two"></p>'
    result = run(chromium, one + two, two + one, "input")
    assert result["html"] == two + one
    assert sorted(result["kept"]) == [1, 2]


def test_what_is_being_typed_is_not_taken_away(chromium: Any) -> None:
    page = chromium.new_page()
    fill = """([code]) => { document.body.innerHTML = '<div id="host"><div class="vw-panel"></div></div>';
      const props = { value: '<input value="a">' }; let changed;
      new Function('element', 'props', 'trigger', 'watch', code)(
        document.querySelector('#host'), props, () => {}, (_, call) => { changed = call; });
      const field = document.querySelector('input'); field.focus(); field.value = 'typed';
      props.value = '<div class="vw-job" data-key="j">job</div><input value="b">'; changed();
      return [field.isConnected, field.value, document.activeElement === field]; }"""
    assert page.evaluate(fill, [code()]) == [True, "typed", True]
    page.close()


def test_an_answer_to_an_address_that_was_left_meanwhile_does_not_lead_back(chromium: Any) -> None:
    page = chromium.new_page()
    fill = """([code, ...answers]) => { document.body.innerHTML = '<div id="host"><div class="vw-panel"></div></div>';
      const props = { value: '' }, led = []; let changed;
      window.vw = { arrive: (view) => led.push(view) };
      new Function('element', 'props', 'trigger', 'watch', code)(
        document.querySelector('#host'), props, () => {}, (_, call) => { changed = call; });
      for (const answer of answers) { props.value = answer; changed(); }
      return led; }"""
    late = arrive("clip=1", made_for="?filter=left")
    current = page.evaluate("location.search")  # nothing: a page without a query takes any answer
    assert page.evaluate(fill, [code(), late, arrive("clip=1", made_for=current)]) == ["clip=1"]
    assert page.evaluate(fill, [code(), arrive("clip=2"), late]) == ["clip=2"]
    page.close()


def test_an_address_of_no_page_shows_home(chromium: Any) -> None:
    page = chromium.new_page()
    page.route("**", lambda route: route.fulfill(content_type="text/html", body="<body></body>"))
    page.goto("http://shell.test/en/?tab=review")
    page.add_script_tag(path=ASSETS / "shell.js")
    shown = """(tabs) => tabs.map((tab) => { history.replaceState({}, '', '?tab=' + tab); return window.vw.tab(); })"""
    assert page.evaluate(shown, ["review", "constructor", "Review", ""]) == ["review", "home", "home", "home"]
    page.close()


# ---- the player of a long text --------------------------------------------------------------------------------------

RATE, SITE = 16_000, "http://studio.test"
# Runs a panel's scripts as Gradio does; `show` fills it as an answer of the server would.
FILL = """([name, code, html]) => {
  window.vw ||= { act() {} };
  const host = document.body.appendChild(Object.assign(document.createElement('div'), { id: name }));
  host.innerHTML = '<div class="vw-panel"></div>';
  const props = { value: html };
  let changed;
  new Function('element', 'props', 'trigger', 'watch', code)(host, props, () => {}, (_, call) => { changed = call; });
  window.panels = { ...window.panels, [name]: (html) => { props.value = html; changed(); } };
}"""

# Notes each sentence of the player with the number of the line that is marked just then, 0 if none is.
FOLLOW = """() => {
  const isMarked = (line) => getComputedStyle(line).borderRadius !== '0px';
  const now = () => document.querySelector('.vw-now').textContent;
  window.marked = () => Number([...document.querySelectorAll('.vw-said')].find(isMarked)?.dataset.number || 0);
  window.said = [];
  new MutationObserver(() => window.said.push([now(), window.marked()]))
    .observe(document.querySelector('#player'), { childList: true, characterData: true, subtree: true });
}"""

# Holds the sound as soon as it is heard: however long a change takes meanwhile, the next line has not begun.
HOLD = "() => { const a = document.querySelector('audio'); return a.currentTime > 0 && (a.pause(), true); }"


class Desk:
    """A text on a page with the real panels, scripts and answers, and what of it was played."""

    def __init__(self, page: Any, project: Project, text: Document) -> None:
        self.page, self.project, self.text, self.played = page, project, text, list[str]()
        app = FastAPI()
        app.include_router(routes(project.workspace))
        self.client = TestClient(app)
        page.route(f"{SITE}/**", self._answer)
        page.goto(f"{SITE}/en/")
        for name, more in (("work", ""), ("player", "player.js"), ("rows", "lines.js")):
            own = script(more, layout.__file__) if more else ""
            page.evaluate(FILL, [name, code(own), self.html()[name]])
        page.evaluate(FOLLOW)
        self.heard = 0

    def _answer(self, route: Any) -> None:
        address = urlsplit(route.request.url)
        if address.path == "/en/":
            route.fulfill(content_type="text/html", body="<!doctype html><body></body>")
            return
        if "/take/" in address.path:
            self.played.append(address.path.rpartition("/")[2])
        answer = self.client.get(f"{address.path}?{address.query}")
        route.fulfill(status=answer.status_code, headers=dict(answer.headers), body=answer.content)

    def html(self) -> dict[str, str]:
        """What the panels show of the text as it is now."""
        t, text = Translator("en"), documents.document(self.project, self.text.id)
        rows = states(self.project, text)
        return {
            "work": desk.work(t, self.project, text, rows),
            "player": desk.player(t, self.project, text, overview(rows)),
            "rows": line_rows(t, self.project, text, rows, Place.of("mode=studio"), []),
        }

    def render(self) -> None:
        """Show the text as it is now, as the page does every second."""
        for name, html in self.html().items():
            self.page.evaluate("([name, html]) => window.panels[name](html)", [name, html])

    def says(self, sentence: str) -> int:
        """Wait until the player says this, after what it was waited for before; returns the line marked just then."""
        find = "([sentence, from]) => window.said.findIndex(([text], at) => at >= from && text === sentence) + 1"
        found = self.page.wait_for_function(find, arg=[sentence, self.heard]).json_value()
        self.heard = int(found)
        return int(self.page.evaluate("(at) => window.said[at - 1][1]", found))


def speak(project: Project, text: Document, number: int, seconds: float = 0.2) -> str:
    """Let a line have been spoken; returns the take's id."""
    text = documents.document(project, text.id)
    key = Keys(project, text).key(text.lines[number - 1])
    take, folder = LineTake(key=key, seed=0, seconds=seconds, rate=RATE), documents.folder(project, text.id)
    write_speech(take_file(folder, take.id), tone(seconds, RATE, 220.0).astype(np.float32), RATE)
    add_take(folder, take)
    return take.id


@pytest.fixture
def text(humming: Project) -> Document:
    """Four lines that a voice is cast for, without pauses between."""
    none = Pauses(clause_s=0, sentence_s=0, paragraph_s=0, heading_s=0)
    text = start.create(humming, "Hum one. Hum two. Hum three. Hum four.", pauses=none, proofread=False)
    return documents.recast(humming, text, cast_of(humming, text)[0])


@pytest.fixture
def coming(humming: Project, text: Document, monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """The job that is about to speak the text, while this holds it."""
    jobs: list[Job] = []
    monkeypatch.setattr(playback, "at_work", lambda project, id: jobs[0] if jobs else None)
    return jobs


@pytest.fixture
def site(chromium: Any) -> Iterator[Any]:
    page = chromium.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    assert complaints == []


def test_a_line_that_is_changed_and_spoken_anew_meanwhile_is_heard_as_it_is_then(
    humming: Project, text: Document, site: Any
) -> None:
    first, second, third, fourth = (speak(humming, text, number, 1.2 if number == 1 else 0.2) for number in range(1, 5))
    at = Desk(site, humming, text)
    site.click("[data-play-text]")
    site.wait_for_function(HOLD)
    changes.set_line_text(humming, text.id, text.lines[1].id, "Hum two again.")
    again = speak(humming, text, 2)
    changes.set_text(humming, text.id, "Before all.\n\nHum one. Hum two again. Hum three. Hum four.")
    assert [line.text for line in documents.document(humming, text.id).lines][:2] == ["Before all.", "Hum one."]
    site.evaluate("document.querySelector('audio').play()")
    at.says("The text ends here.")
    assert at.played == [first, again, third, fourth] and second not in at.played


def test_lines_without_sound_are_left_out_in_words_and_a_lost_sound_does_not_end_it(
    humming: Project, text: Document, site: Any
) -> None:
    first, third = speak(humming, text, 1), speak(humming, text, 3)
    at = Desk(site, humming, text)
    site.click("[data-play-text]")
    assert at.says("Line 3. Left out before it, without sound: 1.") == 3
    assert at.says("Nothing more can be heard: lines without sound follow (1).") == 0
    assert at.played == [first, third]
    take_file(documents.folder(humming, text.id), first).unlink()
    at.played.clear()
    site.click("[data-play-text]")
    at.says("The sound of line 1 could not be played. Have it spoken again.")
    at.says("Nothing more can be heard: lines without sound follow (1).")
    assert third in at.played


def test_who_plays_along_waits_for_a_job_that_has_not_begun_and_for_each_of_its_lines(
    humming: Project, text: Document, site: Any, coming: list[Job]
) -> None:
    fourth = speak(humming, text, 4)  # of an earlier time: the text is heard from its first new line on all the same
    at = Desk(site, humming, text)
    asked = []
    site.on("request", lambda request: asked.append(request.url) if "/next" in request.url else None)
    site.click("#studio-speak")
    until(lambda: site.evaluate("1") and len(asked) > 2)
    assert at.played == []
    coming.append(Job.create(humming.jobs, SpeakDocumentArgs(document=text.id)))
    at.says("The next line is on its way …")
    first = speak(humming, text, 1)
    at.says("Line 1")
    at.says("The next line is on its way …")
    coming.clear()  # it has failed at the others
    at.says("The text ends here.")
    assert at.played == [first, fourth]


def test_what_the_player_says_and_marks_stays_when_the_desk_is_shown_anew_until_another_text_is_opened(
    humming: Project, text: Document, site: Any
) -> None:
    speak(humming, text, 1, 60.0)  # longer than all of this takes on a busy machine
    other = start.create(humming, "Hum other.", proofread=False)
    at = Desk(site, humming, text)
    site.click('[data-number="1"] [data-play]')
    assert at.says("Line 1") == 1
    changes.set_text(humming, text.id, "Before all.\n\nHum one. Hum two. Hum three. Hum four.")
    at.render()
    assert site.inner_text(".vw-now") == "Line 1"
    assert site.evaluate("window.marked()") == 2, "the mark stays with its line"
    assert site.evaluate("!document.querySelector('audio').paused")
    # Shown anew in the very moment in which it begins: it begins all the same.
    again = """([html, url]) => {
      document.dispatchEvent(new CustomEvent('vw-play', { detail: { url, line: 1, number: 2 } }));
      window.panels.player(html);
    }"""
    site.evaluate(again, [at.html()["player"], site.get_attribute('[data-number="2"] [data-play]', "data-url")])
    site.wait_for_function("(audio) => !audio.paused && audio.currentTime > 0", arg=site.query_selector("audio"))
    player = site.evaluate_handle("document.querySelector('audio')")
    at.text = other
    at.render()
    assert at.says("") == 0
    site.wait_for_function("(audio) => audio.paused", arg=player)
