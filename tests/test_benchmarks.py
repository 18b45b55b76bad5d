"""Benchmarks run on the program as it is: what they import, ask a page for and put something else in place of."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from benchmarks import page, review
from core.project.workspace import Workspace
from core.settings import Settings
from ui import app

MODULES = sorted(file.stem for file in Path(page.__file__).parent.glob("[a-z]*.py"))


@pytest.mark.parametrize("name", MODULES)
def test_a_benchmark_can_be_imported(name: str) -> None:
    importlib.import_module(f"benchmarks.{name}")


def test_each_tab_is_shown_by_an_event_that_a_benchmark_can_send(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, workspace=tmp_path)  # type: ignore[call-arg]
    config = app.build(settings, Workspace(tmp_path), "en").get_config_file()
    assert len({page.show_event(config, tab)[0] for tab in page.TABS}) == len(page.TABS) > 5


def test_random_changes_of_a_benchmark_are_undone(tmp_path: Path) -> None:
    assert review.changes_undone(tmp_path, 5)["made"] == 5
