"""An engine that came as a package, in the page: a project of it is made, its settings are seen, it trains."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.project.workspace import Workspace
from core.training.run import runs
from tests.browser.conftest import Server, freeze_tones
from tests.jobs.conftest import until

pytestmark = pytest.mark.browser
PATIENCE_MS = 30_000


@pytest.fixture
def with_toy(toy: None, tmp_path: Path) -> Iterator[Server]:
    """A server that finds the toy's package."""
    server = Server(tmp_path / "workspace")
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
    vibrato = page.get_by_label("vibrato_hz (Hz)")
    vibrato.wait_for()
    assert vibrato.input_value() == "5" and not page.get_by_label("Adapter rank").is_visible()
    vibrato.fill("9")
    page.wait_for_selector('.vw-changes :text("vibrato_hz")')
    page.click("#start-training")
    until(lambda: runs(project) and runs(project)[0].read().job.status == "done", 60)
    assert runs(project)[0].read().config.model_dump()["vibrato_hz"] == 9
    page.wait_for_selector("#page-train .vw-samples audio")
