"""What the Speak tab says once something was spoken."""

from __future__ import annotations

from core.files import write_json
from core.jobs import events
from core.jobs.args import ExportArgs, SynthesizeArgs
from core.jobs.job import Job
from core.project.workspace import Project
from ui.i18n import Translator
from ui.tabs.speak.tab import _speaking

T = Translator("en")


def _spoken(project: Project) -> Job:
    job = Job.create(project.jobs, SynthesizeArgs(), title="Good morning.")
    events.append(job.events_path, events.Launched())
    facts = {"text": "Good morning.", "language": "en", "voice": "Calm · 20", "run_id": None, "step": 0, "base": "b"}
    more = {"reference_clip_ids": [], "settings": {}, "sample_rate": 24_000, "seed": 0, "seconds": 2.0, "at": 1.0}
    project.takes.mkdir(parents=True, exist_ok=True)
    (project.takes / f"{job.id}.wav").touch()
    write_json(project.takes / f"{job.id}.json", {**facts, **more, "took_s": 3.0})
    events.append(job.events_path, events.Finished(outcome="done", result={"take": job.id, "took_s": 3.0}))
    return job


def test_a_take_that_is_done_is_told_with_the_next_step_as_long_as_it_is_there(project: Project) -> None:
    job = _spoken(project)
    said = T("speak.done_take", took="3 s")
    assert said in _speaking(T, project)
    (project.takes / f"{job.id}.wav").unlink()
    assert said not in _speaking(T, project)


def test_only_the_newest_job_is_told(project: Project) -> None:
    _spoken(project)
    Job.create(project.jobs, ExportArgs(), title="Ana")
    assert "vw-job" not in _speaking(T, project)
