"""The script that patches a panel: what is still wanted stays the same element, so players and fields live on."""

from __future__ import annotations

from typing import Any

import pytest

from ui.html import arrive
from ui.parts import script as part

pytestmark = pytest.mark.browser


def script(name: str) -> str:
    """A part's script as the page runs it."""
    return part("live_panel.js") + part(name)


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
        result: dict[str, Any] = page.evaluate(RUN, [script("panel.js"), before, after, mark])
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
    code = """([code]) => { document.body.innerHTML = '<div id="host"><div class="vw-panel"></div></div>';
      const props = { value: '<input value="a">' }; let changed;
      new Function('element', 'props', 'trigger', 'watch', code)(
        document.querySelector('#host'), props, () => {}, (_, call) => { changed = call; });
      const field = document.querySelector('input'); field.focus(); field.value = 'typed';
      props.value = '<div class="vw-job" data-key="j">job</div><input value="b">'; changed();
      return [field.isConnected, field.value, document.activeElement === field]; }"""
    assert page.evaluate(code, [script("panel.js")]) == [True, "typed", True]
    page.close()


def test_an_answer_to_an_address_that_was_left_meanwhile_does_not_lead_back(chromium: Any) -> None:
    page = chromium.new_page()
    code = """([code, ...answers]) => { document.body.innerHTML = '<div id="host"><div class="vw-panel"></div></div>';
      const props = { value: '' }, led = []; let changed;
      window.vw = { arrive: (view) => led.push(view) };
      new Function('element', 'props', 'trigger', 'watch', code)(
        document.querySelector('#host'), props, () => {}, (_, call) => { changed = call; });
      for (const answer of answers) { props.value = answer; changed(); }
      return led; }"""
    late = arrive("clip=1", made_for="?filter=left")
    current = page.evaluate("location.search")  # nothing: a page without a query takes any answer
    assert page.evaluate(code, [script("panel.js"), late, arrive("clip=1", made_for=current)]) == ["clip=1"]
    assert page.evaluate(code, [script("panel.js"), arrive("clip=2"), late]) == ["clip=2"]
    page.close()
