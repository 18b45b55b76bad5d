"""An engine that came as a package, in the page: a project of it is made, its settings are seen, it trains."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.audio.samples import write_wav
from core.dataset.freeze import freeze
from core.engines import registry
from core.project.records import Clip, Source
from core.project.workspace import Workspace
from core.training.run import runs
from tests.audio.sounds import tone
from tests.browser.conftest import Server
from tests.jobs.conftest import until

pytestmark = pytest.mark.browser
PATIENCE_MS = 30_000
TOY = Path(__file__).resolve().parents[1] / "toy"


@pytest.fixture
def with_toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that finds the toy's package among the installed ones."""
    monkeypatch.syspath_prepend(str(TOY))
    monkeypatch.setenv("PYTHONPATH", str(TOY))
    registry._engines.cache_clear()
    server = Server(tmp_path / "workspace")
    yield server
    server.stop()
    registry._engines.cache_clear()


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
    project.store.add_source(Source("a", "Recording", seconds=60.0))
    clips = [Clip(f"a-{n:04d}", "a", 4.0 * n, 4.0 * n + 2, text="Hum a line.", status="approved") for n in range(6)]
    project.store.replace_clips("a", clips)
    for clip in clips:
        write_wav(project.clip_file(clip.id), tone(2.0, 16_000, 220.0), 16_000)
    freeze(project)

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
