"""One broken file never takes the page down: every file of ours, broken in every way, against every tab."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest

from core import inspection
from core.audio.samples import write_wav
from core.dataset.freeze import freeze
from core.engines.xtts.options import XttsTrainConfig
from core.errors import UserError
from core.files import write_json
from core.jobs import events
from core.jobs.args.kinds import from_disk
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.project import backups
from core.project import schema as tables
from core.project.records import Clip, Source
from core.project.workspace import Project, Workspace
from core.settings import Settings
from core.sources.links.cookies import keep_cookies
from core.training.config import config_text
from tests.conftest import TABS
from ui import app
from ui.i18n import Translator
from ui.page import Page, Tab
from ui.parts.damage import DamagePanel, is_blocked


@dataclass
class Built:
    """The page's parts as the shell has them, over one workspace."""

    page: Page
    tabs: dict[str, Tab]
    damage: DamagePanel

    def show(self, slug: str, key: str) -> dict[Any, Any]:
        """What a refresh and a tick of a tab show, by the very functions the shell calls; whatever fails is raised."""
        project = self.page.project(slug)
        shown: dict[Any, Any] = {"header": app._header(self.page, project)}
        tab = self.tabs[key]
        shown["steps"] = app._steps(self.page, project, key, tab.turn(project) if tab.turn else "")
        shown["damage"] = self.damage.show(slug, project, key)
        if is_blocked(project, key):
            return shown
        values = [component.value for component in tab.inputs]
        shown |= tab.refresh(project, *values)
        if tab.tick:
            tab.tick(project, "")
        return shown


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Two projects with one of every file there is, and what they share."""
    workspace = Workspace(tmp_path_factory.mktemp("whole") / "workspace")
    keep_cookies(workspace, ".example.org\tTRUE\t/\tTRUE\t0\ta\tb\n")
    for name in ("Ana", "Bruno"):
        _fill(workspace.create(name, "en"))
    return workspace


@pytest.fixture(scope="module")
def built(whole: Workspace) -> Built:
    """The page, built once; its workspace is set by each test."""
    settings = Settings(_env_file=None, workspace=whole.path)  # type: ignore[call-arg]
    with gr.Blocks():
        hidden = [gr.Textbox(value, visible=False) for value in ("", "home", "")]
        page = Page(settings, whole, Translator("en"), *hidden)
        tabs = {module.__name__.split(".")[2]: module.build(page) for module in app.TABS}
        return Built(page, tabs, DamagePanel(page))


@pytest.fixture
def workspace(whole: Workspace, built: Built, tmp_path: Path) -> Iterator[Workspace]:
    """A copy of the workspace that may be broken; the page looks at it."""
    shutil.copytree(whole.path, tmp_path / "workspace", symlinks=True)
    built.page.workspace = Workspace(tmp_path / "workspace")
    yield built.page.workspace
    built.page.workspace = whole


def _fill(project: Project) -> None:
    store = project.store
    sound = (0.1 * np.random.default_rng(0).standard_normal(22_050)).astype(np.float32)
    clips = [
        Clip(f"a-{n}", "a", n * 1.0, n + 1.0, text="Hello there, all of you.", status="approved") for n in range(5)
    ]
    store.add_source(Source("a", "Morning", seconds=60.0, sample_rate=22_050), [], clips)
    for clip in clips:
        project.clips.mkdir(exist_ok=True)
        write_wav(project.clip_file(clip.id), sound, 22_050)
    project.sources.mkdir(exist_ok=True)
    write_wav(project.sources / "a.flac", np.tile(sound, 60), 22_050)
    dataset = freeze(project)
    dataset.path.rename(project.datasets / "first")
    about = {"base": "starter", "dataset": "first"}
    config = config_text(XttsTrainConfig(), **about, preset="xtts-cpu", language="en")
    run = Job.create(project.runs, TrainArgs(**about), title="First", name="first", files={"config.yaml": config})
    write_json(run.path / "fits.json", {"micro_batch": 1, "accumulation": 2, "checkpointing": False})
    (run.path / "control.jsonl").write_text('{"do": "steps", "at": 1.0, "steps": 900}\n')
    for event in (events.Launched(), events.Started(pid=1), events.Metrics(step=1, values={"loss": 3.0})):
        events.append(run.events_path, event)
    for step in (0, 20):
        write_json(run.path / "checkpoints" / f"step-{step:06d}" / "adapter.json", {"step": step})
        spoken = run.path / "samples" / f"step-{step:06d}" / "0.wav"
        spoken.parent.mkdir(parents=True)
        write_wav(spoken, sound, 22_050)
        path = str(spoken.relative_to(run.path))
        events.append(run.events_path, events.Checkpoint(step=step, path=f"checkpoints/step-{step:06d}"))
        events.append(run.events_path, events.Sample(step=step, sentence=0, text="Hello.", path=path))
    events.append(run.events_path, events.Finished(outcome="cancelled"))
    write_json(
        run.path / "samples" / "sentences.json",
        {"texts": ["Hello."], "language": "en", "references": ["a-0"], "seed": 0},
    )
    for kind, arguments in _JOBS.items():
        job = Job.create(project.jobs, from_disk(kind, arguments), name=kind)
        for event in (events.Launched(), events.Finished(outcome="done", result={"added": 1, "clips": 5})):
            events.append(job.events_path, event)
    write_json(project.jobs / "import_sources" / "done.json", ["https://example.org/a"])
    entry = {"url": "https://example.org/b", "title": "B", "seconds": 3.0, "id": "b", "note": ""}
    write_json(
        project.jobs / "list_link" / "list.json", {"url": "https://example.org", "title": "L", "entries": [entry]}
    )
    project.takes.mkdir()
    write_wav(project.takes / "t.wav", sound, 22_050)
    take = {"text": "Hi", "language": "en", "voice": "First · 20", "run_id": "first", "step": 20, "seed": 0}
    write_json(project.takes / "t.json", {**take, "reference_clip_ids": [], "seconds": 1.0, "took_s": 1.0, "at": 1.0})
    write_json(
        project.exports / "voice" / "manifest.json",
        {"name": "Voice", "exported_at": 1.0, "run_id": "first", "step": 20},
    )
    (project.exports / "voice" / "README.txt").write_text("how")
    facts = {"kind": "sounds", "count": 1, "seconds": 1.0, "without_text": 0, "without_sound": 0}
    facts |= {"some_without_text": "", "some_without_sound": "", "examples": [["a", "b"]], "lists": []}
    write_json(project.uploads / "held-1" / "held.json", {"at": 1.0, "name": "a.zip", "choices": {}})
    write_json(project.uploads / "held-1" / "facts.json", {"choices": {}, "facts": facts})
    (project.uploads / "held-1" / "content.zip").write_bytes(b"PK")
    side = {"run": "first", "step": 20, "label": "First · 20", "sound": "0" * 16}
    pair = {"id": "1" * 16, "at": 1.0, "text": "Hello.", "sentence": 0, "left": side, "right": {**side, "step": 0}}
    write_json(project.path / "listening" / "pairs" / f"{pair['id']}.json", pair)
    write_json(project.path / "reading.json", {"sentences": ["One."], "place": 0, "spoken": {}, "own": True})
    write_json(project.path / "trash" / "b" / "source.json", {"source": {"id": "b", "title": "Gone"}, "clips": []})
    # A second of each, to be there whatever becomes of the first.
    for one, other in _TWINS.items():
        of, to = project.path / one, project.path / other
        shutil.copytree(of, to) if of.is_dir() else shutil.copy(of, to)


_TWINS = {
    "runs/first": "runs/second",
    "datasets/first": "datasets/second",
    "takes/t.json": "takes/u.json",
    "takes/t.wav": "takes/u.wav",
    "exports/voice": "exports/second",
    "uploads/held-1": "uploads/held-2",
}


_JOBS: dict[str, dict[str, Any]] = {
    "import_sources": {"files": [], "urls": ["https://example.org/a"], "folders": [], "link": {}, "titles": {}},
    "list_link": {"url": "https://example.org", "link": {}},
    "segment": {"source_ids": ["a"], "options": {}},
    "transcribe": {"model": "small"},
    "measure": {},
    "clean": {"source_id": "a", "strength": "gentle"},
    "synthesize": {"run_id": "first", "step": 20},
    "export": {"run_id": "first", "step": 20},
    "download_base": {"base_id": "xtts-v2", "hub": ""},
}
# Files that say what a thing is: broken, it is told and can be put aside.
THINGS = (
    *("project.json", "project.db", "runs/first/job.json", "runs/first/config.yaml", "runs/first/fits.json"),
    *("jobs/import_sources/job.json", "jobs/segment/job.json", "jobs/list_link/list.json", "takes/t.json"),
    *("exports/voice/manifest.json", "uploads/held-1/held.json", "reading.json", "trash/b/source.json"),
    *("datasets/first/dataset.json", f"listening/pairs/{'1' * 16}.json"),
)
# Files of a run, each broken in a copy of its own: the page has to read past all of them.
OF_A_RUN = (
    *("job.json", "config.yaml", "fits.json", "events.jsonl", "control.jsonl", "lock", "worker.log", "stop"),
    *("samples/sentences.json", "checkpoints/.back-to.json", "checkpoints/step-000020/adapter.json"),
)
OF_A_JOB = ("job.json", "events.jsonl", "lock", "worker.log")
REST = (
    *THINGS[7:],
    *("jobs/import_sources/done.json", "exports/voice/README.txt", "datasets/first/report.json", "takes/t.wav"),
    *("datasets/first/metadata_train.csv", "sources/a.frames.npz", "sources/a.speech.npz"),
    *("clips/a-0.wav", "trash/c/clips.json", "locks/segment"),
    *("../../private/cookies.txt", "../../gpu.lock", "../../queue/1", "../../models/starter/starter.json"),
    *("../../models/.partial-xtts-v2/plan.json", "../../trash/gone/project.json", "../stray"),
)


def _all_but_the_project(ana: Path, turn: int) -> list[Path]:
    """Files that do not hide each other: broken at once, many are tried in the time of one."""
    places = [ana / name for name in REST]
    for number, name in enumerate(OF_A_RUN):
        shutil.copytree(ana / "runs" / "first", ana / "runs" / f"r{number}")
        places.append(ana / "runs" / f"r{number}" / name)
    places += [ana / "jobs" / kind / OF_A_JOB[(turn + at) % len(OF_A_JOB)] for at, kind in enumerate(_JOBS)]
    return [Path(os.path.normpath(place)) for place in places]


def _as_folder(path: Path) -> None:
    path.mkdir(parents=True)
    (path / "inside").touch()


def _large(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(100 << 20)  # sparse: 100 MB of zeros


def _changed(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """An object in the file, with something in it changed; where it holds none, an object of that alone."""
    try:
        raw = json.loads(path.read_text())
    except (ValueError, OSError):
        raw = {}
    raw = raw if isinstance(raw, dict) else {"was": raw}
    change(raw)
    _written(path, json.dumps(raw).encode())


def _deeper(raw: dict[str, Any], value: Any) -> None:
    for key, inner in raw.items():
        if isinstance(inner, dict):
            _deeper(inner, value)
        else:
            raw[key] = value


def _written(path: Path, data: bytes) -> None:
    path.write_bytes(data)


FAULTS: dict[str, Callable[[Path, bytes], object]] = {
    "truncated": lambda path, data: _written(path, data[: len(data) * 2 // 3]),
    "empty": lambda path, _: _written(path, b""),
    "garbage": lambda path, _: _written(path, np.random.default_rng(1).bytes(5000)),
    "not utf-8": lambda path, data: _written(path, data[:20] + b"\xff\xfe\xe9" + data[20:]),
    "overwritten in the middle": lambda path, data: _written(path, data[:8] + b"\0" * 2000 + data[-8:]),
    "list": lambda path, _: _written(path, b"[1, 2, 3]\n"),
    "null": lambda path, _: _written(path, b"null\n"),
    "number": lambda path, _: _written(path, b"42\n"),
    "string": lambda path, _: _written(path, b'"words"\n'),
    "empty object": lambda path, _: _written(path, b"{}\n"),
    "too deep": lambda path, _: _written(path, b"[" * 50_000),
    "huge numbers": lambda path, _: _changed(path, lambda raw: _deeper(raw, 1e300)),
    "texts for all": lambda path, _: _changed(path, lambda raw: _deeper(raw, "text")),
    "nulls for all": lambda path, _: _changed(path, lambda raw: _deeper(raw, None)),
    "half characters": lambda path, _: _written(path, b'{"name": "\\ud800", "title": "\\ud800", "kind": "\\ud800"}\n'),
    "a newer version's": lambda path, _: _changed(path, lambda raw: raw.update(hue={"of": [1]}, schema=99)),
    "folder": lambda path, _: _as_folder(path),
    "missing": lambda path, _: None,
    "dangling link": lambda path, _: path.symlink_to(path.parent / "nowhere"),
    "looping link": lambda path, _: path.symlink_to(path),
    "pipe": lambda path, _: os.mkfifo(path),
    "100 MB": lambda path, _: _large(path),
}


def _break(path: Path, fault: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = path.read_bytes() if path.is_file() else b""
    if fault not in ("a newer version's", "huge numbers", "texts for all", "nulls for all"):
        path.unlink(missing_ok=True)
    FAULTS[fault](path, data)


CELLS = [(what, fault) for what in ("project.json", "project.db", "all else") for fault in FAULTS]
CELLS += [("project.db-wal", fault) for fault in ("empty", "garbage", "folder", "dangling link", "pipe")]


@pytest.mark.parametrize(("what", "fault"), CELLS)
def test_whatever_is_broken_every_tab_works(
    what: str, fault: str, built: Built, workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    ana = workspace.path / "projects" / "ana"
    alone = what != "all else"
    for place in [ana / what] if alone else _all_but_the_project(ana, list(FAULTS).index(fault)):
        _break(place, fault)
    with caplog.at_level(logging.ERROR):
        shown = {key: built.show("ana", key) for key in TABS}
        home, others = (shown["home"], {}) if not alone else (built.show("bruno", "home"), built.show("bruno", "speak"))
    assert not caplog.records
    assert home["header"].count('value="bruno"') == 1 and 'data-key="bruno"' in str(home)
    # What is whole beside what is broken is there.
    speak = str(others or shown["speak"])
    assert all(f'data-key="{name}"' in speak for name in ("u", "second"))
    if not alone:
        assert 'value="second"' in str(shown["train"]) and "second" in str(shown["dataset"])
        assert "second" in str(shown["listen"]) and 'data-key="held-2"' in str(shown["sources"])


@pytest.mark.parametrize("fault", ("truncated", "empty", "null", "folder", "dangling link"))
@pytest.mark.parametrize("name", THINGS)
def test_what_cannot_be_read_is_named_once_put_aside_and_as_before_when_moved_back(
    name: str, fault: str, built: Built, workspace: Workspace
) -> None:
    path = workspace.path / "projects" / "ana" / name
    _break(path, fault)
    project = built.page.project("ana")
    found = [*inspection.of_workspace(workspace), *(inspection.of_project(project) if project else ())]
    places = {str(error.thing.relative_to(workspace.path)) for error in found}
    assert len(places) == 1, [str(error) for error in found]
    place = places.pop()
    assert path.is_relative_to(workspace.path / place)
    told = [built.damage.show("ana", project, key) for key in TABS]
    assert any(str(path.relative_to(workspace.path)) in text for text in told)
    assert not any(str(workspace.path) in text for text in told), "no path of the server"
    target = inspection.put_thing_aside(workspace, place)
    assert target.is_relative_to(workspace.path / "damaged") and os.path.lexists(target)
    project = built.page.project("ana")
    assert not inspection.of_workspace(workspace) and not (project and inspection.of_project(project))
    for part in backups.parts(workspace.path / place) if name == "project.db" else ():
        part.unlink()
    target.rename(workspace.path / place)
    again = built.page.project("ana")
    assert inspection.of_workspace(workspace) or (again and inspection.of_project(again)), "as before"


def test_only_what_is_damaged_can_be_put_aside(workspace: Workspace) -> None:
    for place in ("projects/bruno", "projects/bruno/project.db", "../x", "/etc", "projects", ".", "", "gpu.lock"):
        with pytest.raises(UserError) as refused:
            inspection.put_thing_aside(workspace, place)
        assert refused.value.code == "damaged.gone"
    assert {project.slug for project in workspace.projects()} == {"ana", "bruno"}


def _texts(project: Project) -> list[str]:
    return [clip.text for clip in project.store.clips()]


def test_a_day_leaves_one_copy_and_looking_leaves_none(workspace: Workspace) -> None:
    project = workspace.create("Clara")
    project.store.sources(), project.figures.totals(), project.store.votes()
    assert backups.copies(project.database) == []
    for number in range(3):
        project.store.add_source(Source(f"s{number}", "S", seconds=1.0))
    (copy,) = backups.copies(project.database)
    assert backups.is_whole(copy.path, ("sources", "clips")) and len(list(copy.path.parent.iterdir())) == 1
    for day in range(12):
        old = copy.path.with_name(f"project-2020-01-{day + 1:02d}.db")
        shutil.copy(copy.path, old)
        os.utime(old, (day, day))
    copy.path.unlink()
    project.store.add_source(Source("more", "S", seconds=1.0))
    assert len(backups.copies(project.database)) == 7


@pytest.mark.parametrize("fault", ("truncated", "garbage", "empty", "missing", "folder", "overwritten in the middle"))
def test_damaged_records_go_back_to_the_copy_and_are_kept_aside(fault: str, built: Built, workspace: Workspace) -> None:
    project = workspace.project("ana")
    before = _texts(project)
    wal = project.database.with_name("project.db-wal")
    _break(project.database, fault)
    wal.write_bytes(b"left over")
    shown = built.show("ana", "review")
    assert "restore-records" in shown["damage"] and "blocks" in shown["damage"]
    inspection.restore_records(project)
    assert _texts(project) == before and before
    aside = workspace.path / "damaged" / "projects" / "ana"
    assert (fault == "missing") or os.path.lexists(aside / "project.db")
    assert not wal.exists() or wal.read_bytes() != b"left over"
    assert built.show("ana", "review")["damage"] == ""


def test_a_truncated_copy_is_passed_over_for_an_older_whole_one(workspace: Workspace) -> None:
    project = workspace.project("ana")
    (copy,) = backups.copies(project.database)
    older = copy.path.with_name("project-2020-01-01.db")
    shutil.copy(copy.path, older)
    os.utime(older, (1, 1))
    copy.path.write_bytes(copy.path.read_bytes()[:5000])
    _break(project.database, "garbage")
    assert inspection.restore_records(project).path == older
    assert _texts(project)


def test_records_of_a_newer_version_are_refused_and_left_as_they_are(built: Built, workspace: Workspace) -> None:
    project = workspace.project("ana")
    with sqlite3.connect(project.database) as db:
        db.execute(f"PRAGMA user_version={tables.VERSION + 1}")
    db.close()
    was = project.database.read_bytes()
    for key in TABS:
        for slug in ("ana", "bruno"):
            shown = built.show(slug, key)
    assert "newer version" in built.show("ana", "review")["damage"]
    with pytest.raises(UserError) as refused:
        project.store.add_source(Source("x", "X"))
    assert refused.value.code == "records.newer"
    with pytest.raises(UserError):
        inspection.restore_records(project)
    with pytest.raises(UserError):
        inspection.put_thing_aside(workspace, "projects/ana/project.db")
    assert project.database.read_bytes() == was and shown


def test_before_a_migration_a_copy_is_kept_as_the_older_version_left_it(tmp_path: Path) -> None:
    path = tmp_path / "project.db"
    with sqlite3.connect(path) as db:
        db.execute(
            "CREATE TABLE sources (id TEXT PRIMARY KEY, title TEXT, origin TEXT, rights TEXT, seconds REAL, "
            "sample_rate INTEGER, sha256 TEXT, added_at REAL)"
        )
        db.execute(
            "CREATE TABLE clips (id TEXT PRIMARY KEY, source_id TEXT NOT NULL, start_s REAL, end_s REAL, "
            "text TEXT, raw_text TEXT, language TEXT, status TEXT, reason TEXT, confidence REAL, mismatch REAL, "
            "snr_db REAL, loudness_lufs REAL, clipped_fraction REAL, speaker_similarity REAL, edited_at REAL)"
        )
        db.execute("PRAGMA user_version=1")
    db.close()
    tables.check(path)
    (copy,) = backups.copies(path)
    assert "before-1" in copy.name
    with sqlite3.connect(copy.path) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == 1
    db.close()


def test_a_database_of_something_else_is_not_filled_with_our_tables(workspace: Workspace) -> None:
    project = workspace.project("ana")
    for part in backups.parts(project.database):
        part.unlink()
    with sqlite3.connect(project.database) as db:
        db.execute("CREATE TABLE songs (id TEXT)")
    db.close()
    was = project.database.read_bytes()
    assert inspection.records_error(project) is not None
    assert project.database.read_bytes() == was


def test_a_bug_in_a_question_to_whole_records_is_not_called_damage(workspace: Workspace) -> None:
    with pytest.raises(sqlite3.OperationalError), tables.connect(workspace.project("ana").database) as db:
        db.execute("SELECT nothing FROM clips")
