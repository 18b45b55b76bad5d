"""The page may die at any moment: what runs goes on, and a new page shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.workspace import Workspace
from tests.browser.conftest import Server

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.timeout(300)
def test_a_killed_and_restarted_server_shows_the_running_job_again(chromium: Any, tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    server = Server(workspace)
    page = chromium.new_context(locale="en").new_page()
    page.goto(server.url)
    page.click("#start-demo")
    page.wait_for_selector(".vw-job .vw-bar")
    project = Workspace(workspace).projects()[0]
    job = project.latest("demo")
    assert job is not None

    server.process.kill()
    server.process.wait()
    assert job.alive()
    again = Server(workspace, port=server.port)
    try:
        page = chromium.new_context(locale="en").new_page()
        page.goto(again.url)
        page.wait_for_selector(".vw-job .vw-bar", timeout=10_000)
        page.click('.vw-job [data-do="stop"]')
        view = job.wait(60)
        assert view.status == "cancelled"
        page.wait_for_selector(".vw-job .vw-notice.warn")
    finally:
        again.stop()
        job.force_stop()
