"""Deleting: what a person deletes lies in one trash, comes back as it was, and goes for good when they say so."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from core import trash
from core.checkpoint_ref import CheckpointRef
from core.dataset.freeze import DatasetInfo, dataset, discard_dataset, rename
from core.engines.xtts.options import XttsTrainConfig
from core.errors import Busy, UserError
from core.files import write_json
from core.jobs import events, locks
from core.jobs.args.runs import CompareArgs, EvaluateArgs
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.project.records import Vote
from core.project.usage import discard_features, project_usage
from core.project.workspace import Project, Workspace
from core.synthesis.exports import discard_export, exports, rename_export
from core.training.config import config_text
from core.training.run import Run, runs
from core.training.start import _unused_name
from core.training.trash import discard_checkpoint, discard_run
from ui.i18n import Translator
from ui.parts.trash_list import act_on_trash, trash_list


@pytest.fixture
def run(project: Project) -> Run:
    """A run that ended with two checkpoints."""
    about = {"base": "starter", "dataset": "d"}
    config = config_text(XttsTrainConfig(), **about, preset="xtts-cpu", language="en")
    job = Job.create(project.runs, TrainArgs(**about), title="First", name="first", files={"config.yaml": config})
    events.append(job.events_path, events.Launched())
    for step in (0, 20, 40):
        write_json(job.path / "checkpoints" / f"step-{step:06d}" / "adapter.json", {"step": step})
        events.append(job.events_path, events.Checkpoint(step=step, path=f"checkpoints/step-{step:06d}"))
    events.append(job.events_path, events.Finished(outcome="done"))
    return Run(project, job.id)


def _dataset(project: Project) -> DatasetInfo:
    facts = {"clips": 5, "seconds": 9.0, "train": 4, "val": 1, "dropped": 0, "signature": "s"}
    write_json(project.datasets / "abcdef123456" / "dataset.json", facts)
    return dataset(project, "abcdef123456")


def _export(project: Project) -> Path:
    folder = project.exports / "ana"
    write_json(folder / "manifest.json", {"name": "Ana", "exported_at": 1.0, "trained": True})
    return folder


def test_a_run_and_its_checkpoint_come_back_as_they_were(workspace: Workspace, project: Project, run: Run) -> None:
    discard_checkpoint(project, CheckpointRef(run.id, 20), "First · Update 20")
    assert run.checkpoints.steps() == [0, 40] and run.read().job.pruned == {20}
    discard_run(project, run.id)
    assert runs(project) == []
    entries = {entry.kind: entry for entry in trash.contents(workspace)}
    assert {entry.name for entry in entries.values()} == {"First", "First · Update 20"}
    assert all(entry.size > 0 and entry.project == project.info.name for entry in entries.values())
    with pytest.raises(UserError) as caught:  # what it belongs to lies in the trash as well
        trash.restore(workspace, entries["checkpoint"].id)
    assert caught.value.code == "trash.no_place"
    trash.restore(workspace, entries["run"].id)
    trash.restore(workspace, entries["checkpoint"].id)
    [back] = runs(project)
    view = back.read()
    assert (back.id, back.title, back.checkpoints.steps()) == ("first", "First", [0, 20, 40])
    assert not view.job.pruned and 20 in dict(view.checkpoints)
    assert trash.contents(workspace) == []


def test_what_a_run_spoke_for_others_and_its_report_go_and_come_back_with_it(
    workspace: Workspace, project: Project, run: Run
) -> None:
    beside = [project.spoken / "0123" / run.id / "step-000020" / "0.wav", project.reports / run.id / "report.pdf"]
    for path in beside:
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x")
    discard_run(project, run.id)
    assert not any(path.exists() for path in beside)
    [entry] = trash.contents(workspace)
    trash.restore(workspace, entry.id)
    assert all(path.exists() for path in beside) and [back.id for back in runs(project)] == [run.id]


def test_what_is_at_work_is_not_deleted(project: Project, run: Run) -> None:
    info = _dataset(project)
    job = Job.create(project.runs, TrainArgs(base="starter", dataset=info.id), title="Now")
    for live in (run.job, job):
        handle = locks.try_lock(live.path / "lock", live.holder())
        assert handle is not None
        with pytest.raises(Busy):
            discard_run(project, run.id) if live is run.job else discard_dataset(project, info.id)
        locks.release([handle])
    assert run.path.exists() and info.path.exists()


@pytest.mark.parametrize("role", ["scored", "compared with", "compared", "of another run"])
def test_a_run_whose_checkpoints_speak_in_a_job_is_not_deleted(project: Project, run: Run, role: str) -> None:
    args = {
        "scored": EvaluateArgs(run_id=run.id),
        "compared with": CompareArgs(run=run.id, speaker="other"),
        "compared": CompareArgs(run="other", speaker=run.id),
        "of another run": EvaluateArgs(run_id="other"),
    }[role]
    job = Job.create(project.jobs, args)
    handle = locks.try_lock(job.path / "lock", job.holder())
    assert handle is not None
    is_refused = role != "of another run"
    with pytest.raises(Busy) if is_refused else contextlib.nullcontext():
        discard_run(project, run.id)
    locks.release([handle])
    assert run.path.exists() is is_refused


def test_names_are_changed_where_they_are_shown(project: Project, run: Run) -> None:
    run.job.rename("  Deeper   voice ")
    run.job.rename(" ")
    assert Run(project, run.id).title == "Deeper voice" and run.job.read().title == "Deeper voice"
    _export(project)
    rename_export(project, "ana", "Ana at home")
    assert [(export.id, export.name) for export in exports(project)] == [("ana", "Ana at home")]
    info = _dataset(project)
    rename(project, info.id, "Studio only")
    assert dataset(project, info.id).title == "Studio only"


def test_emptying_deletes_for_good_and_nothing_else(workspace: Workspace, project: Project, run: Run) -> None:
    info, folder = _dataset(project), _export(project)
    discard_dataset(project, info.id)
    discard_export(project, "ana")
    other = workspace.create("Other")
    workspace.delete(other)
    entries = trash.contents(workspace)
    assert [entry.kind for entry in entries] == ["project", "export", "dataset"]
    assert entries[0].name == "Other" and not folder.exists() and not info.path.exists()
    assert trash.delete(workspace, [entries[1].id, "test-voice/run/../../runs/first"]) == 1
    assert trash.delete(workspace, [entry.id for entry in entries]) == 2
    assert trash.contents(workspace) == [] and run.path.exists() and workspace.trash_names() == []


def test_emptying_in_a_window_that_shows_something_else_deletes_nothing(
    workspace: Workspace, project: Project, run: Run
) -> None:
    _export(project)
    discard_export(project, "ana")
    seen = re.search(r'data-seen="(\w+)"', trash_list(Translator("en"), workspace))
    assert seen
    discard_run(project, run.id)
    event = SimpleNamespace(do="empty-trash", id="", seen=seen[1])
    with pytest.raises(UserError) as refused:
        act_on_trash(workspace, event)
    assert refused.value.code == "trash.changed" and len(trash.contents(workspace)) == 2


def test_a_link_in_the_trash_is_deleted_and_not_what_it_leads_to(workspace: Workspace, project: Project) -> None:
    workspace.trash.mkdir(exist_ok=True)
    (workspace.trash / "link").symlink_to(project.path)
    trash.delete(workspace, [entry.id for entry in trash.contents(workspace)])
    assert project.database.exists()


def test_a_new_run_is_never_called_as_one_that_was_voted_on_or_lies_in_the_trash(project: Project, run: Run) -> None:
    assert _unused_name(project, "other") == "other"
    project.store.add_vote(Vote("1", CheckpointRef("old", 20), CheckpointRef("old", 0), "left", 1.0))
    discard_run(project, run.id)
    assert [_unused_name(project, name) for name in ("first", "old")] == ["first-2", "old-2"]


def test_renaming_an_old_run_makes_it_no_newer(project: Project, run: Run) -> None:
    os.utime(run.path, (1.0, 1.0))
    run.job.rename("Deeper voice")
    run.job.dismiss()
    assert run.path.stat().st_mtime == 1.0 and run.job.dismissed


def test_a_file_with_two_names_takes_its_room_once(project: Project) -> None:
    sound = project.clips / "a.wav"
    sound.parent.mkdir()
    sound.write_bytes(os.urandom(100_000))
    copy = project.datasets / "d" / "wavs" / "a.wav"
    copy.parent.mkdir(parents=True)
    os.link(sound, copy)
    usage = project_usage(project)
    assert 100_000 <= usage["clips"] < 120_000 and usage["datasets"] == 0 and usage["records"] > 0


def test_prepared_clips_go_unless_a_training_reads_them(project: Project) -> None:
    project.features.mkdir()
    (project.features / "codes.bin").write_bytes(os.urandom(100_000))
    held = locks.try_lock(project.path / "locks" / "train", {"kind": "train"})
    assert held is not None
    with pytest.raises(UserError) as caught:
        discard_features(project)
    assert caught.value.code == "usage.training" and (project.features / "codes.bin").exists()
    os.close(held)
    assert discard_features(project) >= 100_000
    assert not project.features.exists() and not locks.is_locked(project.path / "locks" / "train")


def test_what_lies_in_the_trash_is_measured_once(
    workspace: Workspace, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    _export(project)
    discard_export(project, "ana")
    counts: list[Path] = []
    monkeypatch.setattr(trash, "disk_bytes", lambda paths: counts.extend(paths) or 4096)
    trash.contents(workspace)
    monkeypatch.setattr(trash, "_SETTLES_S", -1.0)  # as a while later
    entries = [trash.contents(workspace) for _ in range(3)]
    assert [entry.size for lot in entries for entry in lot] == [4096] * 3
    assert len(counts) == 2  # once while it may still have been on its way, once for good
