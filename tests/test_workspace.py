"""Projects: made, renamed, put into the trash and back; no name leads outside."""

from __future__ import annotations

import pytest

from core.clips.lock import clip_lock
from core.errors import Busy, UserError
from core.jobs import locks
from core.jobs.args.clips import SegmentArgs
from core.jobs.job import Job
from core.project.workspace import Workspace


def test_two_projects_of_one_name_have_two_folders(workspace: Workspace) -> None:
    first, second = workspace.create("My Voice", "pt"), workspace.create("My Voice", "en")
    assert (first.slug, second.slug) == ("my-voice", "my-voice-2")
    assert {project.slug for project in workspace.projects()} == {"my-voice", "my-voice-2"}
    assert first.info.language == "pt"


def test_a_project_needs_a_name(workspace: Workspace) -> None:
    with pytest.raises(UserError) as refused:
        workspace.create("  \n ")
    assert refused.value.code == "project.no_name"


def test_a_rename_keeps_the_folder_and_everything_else(workspace: Workspace) -> None:
    project = workspace.create("Old", "pt", demo=True)
    project.change(name="New")
    again = workspace.project("old")
    assert (again.info.name, again.info.language, again.info.demo) == ("New", "pt", True)


@pytest.mark.parametrize("blank", ["", " \n "])
def test_a_project_keeps_its_name_when_it_is_renamed_to_nothing(workspace: Workspace, blank: str) -> None:
    project = workspace.create("Old")
    with pytest.raises(UserError) as refused:
        project.change(name=blank)
    assert refused.value.code == "project.no_name" and project.info.name == "Old"
    assert project.change(name="  My \n voice ").name == "My voice"


def test_a_deleted_project_lies_in_the_trash_and_comes_back(workspace: Workspace) -> None:
    project = workspace.create("Voice")
    project.figures.totals()
    (project.path / "note.txt").write_text("mine")
    workspace.delete(project)
    assert workspace.projects() == [] and workspace.trash_names() == ["voice"]
    workspace.create("Voice")
    back = workspace.restore("voice")
    assert back.slug == "voice-2" and (back.path / "note.txt").read_text() == "mine"
    assert workspace.trash_names() == []


def test_a_late_edit_or_job_makes_no_folder_of_a_deleted_project_anew(workspace: Workspace) -> None:
    project = workspace.create("Voice")
    workspace.delete(project)
    with pytest.raises(FileNotFoundError), clip_lock(project):
        pytest.fail("who edits what is gone?")
    with pytest.raises(FileNotFoundError):
        Job.create(project.jobs, SegmentArgs(), title="Cutting clips")
    assert not project.path.exists()


def test_a_project_at_work_is_not_deleted(workspace: Workspace) -> None:
    import os

    project = workspace.create("Voice")
    job = Job.create(project.jobs, SegmentArgs(), title="Cutting clips")
    held = locks.try_lock(job.path / "lock", {})
    assert held is not None
    try:
        with pytest.raises(Busy) as busy:
            workspace.delete(project)
        assert busy.value.values["title"] == "Cutting clips"
    finally:
        os.close(held)
    workspace.delete(project)


@pytest.mark.parametrize("bad", ["", ".", "..", "../x", "/etc", "nope", "a/../.."])
def test_a_project_name_from_outside_never_leaves_the_folder(workspace: Workspace, bad: str) -> None:
    workspace.create("Voice")
    with pytest.raises(UserError) as missing:
        workspace.project(bad)
    assert missing.value.code == "project.missing"


@pytest.mark.parametrize("bad", ["../project.json", "..", "/etc", "nope", ""])
def test_a_job_name_from_outside_never_leaves_the_folder(workspace: Workspace, bad: str) -> None:
    project = workspace.create("Voice")
    with pytest.raises(UserError) as missing:
        project.job(bad)
    assert missing.value.code == "job.missing"


@pytest.mark.parametrize("bad", ["../projects/voice", "..", ""])
def test_only_what_lies_in_the_trash_can_be_restored(workspace: Workspace, bad: str) -> None:
    workspace.create("Voice")
    with pytest.raises(UserError) as missing:
        workspace.restore(bad)
    assert missing.value.code == "project.not_in_trash"
    assert [project.slug for project in workspace.projects()] == ["voice"]
