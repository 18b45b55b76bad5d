"""What the Speak tab says once something was spoken."""

from __future__ import annotations

import numpy as np
import pytest

from core.files import read_json, write_json
from core.jobs import events
from core.jobs.args.speech import ExportArgs, SynthesizeArgs
from core.jobs.job import Job
from core.measures.proofreading import Proof
from core.project.workspace import Project
from core.synthesis.live import LiveSound
from core.synthesis.start import takes
from ui.i18n import Translator
from ui.parts.proof import proof_line
from ui.tabs.speak.tab import _speaking
from ui.tabs.speak.takes import take_cards

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


def test_a_take_says_what_is_doubtful_about_it_and_nothing_where_nobody_listened(project: Project) -> None:
    job = _spoken(project)
    assert "vw-notice" not in take_cards(T, project, takes(project))
    path = project.takes / f"{job.id}.json"
    write_json(path, {**read_json(path), "faults": ["last_cut"], "heard": "Good <mor", "cer": 0.4})
    card = take_cards(T, project, takes(project))
    assert "Listen to this: the last word is cut off, other words were understood." in card
    assert "Understood was: “Good &lt;mor”" in card


def test_what_was_understood_right_is_not_repeated() -> None:
    assert proof_line(T, Proof(heard="Good morning.", cer=0.0)) == ""
    assert "Good morning" not in proof_line(T, Proof(("silence",), heard="Good morning.", cer=0.0))
    said = proof_line(Translator("pt-BR"), Proof(("nothing",), heard="", cer=1.0))
    assert "não se diz nada" in said and "outras palavras" not in said


def test_what_is_spoken_plays_as_it_comes_and_its_player_becomes_the_take(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job.create(project.jobs, SynthesizeArgs(), title="Good morning.")
    events.append(job.events_path, events.Launched())
    monkeypatch.setattr(Job, "alive", lambda _: True)
    assert "<audio" not in _speaking(T, project), "nothing has been said yet"
    with LiveSound(job) as live:
        live.add(np.zeros(10, np.float32), 24_000)
        playing = _speaking(T, project)
        assert f'data-key="live-{job.id}" data-begin="live-{job.id}"' in playing
        assert f'src="../audio/{project.slug}/live/{job.id}"' in playing
        project.takes.mkdir(exist_ok=True)
        (project.takes / f"{job.id}.wav").touch()
        done = _speaking(T, project)
    assert f'data-key="live-{job.id}" src="../audio/{project.slug}/take/{job.id}"' in done and "data-begin" not in done
    assert "<audio" in _speaking(T, project)
    events.append(job.events_path, events.Finished(outcome="done", result={"take": job.id, "seconds": 2.0}))
    monkeypatch.setattr(Job, "alive", lambda _: False)
    assert "<audio" in _speaking(T, project)
    at = job.read().finished_at
    assert at is not None
    monkeypatch.setattr("ui.tabs.speak.takes.time.time", lambda: at + 60)
    assert "<audio" not in _speaking(T, project)
