"""A recording sent in one call becomes a training; what cannot be is refused before anything is done."""

from __future__ import annotations

import functools
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from core import preparation
from core.audio.options import SegmentOptions
from core.clips.cut import start_segment
from core.dataset.freeze import freeze
from core.dataset.layouts import layout_files
from core.errors import Busy, UserError
from core.finetune import start_finetune
from core.jobs import events, locks
from core.jobs.args.clips import TranscribeArgs
from core.jobs.args.sources import ImportArgs
from core.jobs.args.training import FineTuneArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.records import Clip, Source
from core.project.workspace import Project, Workspace
from core.tasks import finetune
from core.training.presets import choose
from core.training.run import Run
from tests.audio.sounds import silence, tone, write
from tests.server.conftest import Client
from tests.synthesis.conftest import toy as toy

CLIPS = 6


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    sounds = [part for n in range(CLIPS) for part in (tone(1.0 + 0.1 * n, 44_100, 220.0), silence(1.0, 44_100))]
    return write(tmp_path / "recording.wav", np.concatenate(sounds), 44_100)


@pytest.fixture
def api(client: Client, toy: None) -> TestClient:
    return client(device="cpu")


def test_a_recording_walks_the_road_to_a_run_whose_id_was_told(
    api: TestClient, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[FineTuneArgs] = []

    def hold_back(project: Project, args: FineTuneArgs, **_: object) -> Job:
        started.append(args)
        return Job.create(project.jobs, args, title="Ana")

    monkeypatch.setattr(Project, "start_job", hold_back)
    wish = {"name": "../a\x00.wav", "title": "Ana", "language": "en", "max_steps": 4, "rights": "Mine."}
    answer = api.post("/api/v1/finetune/toy", params=wish, content=recording.read_bytes())
    assert answer.status_code in (413, 422), "nothing says that it is a recording"
    answer = api.post(
        "/api/v1/finetune/toy", params=wish, content=recording.read_bytes(), headers={"Content-Type": "audio/wav"}
    )
    assert answer.status_code == 202, answer.json()
    assert answer.json()["run"] == "ana" and answer.json()["kind"] == "finetune"
    monkeypatch.undo()

    # The job itself, in this process; tones are no speech and say nothing, so two parts are stood in for.
    project = Workspace(tmp_path / "workspace").project(answer.json()["project"])
    args = started[0].having(recordings=ImportArgs(files=((recording, "a.wav"),)))
    job = Job.create(project.jobs, args)
    cut = functools.partial(start_segment, options=SegmentOptions(only_speech=False, min_clip_s=0.5, max_clip_s=4.0))
    monkeypatch.setattr(preparation, "start_segment", cut)
    monkeypatch.setattr(preparation, "start_transcribe", transcribe)
    facts = finetune.run(job, project, args, Reporter(job))
    assert facts == {"run": "ana", "clips": CLIPS - 1, "left": 1}
    run = Run(project, "ana")
    assert run.title == "Ana" and run.job.read().status == "done" and run.read().config.max_steps == 4


def transcribe(project: Project, _: object) -> Job:
    """As if all clips but one were surely understood."""
    for number, clip in enumerate(project.store.clips()):
        project.store.store_transcript(clip.id, f"Hum {'la ' * (number + 1)}.", 0.9 if number else 0.3, "en")
    job = Job.create(project.jobs, TranscribeArgs(model="none"))
    events.append(job.events_path, events.Finished(outcome="done", result={}))
    return job


def test_a_data_set_of_our_own_export_is_trained_on_with_the_texts_it_brings(
    api: TestClient, tmp_path: Path, workspace: Workspace
) -> None:
    exported = workspace.create("Here", "en", "toy")
    exported.store.add_source(Source(id="s1", title="Tone", seconds=9, sample_rate=16_000))
    exported.clips.mkdir(parents=True)
    clips = [
        Clip(f"s1-{n:04d}", "s1", n * 1.5, n * 1.5 + 1.2 + n / 20, text=f"Hum{' la' * n}.", status="approved")
        for n in range(4)
    ]
    exported.store.replace_clips("s1", clips)
    for n, clip in enumerate(clips):
        write(exported.clip_file(clip.id), tone(1.2 + n / 20, 16_000, 220.0 + 20 * n), 16_000)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name, part in layout_files(freeze(exported), "ljspeech", "Ana"):
            file.writestr(f"here/{name}", part if isinstance(part, bytes) else part.read_bytes())
    answer = api.post(
        "/api/v1/finetune/toy",
        params={"name": "export", "title": "Ana", "max_steps": 4, "rights": "Mine."},
        content=content.getvalue(),
        headers={"Content-Type": "application/zip"},
    )
    assert answer.status_code == 202, answer.json()
    project = Workspace(tmp_path / "workspace").project(answer.json()["project"])
    ended = project.job(answer.json()["id"]).wait(120)
    assert ended.status == "done" and ended.result == {"run": answer.json()["run"], "clips": 4, "left": 0}, ended
    assert {clip.text for clip in project.store.clips()} == {clip.text for clip in clips}
    assert [source.rights for source in project.store.sources()] == ["Mine."]
    assert Run(project, "ana").job.read().status == "done" and list(project.uploads.iterdir()) == []


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize(("member", "code"), [("../../wavs/1.wav", "archive.unsafe"), ("", "archive.broken")])
def test_a_hostile_data_set_is_refused_as_on_the_page_and_nothing_of_it_stays(
    toy: None, workspace: Workspace, tmp_path: Path, member: str, code: str
) -> None:
    project = workspace.create("Ana", "en", "toy")
    path = tmp_path / "set.zip"
    path.write_bytes(b"PK no zip")
    if member:
        with zipfile.ZipFile(path, "w") as file:
            file.writestr(member, b"RIFF")
            file.writestr("metadata.csv", "1|Hum la.\n")
    args = FineTuneArgs(recordings=ImportArgs(files=((path, "set.zip"),)), preset=choose(None, "toy").id, run="ana")
    job = Job.create(project.jobs, args)
    with pytest.raises(UserError) as caught:
        finetune.run(job, project, args, Reporter(job))
    assert caught.value.code == code and "set.zip" in str(caught.value)
    assert list(project.uploads.iterdir()) == [] and project.store.sources() == [] and not project.runs.exists()


def test_what_is_refused_because_another_is_at_work_lies_where_it_was(
    toy: None, workspace: Workspace, recording: Path
) -> None:
    project = workspace.create("Ana", "en", "toy")
    args = FineTuneArgs(recordings=ImportArgs(files=((recording, "a.wav"),)), preset=choose(None, "toy").id)
    at_work = locks.try_lock(project.path / "locks" / "finetune", {})
    assert at_work is not None
    with pytest.raises(Busy):
        start_finetune(project, args)
    locks.release([at_work])
    assert recording.exists() and list(project.uploads.iterdir()) == []


@pytest.mark.parametrize(
    ("engine", "wish", "code"),
    [
        ("none", {}, "engine.unknown"),
        ("toy", {"language": "xx"}, "engine.language"),
        ("toy", {"project": "nobody"}, "project.missing"),
        ("toy", {"preset": "toy-none"}, ""),
        ("toy", {"max_steps": -1}, "api.bad_request"),
    ],
)
def test_what_cannot_be_leaves_no_project_and_no_file(
    api: TestClient, tmp_path: Path, engine: str, wish: dict[str, str], code: str
) -> None:
    answer = api.post(f"/api/v1/finetune/{engine}", params=wish, content=b"x", headers={"Content-Type": "audio/wav"})
    assert answer.status_code in (404, 422) and code in ("", answer.json()["code"]), answer.json()
    workspace = Workspace(tmp_path / "workspace")
    assert workspace.projects() == [] and not [path for path in (workspace.path / "tmp").iterdir() if path.is_file()]
