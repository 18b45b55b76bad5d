"""A full disk is called by its name by everything a click writes, and leaves nothing half-made."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from core import demo
from core.checkpoint_ref import CheckpointRef
from core.dataset.freeze import freeze
from core.errors import DiskFull
from core.files import is_full, write_json
from core.jobs.args.clips import SegmentArgs
from core.project.records import Clip, Source, Vote
from core.project.workspace import Project, Workspace
from core.settings import Settings
from core.sources import reading
from tests.conftest import Mount
from ui.i18n import Translator
from ui.page import Page
from ui.tabs import home

PAIR = CheckpointRef("a", 1), CheckpointRef("b", 1)
LONG = "sentence " * 20_000


@pytest.fixture
def small(mount: Mount, tmp_path: Path) -> Workspace:
    """A workspace on a file system of 4 MB."""
    return Workspace(mount(tmp_path / "disk", 4 << 20))


def fill(workspace: Workspace) -> None:
    """Leave not a byte."""
    with open(workspace.path / "filling", "ab", buffering=0) as file:
        try:
            while True:
                file.write(b"1" * 4096)
        except OSError:
            pass


def page_of(workspace: Workspace, language: str) -> Page:
    """A page without its components."""
    hidden: Any = None
    settings = Settings(_env_file=None, workspace=workspace.path)  # type: ignore[call-arg]
    return Page(settings, workspace, Translator(language), hidden, hidden, hidden)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What notices the page shows."""
    texts: list[str] = []
    monkeypatch.setattr(gr, "Warning", lambda text, **_: texts.append(text))
    return texts


@pytest.mark.parametrize(("language", "words"), [("en", "The disk is full"), ("pt-BR", "O disco está cheio")])
@pytest.mark.parametrize("do", ["create", "demo"])
def test_a_project_is_made_whole_or_not_at_all(
    small: Workspace, told: list[str], language: str, words: str, do: str
) -> None:
    small.projects_folder.mkdir()
    fill(small)
    page = page_of(small, language)
    event: Any = SimpleNamespace(do=do, id="", value='{"name": "Anna", "language": "en"}')
    page.guard(lambda: home._act(page, event) and None, [])
    assert len(told) == 1 and told[0].startswith(words) and str(small.path) not in told[0]
    assert list(small.projects_folder.iterdir()) == [] and small.projects() == []
    os.unlink(small.path / "filling")
    assert small.create("Anna").slug == "anna"


def test_one_that_is_being_made_is_not_shown(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def look(path: Path, value: object) -> None:
        write_json(path, value)
        seen.append(len(workspace.projects()))

    monkeypatch.setattr("core.project.workspace.write_json", look)
    first, second = workspace.create("Anna"), workspace.create("Anna")
    assert (seen, first.slug, second.slug) == ([0, 1], "anna", "anna-2")


WRITES: dict[str, Callable[[Project], object]] = {
    "rename": lambda project: project.change(name="Other"),
    "title": lambda project: project.store.change_source("s1", title=LONG),
    "correct": lambda project: project.store.edit_clip("s1-0001", text=LONG),
    "decide for all": lambda project: project.store.edit_clips(["s1-0001"], status="approved"),
    "vote": lambda project: project.store.add_vote(Vote("p", *PAIR, "left", 1.0)),
    "read other sentences": lambda project: reading.use_own(project, "One.\nTwo."),
    "freeze": lambda project: freeze(project),
    "start a job": lambda project: project.start_job(SegmentArgs()),
    "read": lambda project: project.store.sources(),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_whatever_a_click_writes_a_full_disk_is_called_by_its_name(
    small: Workspace, told: list[str], write: Callable[[Project], object]
) -> None:
    project = small.create("Anna")
    clip = Clip("s1-0001", "s1", 0.0, 5.0, text="Hello there.", status="approved")
    project.store.add_source(Source("s1", "t", "upload", "", 5.0, 22050, "x", 1.0), clips=[clip])
    before = sorted(path.relative_to(small.path) for path in project.path.rglob("*") if "project.db" not in path.name)
    fill(small)
    page_of(small, "en").guard(lambda: write(project) and None, [])  # type: ignore[func-returns-value, return-value]
    assert [text[:16] for text in told] == ["The disk is full"]
    after = sorted(path.relative_to(small.path) for path in project.path.rglob("*") if "project.db" not in path.name)
    assert [path for path in after if path not in before and path.suffix] == [], "no file is left half-made"
    os.unlink(small.path / "filling")
    assert project.info.name == "Anna" and project.store.clip("s1-0001").text == "Hello there."


def test_a_database_that_could_not_be_begun_is_whole_once_there_is_room(small: Workspace) -> None:
    project = small.create("Anna")
    project.database.unlink()  # of a project that an older version made, nobody has looked at it yet
    fill(small)
    with pytest.raises(DiskFull) as caught:
        project.store.sources()
    assert is_full(caught.value.__cause__ or caught.value)
    os.unlink(small.path / "filling")
    assert project.store.sources() == []
    assert (project.path / "project.db").read_bytes()[18] == 2, "as every other, with a write-ahead log"


def test_the_demo_leaves_nothing_where_its_job_cannot_start(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(demo.Job, "create", full)
    with pytest.raises(OSError):
        demo.start_demo(workspace)
    assert list(workspace.projects_folder.iterdir()) == []
