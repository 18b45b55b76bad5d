"""What is damaged is named in the page, put aside by a click, and records go back to their copy."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from core.project.records import Clip, Source
from core.project.workspace import Workspace

pytestmark = pytest.mark.browser
PATIENCE_MS = 30_000


def test_a_click_puts_a_broken_project_aside_and_brings_records_back(server: Any, page: Any) -> None:
    workspace = Workspace(server.workspace)
    broken, whole = workspace.create("Bruno", "pt"), workspace.create("Ana", "en")
    whole.store.add_source(Source("a", "Morning", seconds=60.0), [], [Clip("a-1", "a", 0.0, 5.0, text="Hello.")])
    (broken.path / "project.json").write_text('{"name": "Bru')
    whole.database.write_bytes(b"\0" * 9000)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"{server.url}/en/?tab=home")
    card = page.locator(".vw-damage article", has_text="projects/bruno")
    card.get_by_role("button", name="Put aside").click()
    page.locator(".toast-body", has_text=re.compile("damaged/projects/bruno")).wait_for()
    card.wait_for(state="detached")
    assert (workspace.path / "damaged" / "projects" / "bruno" / "project.db").exists()
    page.goto(f"{server.url}/en/?project={whole.slug}&tab=sources")
    page.locator(".vw-damage article", has_text="records").wait_for()
    assert not page.locator("#page-sources").is_visible()
    page.locator("[data-do=restore-records]").click()
    page.wait_for_selector("#page-sources input[data-do=title]")
    assert page.input_value("#page-sources input[data-do=title]") == "Morning"
    assert not page.locator(".vw-damage").count()
    assert json.loads((whole.path / "project.json").read_text())["name"] == "Ana"
    assert [clip.text for clip in whole.store.clips()] == ["Hello."]
