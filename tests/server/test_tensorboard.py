"""TensorBoard from the page: a run's numbers and sounds, behind the login, to read only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from core.audio.samples import write_wav
from core.engines.options import TrainConfig
from core.jobs import events
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project, Workspace
from core.training.trackers import Trackers, trackers_of

Client = Callable[..., TestClient]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A run that was resumed at update 10 and has spoken."""
    project = Workspace(tmp_path / "workspace").create("Ana")
    job = Job.create(project.runs, TrainArgs(dataset="d", base="starter"), name="calm")
    reporter = Reporter(job)
    trackers = trackers_of(job.path, TrainConfig(), "", reporter)
    reporter.on_event = trackers.log
    reporter.start(step=0)
    for step in range(1, 15):
        reporter.metrics(step, loss=5.0 / step)
    write_wav(job.path / "samples" / "0.wav", np.zeros(2400, np.float32), 24_000)
    reporter.emit(events.Sample(step=5, sentence=0, text="Hello.", path="samples/0.wav"))
    reporter.start(step=10)
    reporter.metrics(11, loss=9.0)
    trackers.close()
    assert not job.read().warnings
    return job


def test_numbers_and_sounds_of_a_run_are_shown_and_what_was_repeated_once(job: Job, client: Client) -> None:
    page = client()
    front = page.get("/tensorboard/ana/")
    assert front.status_code == 200 and "text/html" in front.headers["content-type"]
    assert front.headers["x-content-type-options"] == "nosniff"
    assert page.get("/tensorboard/ana").headers["location"] == "./ana/"
    data = "/tensorboard/ana/data/plugin"
    points = page.get(f"{data}/scalars/scalars?run=calm/tensorboard&tag=loss").json()
    assert [(step, round(value, 3)) for _, step, value in points][-2:] == [(10, 0.5), (11, 9.0)]
    question = {"requests": '[{"plugin": "scalars", "tag": "loss"}]'}
    mine = "/tensorboard/ana/experiment/defaultExperimentId/data/plugin"  # as its own page asks
    (asked,) = page.post(f"{mine}/timeseries/timeSeries", data=question).json()
    assert len(asked["runToSeries"]["calm/tensorboard"]) == 11
    (sound,) = page.get(f"{data}/audio/audio?run=calm/tensorboard&tag=1: Hello.&sample=0").json()
    wav = page.get(f"{data}/audio/individualAudio?{sound['query']}")
    assert wav.content[:4] == b"RIFF"


def test_it_is_behind_the_login_and_only_reads(job: Job, client: Client) -> None:
    closed = client(password="a long enough one")
    for path in ("/tensorboard/ana", "/tensorboard/ana/", "/tensorboard/ana/data/runs"):
        assert closed.get(path).status_code == 401
    page = client()
    assert page.get("/tensorboard/ana/", headers={"host": "evil.example"}).status_code == 403
    question = page.post(
        "/tensorboard/ana/data/plugin/timeseries/timeSeries", headers={"origin": "http://evil.example"}
    )
    assert question.status_code == 403
    assert page.post("/tensorboard/ana/data/runs").status_code == 405
    assert page.get("/tensorboard/nobody/").status_code == 404
    for path in ("..%2f..%2fproject.json", "data/plugin/projector/runs", "%2e%2e/calm/job.json"):
        assert page.get(f"/tensorboard/ana/{path}").status_code == 404


def test_a_board_that_fails_is_told_of_and_costs_the_training_nothing(project: Project) -> None:
    class Broken:
        def log(self, event: events.Event) -> None:
            raise ConnectionError("no network")

        def close(self) -> None:
            raise AssertionError("it was left out before")

    job = Job.create(project.runs, TrainArgs(dataset="d", base="starter"), name="calm")
    reporter = Reporter(job)
    trackers = Trackers(reporter)
    trackers.add("Broken", "json", Broken)
    reporter.on_event = trackers.log
    for step in (1, 2):
        reporter.metrics(step, loss=1.0)
    trackers.close()
    (warning,) = job.read().warnings
    assert warning.code == "train.board_failed" and "the connection broke off" in warning.text
    assert sorted(job.read().metrics) == [1, 2]


_WANDB = """
import json, pathlib
def init(**asked):
    pathlib.Path(asked["dir"], "told.jsonl").write_text(json.dumps(asked) + "\\n")
    return Live(pathlib.Path(asked["dir"], "told.jsonl"))
class Live:
    def __init__(self, path): self.path = path
    def define_metric(self, name, step_metric): pass
    def log(self, values, step=None):
        with open(self.path, "a") as file: file.write(json.dumps([step, values]) + "\\n")
    def finish(self):
        with open(self.path, "a") as file: file.write("finished\\n")
"""


def test_weights_and_biases_gets_the_numbers_where_a_project_is_named(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job.create(project.runs, TrainArgs(dataset="d", base="starter"), name="calm")
    reporter = Reporter(job)
    trackers_of(job.path, TrainConfig(), "voices", reporter)
    assert [w.values for w in job.read().warnings] == [{"name": "Weights & Biases", "package": "wandb"}]
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "wandb.py").write_text(_WANDB)
    monkeypatch.syspath_prepend(tmp_path / "packages")
    trackers = trackers_of(job.path, TrainConfig(max_steps=7), "voices", reporter)
    reporter.on_event = trackers.log
    reporter.metrics(3, loss=1.5)
    reporter.metrics(2, sample_cer=0.1)  # measured while it went on: steps never go back there
    trackers.close()
    asked, told, sample, end = (job.path / "told.jsonl").read_text().splitlines()
    assert '"project": "voices"' in asked and '"max_steps": 7' in asked and '"resume": "allow"' in asked
    assert (told, end) == ('[3, {"loss": 1.5}]', "finished")
    assert sample == '[null, {"sample_cer": 0.1, "sample_step": 2}]'
