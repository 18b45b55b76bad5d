"""What nobody comes back for is cleared away by age; what a job or a person may still want stays."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.jobs import events, locks
from core.jobs.args.projects import UnpackProjectArgs
from core.jobs.args.sources import ImportArgs
from core.jobs.job import Job
from core.leftovers import BROKEN_OFF_S, EVERY_S, FORGOTTEN_S, HALF_MADE_S, UPLOADED_S, delete_leftovers
from core.project.workspace import Project, Workspace

DAY_S = 24 * 3600


def written(path: Path, text: str = "sound") -> Path:
    """A file with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def later(workspace: Workspace, seconds: float) -> list[Path]:
    """What is deleted so many seconds from now."""
    return delete_leftovers(workspace, time.time() + seconds)


@pytest.mark.parametrize(
    ("place", "age_s"),
    [
        ("tmp/gradio/tmpab12cd34", BROKEN_OFF_S),
        ("tmp/gradio/0123abcd/voice.wav", UPLOADED_S),
        ("tmp/left by an earlier server/x", DAY_S),
        ("tmp/spooled.tmp", DAY_S),
        (".tmp-key", HALF_MADE_S),
        ("private/.tmp-1-cookies.txt", HALF_MADE_S),
        ("queue/.tmp-ticket", HALF_MADE_S),
        ("models/.tmp-base/model.pth", DAY_S),
        ("projects/.tmp-abc/project.json", HALF_MADE_S),
        ("projects/half/.tmp-abc.json", HALF_MADE_S),
        ("projects/{p}/.tmp-project.json", HALF_MADE_S),
        ("projects/{p}/jobs/.tmp-abc/job.json", HALF_MADE_S),
        ("projects/{p}/runs/.tmp-abc/job.json", HALF_MADE_S),
        ("projects/{p}/sources/.tmp-abc.flac", HALF_MADE_S),
        ("projects/{p}/uploads/.tmp-member.wav", HALF_MADE_S),
        ("projects/{p}/clips/.tmp-abc.wav", HALF_MADE_S),
        ("projects/{p}/datasets/.tmp-abc/dataset.json", HALF_MADE_S),
        ("projects/{p}/runs/run-1/checkpoints/.tmp-step/state.pt", HALF_MADE_S),
        ("projects/{p}/exports/.tmp-voice/model.pth", HALF_MADE_S),
        ("projects/{p}/uploads/upload-0123.wav", HALF_MADE_S),
        ("projects/{p}/uploads/held-0123/content.zip", HALF_MADE_S),
        ("projects/{p}/uploads/held-0123.zip", HALF_MADE_S),
        ("projects/{p}/uploads/held-0123.json", HALF_MADE_S),
    ],
)
def test_what_is_left_over_goes_when_it_is_old_enough_and_not_before(
    project: Project, place: str, age_s: float
) -> None:
    file = written(project.workspace.path / place.format(p=project.slug))
    assert later(project.workspace, age_s - 60) == [] and file.exists()
    later(project.workspace, age_s + 60)
    assert not file.exists()
    assert project.info.name == "Test voice"


def test_a_file_that_came_in_pieces_goes_by_its_own_age(project: Project) -> None:
    incoming = project.workspace.path / "tmp" / "incoming"
    forgotten, fresh = written(incoming / "0123" / "data"), written(incoming / "4567" / "data")
    long_ago = time.time() - DAY_S - 60
    for path in (forgotten, forgotten.parent):
        os.utime(path, (long_ago, long_ago))
    assert later(project.workspace, 0) == [forgotten.parent] and fresh.exists()


def test_broken_off_uploads_are_gone_within_an_hour_by_the_timers_own_steps() -> None:
    assert BROKEN_OFF_S + EVERY_S < 3600


@pytest.mark.parametrize(
    "place",
    [
        "tmp/empty",
        "session.key",
        "models/xtts-v2/model.pth",
        "models/whisper/model.bin.part",
        "projects/damaged/project.db",
        "projects/{p}/clips/a.wav",
        "projects/{p}/sources/a.flac",
        "projects/{p}/project.db",
        "projects/{p}/runs/run-1/checkpoints/step-000020/state.pt",
        "projects/{p}/exports/voice/model.pth",
        "trash/gone/project.json",
    ],
)
def test_what_belongs_to_somebody_stays_however_old_it_is(project: Project, place: str) -> None:
    file = written(project.workspace.path / place.format(p=project.slug))
    assert later(project.workspace, 1000 * DAY_S) == [] and file.exists()


def imported(project: Project, file: Path, end: str | None) -> Job:
    """An import of a file that ended so; None: it was killed."""
    job = Job.create(project.jobs, ImportArgs(files=[[str(file), "a.wav"]], urls=[]))
    events.append(job.events_path, events.Launched())
    if end:
        events.append(job.events_path, events.Finished(outcome=end))  # type: ignore[arg-type]
    return job


@pytest.mark.parametrize("end", [None, "failed", "cancelled"])
def test_files_of_an_import_that_may_be_resumed_stay_for_two_weeks(project: Project, end: str | None) -> None:
    file = written(project.uploads / "upload-0123.wav")
    job = imported(project, file, end)
    download = written(job.path / "download" / "video.m4a")
    assert later(project.workspace, FORGOTTEN_S - DAY_S) == []
    assert set(later(project.workspace, FORGOTTEN_S + DAY_S)) == {file, download.parent}


def test_so_does_a_project_file_that_has_not_come_in_yet(project: Project) -> None:
    file = written(project.uploads / "home.voicewright")
    job = Job.create(project.jobs, UnpackProjectArgs(file=file.name, name="Ana"))
    events.append(job.events_path, events.Launched())
    events.append(job.events_path, events.Finished(outcome="failed"))
    assert later(project.workspace, FORGOTTEN_S - DAY_S) == []
    assert later(project.workspace, FORGOTTEN_S + DAY_S) == [file]


def test_files_of_an_import_that_is_done_do_not(project: Project) -> None:
    file = written(project.uploads / "upload-0123.wav")
    imported(project, file, "done")
    assert later(project.workspace, HALF_MADE_S + 60) == [file]


def test_a_data_set_that_waits_for_a_decision_stays_for_two_weeks(project: Project) -> None:
    folder = written(project.uploads / "held-0123" / "held.json").parent
    written(folder / "content.zip")
    assert later(project.workspace, FORGOTTEN_S - DAY_S) == []
    assert later(project.workspace, FORGOTTEN_S + DAY_S) == [folder]


def test_so_does_one_that_an_earlier_version_kept(project: Project) -> None:
    pair = [written(project.uploads / f"held-0123.{end}") for end in ("json", "zip")]
    assert later(project.workspace, FORGOTTEN_S - DAY_S) == []
    assert later(project.workspace, FORGOTTEN_S + DAY_S) == pair


def test_nothing_goes_that_a_job_at_work_holds(project: Project) -> None:
    file = written(project.uploads / "upload-0123.wav")
    job = imported(project, file, None)
    written(job.path / "download" / "video.m4a")
    written(project.sources / ".tmp-decoding.flac")
    written(project.jobs / ".tmp-starting" / "job.json", json.dumps({"kind": "clean", "arguments": {}}))
    held = [locks.try_lock(path / "lock", {}) for path in (job.path, project.jobs / ".tmp-starting")]
    try:
        assert later(project.workspace, 1000 * DAY_S) == []
    finally:
        locks.release([handle for handle in held if handle is not None])
    assert file in later(project.workspace, 1000 * DAY_S)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"kind": "import_sources"}', '"x"', "\udcff"])
def test_a_damaged_job_keeps_its_projects_uploads_and_no_others(workspace: Workspace, text: str) -> None:
    damaged, well = workspace.create("Damaged"), workspace.create("Well")
    kept, old = written(damaged.uploads / "upload-1.wav"), written(well.uploads / "upload-2.wav")
    path = damaged.jobs / "broken" / "job.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert later(workspace, 1000 * DAY_S) == [old] and kept.exists()


def test_links_are_not_followed(project: Project, tmp_path: Path) -> None:
    outside = written(tmp_path / "outside" / ".tmp-mine")
    (project.path / "linked").symlink_to(outside.parent)
    (project.workspace.projects_folder / "elsewhere").symlink_to(outside.parent)
    link = project.workspace.path / ".tmp-link"
    link.symlink_to(outside.parent)
    assert later(project.workspace, 1000 * DAY_S) == [link]
    assert outside.exists()


def test_one_that_cannot_be_deleted_is_named_and_the_others_go(
    project: Project, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = (written(project.workspace.path / "tmp" / "gradio" / f"tmp{name}") for name in "ab")
    real: Callable[..., None] = Path.unlink

    def unlink(self: Path, missing_ok: bool = False) -> None:
        if self == first:
            raise PermissionError(13, "Permission denied", str(self))
        real(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    assert later(project.workspace, DAY_S) == [second]
    assert str(first) in caplog.text


def test_an_empty_workspace_has_nothing_to_clear_away(tmp_path: Path) -> None:
    assert delete_leftovers(Workspace(tmp_path / "nowhere")) == []
