"""Reading a job: folded from its events, incrementally, with what a resume makes void."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.jobs import events
from core.jobs import job as job_module
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job, jobs_in
from core.jobs.reporter import Reporter


def _job(tmp_path: Path) -> Job:
    return Job.create(tmp_path, TrainArgs(dataset="d", base="starter"), title="Training", name="run")


def test_a_job_that_never_started_is_new(tmp_path: Path) -> None:
    view = _job(tmp_path).read()
    assert (view.status, view.kind, view.title, view.fraction) == ("new", "train", "Training", 0.0)


def test_a_resume_voids_what_came_after_its_step_and_a_plain_start_voids_nothing(tmp_path: Path) -> None:
    job = _job(tmp_path)
    reporter = Reporter(job)
    reporter.emit(events.Launched())
    reporter.start()
    for step in range(1, 9):
        reporter.metrics(step, loss=float(step))
        reporter.emit(events.Checkpoint(step=step, path=f"c/{step}"))
        reporter.emit(events.Sample(step=step, sentence=0, text="x", path=f"s/{step}"))
    reporter.emit(events.Launched())
    reporter.start()
    assert len(job.read().metrics) == 8
    reporter.start(step=5)
    view = job.read()
    assert max(view.metrics) == max(view.checkpoints) == 5 and max(step for step, _ in view.samples) == 5
    reporter.metrics(6, loss=0.1)
    assert job.read().metrics[6] == {"loss": 0.1}


def test_a_resume_repeats_no_warning_and_forgets_the_old_progress(tmp_path: Path) -> None:
    job = _job(tmp_path)
    reporter = Reporter(job)
    for _ in range(2):
        reporter.emit(events.Launched())
        assert (job.read().item, job.read().eta_s) == ("", None)
        for clip in ("a", "b"):
            reporter.warning("clip.too_long", "Clip {clip} is too long.", clip=clip)
        reporter.progress("train", 3, 9, "a sentence", eta_s=60.0)
    assert [warning.values["clip"] for warning in job.read().warnings] == ["a", "b"]


def test_launching_again_clears_the_old_outcome(tmp_path: Path) -> None:
    job = _job(tmp_path)
    reporter = Reporter(job)
    reporter.emit(events.Launched())
    reporter.emit(events.Finished(outcome="failed", code="x", text="It broke.", hint="Again."))
    assert (job.read().status, job.read().text) == ("failed", "It broke.")
    reporter.emit(events.Launched())
    assert (job.read().status, job.read().text, job.read().code) == ("interrupted", "", "")


def test_a_poll_reads_only_what_is_new(tmp_path: Path) -> None:
    job = _job(tmp_path)
    reader = events.EventReader(job.events_path)
    assert reader.read() == []
    events.append(job.events_path, events.Launched())
    assert len(reader.read()) == 1
    with open(job.events_path, "ab") as file:
        file.write(b'{"type": "started", ')
    assert reader.read() == []
    with open(job.events_path, "ab") as file:
        file.write(b'"pid": 7}\n')
    assert [event.type for event in reader.read()] == ["started"]
    assert reader.offset == job.events_path.stat().st_size


def test_progress_is_thinned_but_never_a_new_stage_nor_its_end(tmp_path: Path) -> None:
    job = _job(tmp_path)
    reporter = Reporter(job)
    for done in range(501):
        reporter.progress("cut", done, 500)
    reporter.progress("save", 0, 2)
    sent = [e for e in events.EventReader(job.events_path).read() if isinstance(e, events.Progress)]
    assert 3 <= len(sent) < 50
    assert (sent[0].done, sent[-2].done, sent[-1].stage) == (0, 500, "save")


def test_a_folder_is_seen_only_when_all_of_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = job_module.write_json

    def look(path: Path, value: object) -> None:
        real(path, value)
        seen.append([job.id for job in jobs_in(tmp_path)])

    monkeypatch.setattr(job_module, "write_json", look)
    job = Job.create(tmp_path, TrainArgs(dataset="d", base="starter"), name="run", files={"config.yaml": "a: 1\n"})
    assert seen == [[]] and [job.id for job in jobs_in(tmp_path)] == ["run"]
    assert (job.path / "config.yaml").read_text() == "a: 1\n" and job.path.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_goes_while_it_is_listed_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _job(tmp_path), _job(tmp_path)
    gone = tmp_path / "gone" / "job.json"
    real = Path.glob
    monkeypatch.setattr(Path, "glob", lambda self, pattern: [gone, *real(self, pattern)])
    assert {job.id for job in jobs_in(tmp_path)} == {"run", "run-2"}


def test_two_jobs_of_one_wished_name_get_two_folders(tmp_path: Path) -> None:
    assert (_job(tmp_path).id, _job(tmp_path).id) == ("run", "run-2")
