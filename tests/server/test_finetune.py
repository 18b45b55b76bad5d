"""A recording sent in one call becomes a training; what cannot be is refused before anything is done."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from core.audio.options import SegmentOptions
from core.clips.cut import start_segment
from core.jobs import events
from core.jobs.args.clips import TranscribeArgs
from core.jobs.args.sources import ImportArgs
from core.jobs.args.training import FineTuneArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project, Workspace
from core.tasks import finetune
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
    monkeypatch.setattr(finetune, "start_segment", cut)
    monkeypatch.setattr(finetune, "start_transcribe", transcribe)
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
