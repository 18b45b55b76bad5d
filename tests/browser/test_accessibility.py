"""Every tab of a project that has walked the road, and what is opened in them: axe-core finds nothing serious, it fits
at 200 % zoom.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest

from core.audio.samples import write_wav
from core.project.records import Clip, Source, Word
from core.project.workspace import Project, Workspace
from core.studio import documents, start
from core.studio.cast import cast_of
from core.studio.document import Document
from core.studio.keys import Keys
from core.studio.takes import Failure, LineTake, add_failure, add_take, take_file
from core.synthesis.saved_voices import save_voice
from tests.audio.sounds import tone
from tests.browser.conftest import Server
from tests.browser.finished import with_finished_runs
from tests.conftest import TABS

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PATIENCE_MS = 60_000
# The whole document once; of the other tabs what is their own.
_RUN = "([part, rules]) => axe.run(part || document, {resultTypes: ['violations'], ...rules})"
_ALL: dict[str, Any] = {}
_CONTRAST = {"runOnly": ["color-contrast"]}
_NAMES = {"rules": {"color-contrast": {"enabled": False}}}
_OPEN = "tab => document.querySelectorAll(`#page-${tab} details`).forEach((part) => { part.open = true; })"
# What an address opens within a tab, and what is there then.
_OPENED = (
    ("speak", "mode=studio&doc=", "[data-do=new-text]"),
    ("speak", "mode=studio&doc={text}", "#studio-speak"),
    ("speak", "mode=studio&doc={text}&as=text", "#studio-speak"),
    ("voices", "saved={voice}", ".vw-voices .vw-take"),
)
_WIDER = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def axe() -> str:
    """The script of axe-core, which `axe-playwright-python` brings along."""
    pytest.importorskip("axe_playwright_python")
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("language", "checks"),
    [
        # One language whole in one theme; of the other theme its colours, of the other language its words.
        ("en", (("light", _ALL), ("dark", _CONTRAST))),
        ("pt-BR", (("light", _NAMES),)),
    ],
)
def test_no_tab_has_a_serious_fault_or_is_cut_off_at_twice_the_size(
    page: Any, server: Server, axe: str, language: str, checks: tuple[tuple[str, dict[str, Any]], ...]
) -> None:
    project = Workspace(server.workspace).create("Ana", "en")
    project.store.add_source(Source("s1", "Talk", seconds=40.0, sample_rate=16_000))
    clips = [Clip(f"s1-{n:04d}", "s1", n * 5, n * 5 + 3, "Said so.", "Sad so.", "en") for n in range(1, 5)]
    for clip in clips:
        write_wav(project.clip_file(clip.id), tone(3, 22_050), 22_050)
    project.store.replace_clips("s1", clips)
    project.store.replace_words("s1", 0, 40, [Word(5.0, 5.5, "Sad", 0.2), Word(5.6, 6.0, "so.", 0.9)])
    project.store.second_opinion("s1-0001", "Said sow.", 0.3, "mismatch")
    project.store.measure_clip("s1-0001", snr_db=8.0, sound_flags="noisy")
    project.store.edit_clip("s1-0003", status="approved")
    project.store.edit_clip("s1-0004", status="rejected", reason="noisy")
    first, _ = with_finished_runs(project)
    voice = save_voice(project, "Ana, calm", f"{first}:40", rights="Hers.")
    text = with_a_text(project)

    page.emulate_media(color_scheme="light")
    page.goto(f"{server.url}/{language}/?project=ana&tab=home")
    page.wait_for_function("() => window.vw")  # the page's own scripts come after it is loaded
    page.add_script_tag(content=axe)
    faults, cut_off = list[str](), list[str]()

    def look_at(name: str, part: str) -> None:
        for look, rules in checks:
            page.emulate_media(color_scheme=look)
            if rules is not _NAMES:
                page.wait_for_timeout(150)  # colours fade in
            for fault in page.evaluate(_RUN, [part, rules])["violations"]:
                if fault["impact"] in ("serious", "critical"):
                    faults.extend(f"{name} {look}: {fault['id']}: {node['html'][:200]}" for node in fault["nodes"])
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 640, "height": 450})
        if (wider := page.evaluate(_WIDER)) > 0:
            cut_off.append(f"{name}: {wider} px")
        page.set_viewport_size({"width": 1280, "height": 900})

    page.set_viewport_size({"width": 1280, "height": 900})
    for tab in TABS:
        page.evaluate("tab => window.vw.go(tab)", tab)
        page.wait_for_selector(f"#page-{tab} .vw-heading:visible")
        page.evaluate(_OPEN, tab)
        look_at(tab, "" if tab == "home" else f"#page-{tab}")
        if tab == "review":
            page.locator("[data-help]").first.click()
            page.wait_for_selector("dialog[open]")
            look_at("review's sheet", "dialog[open]")
            page.keyboard.press("Escape")
    for tab, address, mark in _OPENED:
        view = address.format(text=text.id, voice=voice.id)
        page.evaluate("([tab, view]) => { window.vw.go(tab, view); }", [tab, view])
        page.wait_for_selector(f"#page-{tab} {mark}:visible")
        page.evaluate(_OPEN, tab)
        look_at(f"{tab} {address}", f"#page-{tab}")
    assert not faults, "\n".join(faults)
    assert not cut_off


def with_a_text(project: Project) -> Document:
    """A long text with a chapter, another voice, and lines that are spoken, doubtful, failed and still to be said."""
    lines = "# One\n\nIt was late. [pause 1.5s] Nobody came. Then a knock.\n\n[voice Ana, calm] Who is there?"
    text = start.create(project, lines, "Evening")
    text = documents.recast(project, text, cast_of(project, text)[0])
    keys, folder = Keys(project, text), documents.folder(project, text.id)
    for line, heard in ((text.lines[1], "It was late."), (text.lines[2], "No body.")):
        take = LineTake(key=keys.key(line), seed=0, seconds=0.5, rate=24_000, checked="sound", heard=heard)
        take = take.model_copy(update={"cer": 0.0 if heard == line.text else 0.5})
        sound = take_file(folder, take.id)
        sound.parent.mkdir(parents=True, exist_ok=True)
        write_wav(sound, tone(0.5, 24_000), 24_000)
        add_take(folder, take)
    failure = Failure(key=keys.key(text.lines[3]), code="speak.process_died", text="It ended.", hint="Try again.")
    add_failure(folder, failure)
    return text
