"""A project as one file: what goes out comes in again, and what was made to do harm does not."""

from __future__ import annotations

import json
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core import transfer
from core.checkpoint_ref import CheckpointRef
from core.errors import Cancelled, UserError
from core.jobs.args.projects import UnpackProjectArgs
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.contents import OPTIONS
from core.project.records import Clip, Source, Vote
from core.project.workspace import Project, Workspace
from ui.http.audio_routes import zip_files


@pytest.fixture
def filled(workspace: Workspace) -> Project:
    """A project with a recording, clips, a run, a dataset, a vote, and things that stay at home."""
    project = workspace.create("Ana “the voice”", "pt")
    project.change(rights="Ana said so.")
    project.store.add_source(Source("s1", "Talk", "upload", "", 9.0, 22050, "0" * 64, 1.0))
    clips = [Clip(f"s1-000{n}", "s1", float(n), n + 1.0, text=f"água {n}") for n in range(3)]
    project.store.replace_clips("s1", clips)
    project.store.add_vote(Vote("p1", CheckpointRef("run", 0), CheckpointRef("run", 20), "right", 2.0, "Oi", ""))
    files = {
        "sources/s1.flac": b"f" * 5000,
        **{f"clips/s1-000{n}.wav": bytes([n]) * 3_000_000 for n in range(3)},
        "datasets/abc/metadata.csv": "a|água|água\n".encode(),
        "evaluation/sentences.json": b'{"texts": ["Oi"]}',
        "exports/voice/model.pth": b"weights",
        "clips/.tmp-half.wav": b"half",
        "private.txt": b"stays",
        "trash/edits/s1-0001.wav": b"stays",
    }
    for name, content in files.items():
        (project.path / name).parent.mkdir(parents=True, exist_ok=True)
        (project.path / name).write_bytes(content)
    (project.clips / "link.wav").symlink_to("/etc/passwd")
    run = Job.create(project.runs, TrainArgs(base="b", dataset="abc"), title="Run", name="run")
    (run.path / "worker.log").write_text("/home/ana/secret")
    return project


def pack(project: Project, target: Path, *options: str) -> Path:
    """The file a person gets."""
    with transfer.packed(project, options) as files, open(target, "wb") as file:
        for block in zip_files(files):
            file.write(block)
    return target


def unpack(workspace: Workspace, file: Path, folder: Path) -> Project:
    """What the job does, in this process."""
    project = workspace.create("Arriving")
    job = Job.create(folder / "jobs", UnpackProjectArgs(file="x", name=file.name))
    transfer.unpack(project, file, file.name, Reporter(job))
    return project


def content(project: Project) -> dict[str, bytes]:
    """Files by name, without records and locks."""
    return {
        path.relative_to(project.path).as_posix(): path.read_bytes()
        for path in project.path.rglob("*")
        if path.is_file() and not path.name.startswith(("project.", "project-", "."))
    }


def test_what_is_taken_away_comes_in_as_it_was_without_what_belongs_to_one_computer(
    filled: Project, tmp_path: Path
) -> None:
    file = pack(filled, tmp_path / "ana.voicewright", *OPTIONS)
    there = Workspace(tmp_path / "elsewhere")
    came = unpack(there, file, tmp_path)
    assert (came.info.name, came.info.language, came.info.rights) == ("Ana “the voice”", "pt", "Ana said so.")
    assert came.store.sources() == filled.store.sources() and came.store.votes() == filled.store.votes()
    assert came.store.clips() == filled.store.clips()
    at_home = {"private.txt", "trash/edits/s1-0001.wav", "clips/link.wav", "clips/.tmp-half.wav", "runs/run/worker.log"}
    expected = {name: data for name, data in content(filled).items() if name not in at_home}
    assert content(came) == {name: data for name, data in expected.items() if not name.endswith("/lock")}
    assert not file.exists() and not list(filled.path.glob(".tmp-*")) and not list(came.path.glob(".tmp-*"))
    # A search that folds case finds as before: our own triggers stand.
    assert came.store.clips()[0].text == "água 0"


def test_what_a_person_leaves_out_is_not_in_the_file(filled: Project, tmp_path: Path) -> None:
    with zipfile.ZipFile(pack(filled, tmp_path / "small.zip")) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert tops == {"voicewright.json", "project.db", "clips", "datasets", "evaluation"}


def rewrite(change: Callable[[dict[str, bytes]], object]) -> Callable[[Path], None]:
    """Make the file anew with other content."""

    def make(file: Path) -> None:
        with zipfile.ZipFile(file) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        change(members)
        with zipfile.ZipFile(file, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)

    return make


def with_manifest(**fields: Any) -> Callable[[Path], None]:
    """Another manifest, or other fields of it."""

    def change(members: dict[str, bytes]) -> None:
        members["voicewright.json"] = json.dumps(json.loads(members["voicewright.json"]) | fields).encode()

    return rewrite(change)


def add(name: str) -> Callable[[Path], None]:
    """One more file, which the manifest counts."""

    def change(members: dict[str, bytes]) -> None:
        about = json.loads(members["voicewright.json"])
        members["voicewright.json"] = json.dumps(
            about | {"files": about["files"] + 1, "bytes": about["bytes"] + 1}
        ).encode()
        members[name] = b"x"

    return rewrite(change)


def with_records(sql: str) -> Callable[[Path], None]:
    """A database in which something else was done."""

    def change(members: dict[str, bytes]) -> None:
        with sqlite3.connect(":memory:") as db:
            db.deserialize(members["project.db"])
            db.create_function("fold_accents", 1, str)
            db.executescript(sql)
            members["project.db"] = db.serialize().ljust(len(members["project.db"]), b"\0")
        about = json.loads(members["voicewright.json"])
        size = sum(len(data) for name, data in members.items() if name != "voicewright.json")
        members["voicewright.json"] = json.dumps(about | {"bytes": size}).encode()

    return rewrite(change)


def cut_off(file: Path) -> None:
    """A download that broke off."""
    file.write_bytes(file.read_bytes()[:-3000])


def flip(file: Path) -> None:
    """A byte that changed on the way."""
    data = bytearray(file.read_bytes())
    at = data.index(b"\x01" * 1000)
    data[at + 500] ^= 0xFF
    file.write_bytes(bytes(data))


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (lambda file: file.write_bytes(b"no zip"), "archive.broken"),
        (cut_off, "archive.broken"),
        (flip, "archive.broken"),
        (rewrite(lambda members: members.pop("voicewright.json")), "transfer.no_project"),
        (rewrite(lambda members: members.update({"voicewright.json": b"[1]"})), "transfer.no_project"),
        (with_manifest(language="../x"), "transfer.no_project"),
        (with_manifest(format=99), "transfer.newer"),
        (with_manifest(engine="other"), "transfer.engine"),
        (with_manifest(files=3), "transfer.incomplete"),
        (rewrite(lambda members: members.pop("clips/s1-0001.wav")), "transfer.incomplete"),
        (add("../outside"), "archive.unsafe"),
        (add("jobs/j/job.json"), "transfer.foreign"),
        (add("project.json"), "transfer.foreign"),
        (with_records("PRAGMA user_version=999"), "records.newer"),
        (
            with_records(
                "DROP TABLE words; CREATE VIEW words AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
                " SELECT 's1' AS source_id, 0.0 AS start_s, 1.0 AS end_s, 'x' AS text, x AS probability FROM n"
            ),
            "transfer.foreign",
        ),
        (with_records("UPDATE clips SET id = '../../../up' WHERE id = 's1-0001'"), "transfer.ids"),
        (rewrite(lambda members: members.update({"project.db": b"x" * len(members["project.db"])})), "damage"),
    ],
)
def test_what_is_damaged_or_made_to_harm_is_told_and_nothing_of_it_is_in_its_place(
    filled: Project, tmp_path: Path, harm: Callable[[Path], None], code: str
) -> None:
    file = pack(filled, tmp_path / "ana.voicewright")
    harm(file)
    there = Workspace(tmp_path / "elsewhere")
    with pytest.raises(UserError) as caught:
        unpack(there, file, tmp_path)
    assert caught.value.code.startswith(code), caught.value
    (project,) = there.projects()
    assert not content(project) and not project.store.sources() and file.exists()
    assert not list(project.path.glob(".tmp-*")) and not (tmp_path / "outside").exists()


def test_triggers_that_a_stranger_put_in_do_not_come_along(filled: Project, tmp_path: Path) -> None:
    file = pack(filled, tmp_path / "ana.voicewright")
    with_records("CREATE TRIGGER spy AFTER INSERT ON votes BEGIN DELETE FROM clips; END; CREATE TABLE extra (x);")(file)
    came = unpack(Workspace(tmp_path / "elsewhere"), file, tmp_path)
    came.store.add_vote(Vote("p2", CheckpointRef("run", 0), CheckpointRef("run", 20), "left", 3.0, "Oi", ""))
    assert len(came.store.clips()) == 3
    with sqlite3.connect(came.database) as db:
        assert not db.execute("SELECT 1 FROM sqlite_master WHERE name IN ('spy', 'extra')").fetchall()


def test_a_stop_leaves_the_file_and_an_empty_project_to_go_on_with(
    filled: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = pack(filled, tmp_path / "ana.voicewright")
    there = Workspace(tmp_path / "elsewhere")

    def stop(_: Reporter) -> None:
        raise Cancelled

    with monkeypatch.context() as patch:
        patch.setattr(Reporter, "check_stop", stop)
        with pytest.raises(Cancelled):
            unpack(there, file, tmp_path)
    (project,) = there.projects()
    assert file.exists() and not content(project)
    job = Job.create(tmp_path / "jobs", UnpackProjectArgs(file="x", name=file.name))
    assert transfer.unpack(project, file, file.name, Reporter(job)) == {
        "files": 6,
        "sources": 1,
        "clips": 3,
        "votes": 1,
    }


def test_broken_off_amid_the_swap_it_is_filled_anew_and_what_somebody_works_on_is_left_alone(
    filled: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = pack(filled, tmp_path / "ana.voicewright")
    there = Workspace(tmp_path / "elsewhere")

    rename = Path.rename

    def rename_and_end(path: Path, target: Path) -> Path:
        moved = rename(path, target)
        if target.name == "clips":
            raise SystemExit
        return moved

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(Path, "rename", rename_and_end)
        unpack(there, file, tmp_path)
    (project,) = there.projects()
    assert content(project) and not project.store.sources() and file.exists()
    reporter = Reporter(Job.create(tmp_path / "jobs", UnpackProjectArgs(file="x", name=file.name)))
    again = Path(shutil.copy(file, tmp_path / "again.voicewright"))
    transfer.unpack(project, file, file.name, reporter)
    project.store.edit_clip("s1-0000", text="corrected by hand")
    with pytest.raises(UserError) as caught:  # Resume of a job that was killed after all of it was in its place
        transfer.unpack(project, again, again.name, reporter)
    assert caught.value.code == "transfer.filled" and again.exists()
    assert project.store.clip("s1-0000").text == "corrected by hand" and len(project.store.clips()) == 3
