"""The panel every job has."""

from __future__ import annotations

import fcntl
import os

import pytest

from core.jobs import events
from core.jobs.args.base import JobArgs
from core.jobs.args.clips import SegmentArgs
from core.jobs.args.training import DemoArgs, TrainArgs
from core.jobs.job import Job, JobView
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.reasons import reason_of
from ui.i18n import Translator
from ui.job_panel import act_on_job, job_line, job_panel, stage_line

T = Translator("en")


def _job(project: Project) -> Job:
    return Job.create(project.jobs, SegmentArgs(), title="Cutting")


def test_a_running_job_shows_how_far_it_is_and_a_stop_button(project: Project) -> None:
    job = _job(project)
    events.append(job.events_path, events.Launched())
    events.append(job.events_path, events.Progress(stage="cutting", done=212, total=241, eta_s=90))
    handle = os.open(job.path / "lock", os.O_CREAT | os.O_RDWR)
    fcntl.flock(handle, fcntl.LOCK_EX)
    panel = job_panel(T, job)
    assert "212 of 241" in panel
    assert "1 min 30 s left" in panel
    assert 'data-do="stop"' in panel
    job.stop()
    stopping = job_panel(T, job)
    assert 'data-do="force"' in stopping
    assert 'data-do="stop"' not in stopping
    os.close(handle)


def test_a_job_whose_process_is_gone_reads_interrupted_and_offers_to_resume(project: Project) -> None:
    job = _job(project)
    events.append(job.events_path, events.Launched())
    panel = job_panel(T, job, resume=True)
    assert T("job.interrupted") in panel
    assert 'data-do="resume"' in panel


def test_what_was_taken_out_of_the_queue_says_that_it_had_not_begun(project: Project) -> None:
    job = _job(project)
    for event in (events.Launched(), events.State(state="waiting", place=1), events.Finished(outcome="cancelled")):
        events.append(job.events_path, event)
    for language in ("en", "pt-BR"):
        t = Translator(language)
        panel = job_panel(t, job)
        assert t("job.not_begun_text") in panel and t("job.cancelled_text") not in panel
    # One that is resumed, and leaves the queue, has done something before.
    events.append(job.events_path, events.Started(pid=1))
    events.append(job.events_path, events.Finished(outcome="cancelled"))
    assert T("job.cancelled_text") in job_panel(T, job)


def test_a_failed_job_says_why_and_shows_its_log(project: Project) -> None:
    job = _job(project)
    job.log_path.write_text("Traceback <b>here</b>")
    text, hint = "The clip x is gone.", "Cut again."
    events.append(job.events_path, events.Finished(outcome="failed", code="made.up", text=text, hint=hint))
    panel = job_panel(T, job)
    assert "The clip x is gone. Cut again." in panel
    assert "Traceback &lt;b&gt;here" in panel


def test_what_was_set_aside_is_counted_and_named(project: Project) -> None:
    job = _job(project)
    events.append(job.events_path, events.Warning(code="made.up", text="notes.pdf holds no sound."))
    events.append(job.events_path, events.Finished(outcome="done"))
    panel = job_panel(T, job)
    assert "notes.pdf holds no sound." in panel
    assert T("job.warnings", count=1) in panel


def test_why_something_was_left_out_is_told_in_the_pages_language_with_the_programs_own_words_below(
    project: Project,
) -> None:
    job = _job(project)
    Reporter(job).warning(
        "transcribe.clip_failed", "“{clip}” ({what}).", "", clip="Hum.", what=reason_of(MemoryError("1 GiB <too> many"))
    )
    panel = job_panel(Translator("pt-BR"), job)
    assert "(falta memória livre neste computador)" in panel and "too little" not in panel
    assert 'lang="en">MemoryError: 1 GiB &lt;too&gt; many</small>' in panel


def test_what_changes_every_second_is_not_read_out(project: Project) -> None:
    job = _job(project)
    events.append(job.events_path, events.Launched())
    events.append(job.events_path, events.Progress(stage="cutting", done=212, total=241, eta_s=90))
    handle = os.open(job.path / "lock", os.O_CREAT | os.O_RDWR)
    fcntl.flock(handle, fcntl.LOCK_EX)
    live, _, rest = job_panel(T, job).partition("</div></div>")
    assert 'aria-live="polite"' in live and T("job.running") in live
    assert "212 of 241" not in live and "212 of 241" in rest
    assert 'aria-valuemax="100"' in rest
    os.close(handle)


def _at(project: Project, args: JobArgs, stage: str, done: float, total: float) -> JobView:
    job = Job.create(project.jobs, args)
    events.append(job.events_path, events.Launched())
    events.append(job.events_path, events.Progress(stage=stage, done=done, total=total))
    return job.read()


def test_what_is_not_whole_yet_does_not_count_as_done(project: Project) -> None:
    assert "5 of 7" in stage_line(T, _at(project, DemoArgs(), "demo_train", 5.9, 7))


TRAIN = TrainArgs(dataset="d", base="starter")


def test_a_stage_called_like_its_job_is_named_once(project: Project) -> None:
    assert job_line(T, _at(project, TRAIN, "train", 9, 3000)) == "Training · 9 of 3,000"
    assert job_line(T, _at(project, TRAIN, "samples", 0, 2)) == "Training · Speaking the test sentences · 0 of 2"
    assert T.job_name("demo", "Demo") == "Demo"


def test_an_ending_that_was_dismissed_is_gone_until_the_job_is_begun_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = _job(project)
    events.append(job.events_path, events.Finished(outcome="failed", code="made.up", text="It broke."))
    assert 'data-do="dismiss"' in job_panel(T, job)
    assert act_on_job(project, "dismiss", job.id)
    assert job_panel(T, job) == ""
    monkeypatch.setattr(Job, "_spawn", lambda *_: None)
    job.start()
    assert "It broke." in job_panel(T, job)
