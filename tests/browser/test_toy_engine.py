"""An engine that came as a package, in the page: a project of it is made, it trains, its voice reads a long text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from core.engines import registry
from core.engines.session import BatchTrial
from core.jobs.args.training import TryBatchesArgs
from core.listening.candidates import candidates
from core.listening.comparison import strangers
from core.project.workspace import Workspace
from core.studio.documents import documents
from core.studio.state import states
from core.synthesis import speaking
from core.training.batches import keep
from core.training.draft import changed_settings, keep_changed_settings
from core.training.run import runs
from tests.browser.conftest import Server, freeze_tones
from tests.jobs.conftest import until
from tests.synthesis.conftest import toy as toy
from ui.i18n import Translator

pytestmark = pytest.mark.browser
PATIENCE_MS = 30_000
T = Translator("en")


@pytest.fixture(scope="module")
def with_toy(toy: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that finds the toy's package."""
    server = Server(tmp_path_factory.mktemp("toy") / "workspace")
    yield server
    server.stop()


def test_a_voice_of_another_engine_is_made_set_and_trained_in_the_page(with_toy: Server, page: Any) -> None:
    page.goto(f"{with_toy.url}/en/")
    form = page.locator('form[data-do="create"]')
    form.locator('input[name="name"]').fill("Hum")
    form.locator('select[name="engine"]').select_option(label="Sine tones")
    form.locator("#create-project").click()
    workspace = Workspace(with_toy.workspace)
    until(lambda: workspace.projects())
    project = workspace.projects()[0]
    assert project.info.engine == "toy"
    freeze_tones(project)

    page.goto(f"{with_toy.url}/en/?project={project.slug}&tab=train")
    page.wait_for_selector("#start-training:not([disabled])")
    page.locator("#page-train button.label-wrap").first.click()
    page.locator("#page-train button.label-wrap", has_text="Expert").click()
    vibrato = page.get_by_label("vibrato_hz")
    vibrato.wait_for()
    assert vibrato.input_value() == "5" and not page.get_by_label("Adapter rank").is_visible()
    vibrato.fill("9")
    page.wait_for_selector('.vw-changes :text("vibrato_hz")')
    page.click("#start-training")
    until(lambda: runs(project) and runs(project)[0].read().job.status == "done", 60)
    assert runs(project)[0].read().config.model_dump()["vibrato_hz"] == 9
    page.wait_for_selector("#page-train .vw-samples audio")


def test_several_values_are_shown_with_their_cost_trained_in_turn_and_compared(with_toy: Server, page: Any) -> None:
    project = Workspace(with_toy.workspace).create("Sweep", "en", "toy")
    freeze_tones(project)
    keep_changed_settings(project, "toy-cpu", {"max_steps": 20, "save_every": 10, "sample_sentences": 1})
    page.goto(f"{with_toy.url}/en/?project={project.slug}&tab=train")
    page.locator("summary", has_text=T("sweep.title")).click()
    form = page.locator('form[data-do="sweep-look"][data-id="learning_rate"]')
    assert form.locator("input").input_value() == "0.005 0.01"
    form.locator("input").fill("0.01")
    form.locator("button").click()
    page.locator(".toast-body", has_text="two to 8 different ones").wait_for()
    form.locator("input").fill("0.002 0.01")
    form.locator("button").click()
    page.locator("td", has_text="0.002").wait_for()
    assert not runs(project), "nothing starts before it is seen what it takes"
    page.locator('[data-do="sweep-start"]').click()
    until(lambda: [run.read().job.status for run in runs(project)] == ["done", "done"])
    page.wait_for_function("new URLSearchParams(location.search).get('overlay')?.includes('learning-rate')")
    page.locator("#page-train", has_text="Learning rate 0.01").wait_for()
    page.goto(f"{with_toy.url}/en/?project={project.slug}&tab=listen")
    page.wait_for_selector("#vote-left")
    assert strangers(candidates(project)) == []


def test_batch_sizes_are_tried_and_the_quickest_is_used_by_their_buttons(with_toy: Server, page: Any) -> None:
    project = Workspace(with_toy.workspace).create("Batches", "en", "toy")
    page.goto(f"{with_toy.url}/en/?project={project.slug}&tab=system")
    page.wait_for_selector("#try-batches[disabled]")  # there is nothing to try it with
    freeze_tones(project)
    page.reload()
    page.click("#try-batches")
    page.get_by_text(T("batches.no_choice")).wait_for()
    job = project.latest("try_batches")
    assert job and job.read().status == "done"

    args, clips = job.spec().args, 16  # as an engine would that has a choice
    assert isinstance(args, TryBatchesArgs)
    keep(project.workspace, args, clips, [BatchTrial("float32", False, n, clips // n, 3.0 * n, 100.0) for n in (1, 4)])
    page.reload()
    page.locator("tr.best", has_text=T("batches.times", clips=4, times=4)).wait_for()
    page.locator('[data-do="use-batches"]').click()
    page.get_by_text("The next training with").wait_for()
    assert changed_settings(project, "toy-cpu")["batch_size"] == 4
    assert page.locator('[data-do="use-batches"]').count() == 0


def test_a_long_text_is_spoken_heard_changed_and_taken_back_in_the_page(with_toy: Server, page: Any) -> None:
    project = Workspace(with_toy.workspace).create("Reader", "en", "toy")
    freeze_tones(project)
    engine = registry.get_engine("toy")
    engine.make_base("tuning-fork", engine.bases.place(project.workspace.models, "tuning-fork"))
    page.goto(f"{with_toy.url}/en/?project={project.slug}&tab=speak")
    page.locator(".vw-modes button", has_text="Long texts").click()
    form = page.locator('form[data-do="new-text"]')
    form.locator("textarea").fill("# One\n\nHum a line. Hum another.")
    form.locator('input[name="name"]').fill("A song")
    form.locator('button[type="submit"]').click()
    lines = page.locator(".vw-said textarea")
    lines.nth(2).wait_for()
    assert [field.input_value() for field in lines.all()] == ["One", "Hum a line.", "Hum another."]

    page.locator("summary", has_text="How it is spoken").click()
    manner = page.locator('form[data-do="text-manner"]')
    manner.locator('input[name="proofread"]').uncheck()  # a tone has no words
    manner.locator("button").click()
    until(lambda: documents(project)[0].proofread is False)
    # A tone is over in less time than a busy machine takes between two looks: the page itself notes what it shows.
    page.evaluate("""() => {
        window.played = [];
        new MutationObserver(() => {
            const label = document.querySelector('.vw-now')?.textContent;
            if (label && label !== window.played.at(-1)) window.played.push(label);
        }).observe(document.body, { childList: true, subtree: true, characterData: true });
    }""")
    page.click("#studio-speak")  # which plays along, line after line
    page.wait_for_selector(".vw-said.spoken >> nth=2")
    page.wait_for_function("window.played.includes('Line 3')")
    labels = page.evaluate("window.played.filter((label) => label.startsWith('Line '))")
    assert labels == ["Line 1", "Line 2", "Line 3"]

    lines.nth(1).fill("Hum low.")
    lines.nth(1).press("Enter")
    page.wait_for_selector('.vw-said.unspoken[data-number="2"]')
    page.reload()
    page.wait_for_selector('.vw-said.unspoken[data-number="2"]')
    assert lines.nth(1).input_value() == "Hum low."
    page.locator('.vw-said[data-number="2"] [data-do="again"]').click()
    page.wait_for_selector('.vw-said.spoken[data-number="2"]')
    page.locator('.vw-said[data-number="2"] summary').click()
    page.locator('.vw-said[data-number="2"] [data-do="again"]').click()
    page.locator('.vw-said[data-number="2"] .vw-chips button').first.click()
    page.wait_for_selector('.vw-said[data-number="2"] .vw-chips button[aria-pressed="true"] >> text="1"')
    for _ in range(2):  # the choice of the take, and the text
        before = documents(project)[0]
        page.locator('[data-do="undo-text"]').click()
        until(lambda before=before: documents(project)[0] != before)
        page.wait_for_timeout(800)  # a button is not pressed twice by one hand that shakes
    page.wait_for_function("document.querySelectorAll('.vw-said textarea')[1].value === 'Hum a line.'")
    [text] = documents(project)
    assert {row.state for row in states(project, text)} == {"spoken"} and text.name == "A song"

    page.set_viewport_size({"width": 390, "height": 420})  # a phone: a line's buttons in one row, the player in reach
    page.evaluate("document.querySelector('.vw-said:last-child').scrollIntoView({ block: 'center' })")
    heights = page.evaluate("[...document.querySelectorAll('.vw-said .vw-facts')].map((row) => row.offsetHeight)")
    assert len(heights) == 3 and max(heights) <= 48
    button = page.locator("[data-play-text]").bounding_box()
    place = [button["x"] + button["width"] / 2, button["y"] + button["height"] / 2]
    assert page.evaluate("([x, y]) => !!document.elementFromPoint(x, y)?.closest('[data-play-text]')", place)

    page.locator("summary", has_text="Write files").click()
    page.locator('form[data-do="write-files"] input[name="srt"]').check()
    page.locator('form[data-do="write-files"] button').click()
    link = page.locator('a[download="a-song.srt"]')
    link.wait_for()
    with page.expect_download() as download:
        link.click()
    assert "Hum a line." in download.value.path().read_text()
    speaking.dismiss(project.workspace)
