"""The Listen page while a voice learns: made anew when there is something new to hear, not each second."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import gradio as gr
import pytest

from core.checkpoint_ref import CheckpointRef, step_folder
from core.evaluation.scores import Score, ScoreFile
from core.jobs import events, locks
from core.jobs.args.runs import EvaluateArgs, ReportArgs
from core.jobs.job import Job
from core.listening.listeners import trust
from core.project.records import Vote
from core.project.workspace import Project
from core.settings import Settings
from core.training.checkpoints import fingerprint
from core.training.run import Run
from tests.listening.made_up import make_project, speech, write_sound
from ui.i18n import Translator
from ui.page import Page, Tab
from ui.tabs.listen import tab as listen


@pytest.fixture
def tab(workspace: Any) -> Tab:
    with gr.Blocks():
        hidden = [gr.Textbox(value, visible=False) for value in ("", "listen", "")]
        return listen.build(
            Page(Settings(_env_file=None, workspace=workspace.path), workspace, Translator("en"), *hidden)
        )


@pytest.fixture
def project(workspace: Any) -> Project:
    return make_project(workspace, steps=(0, 300), sentences=2)


def speak_again(project: Project, run: Run) -> None:
    _, sounds, rate = speech(1)
    path = f"samples/{step_folder(600)}/0.wav"
    write_sound(run.path / path, sounds[0], rate)
    text = run.read().samples[0][0].text
    said = events.Sample(step=600, sentence=0, text=text, path=path, seconds=2.5)
    events.append(run.job.events_path, events.Checkpoint(step=600, path=f"checkpoints/{step_folder(600)}"))
    events.append(run.job.events_path, said)


def report_of(project: Project) -> Job:
    job = project.latest(ReportArgs.kind)
    assert job is not None
    return job


CHANGES: dict[str, Callable[[Project, Run], object]] = {
    "a sample": speak_again,
    "a vote": lambda project, run: project.store.add_vote(
        Vote("p", CheckpointRef(run.id, 0), CheckpointRef(run.id, 300), "right", 1.0)
    ),
    "a name": lambda project, run: run.job.rename("Calmer voice"),
    "a listener who is trusted": lambda project, run: trust(project, "Ana"),
    "a report that is dismissed": lambda project, run: report_of(project).dismiss(),
}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows whenever the page is made anew."""
    made: list[str] = []
    original = listen.candidates
    monkeypatch.setattr(listen, "candidates", lambda project: made.append("page") or original(project))
    monkeypatch.setattr("core.project.stats._SETTLES_S", -1.0)  # what was changed just now can be told from before
    return made


@pytest.mark.parametrize("change", CHANGES)
def test_it_is_made_anew_only_when_something_of_it_changed(
    project: Project, tab: Tab, change: str, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(project, next(project.runs.iterdir()).name)
    report = Job.create(project.jobs, ReportArgs(run=run.id))
    events.append(report.events_path, events.Finished(outcome="failed", text="It failed."))
    monkeypatch.setattr("ui.job_panel.SHOWN_AFTER_END_S", -1.0)
    monkeypatch.setattr(Project, "running", lambda self: run.job)  # it trains
    assert tab.tick is not None
    tab.tick(project, "")
    tab.tick(project, "")
    count = len(made)
    for step in range(3):  # it trains on: nothing of that is on this page
        events.append(run.job.events_path, events.Progress(stage="train", done=step, total=9))
        events.append(run.job.events_path, events.Metrics(step=300 + step, values={"loss": 2.0}))
        shown = tab.tick(project, "")
    assert len(made) == count
    CHANGES[change](project, run)
    after = tab.tick(project, "")
    assert len(made) == count + 1
    assert (after == shown) is (change == "a listener who is trusted")  # nobody of that name has voted


def test_while_checkpoints_are_scored_the_bar_moves_and_the_page_is_made_anew_only_for_a_score(
    project: Project, tab: Tab, made: list[str]
) -> None:
    run = Run(project, "calm-voice")
    job = Job.create(project.jobs, EvaluateArgs(run_id=run.id), title="Calm voice")
    handle = locks.try_lock(job.path / "lock", {"pid": 1, "kind": "evaluate", "title": "Calm voice"})
    assert handle is not None and tab.tick is not None
    events.append(job.events_path, events.Started(pid=1))

    def shown(done: int) -> str:
        events.append(job.events_path, events.Progress(stage="evaluate", done=done, total=9, item="The kettle is on."))
        views = "".join(tab.tick(project, "").values())
        assert "<!--" not in views and Translator("en")("scores.running") in views
        return views

    shown(1)  # draws the first pair
    shown(2)
    made.clear()
    assert "3 of 9" in shown(3) and "4 of 9" in shown(4) and made == []
    ScoreFile.open(run.path, 0, fingerprint(run.base_id, None)).put([Score("k", "short", "One.", measured="1 tiny")])
    assert "5 of 9" in shown(5) and len(made) == 1
    events.append(job.events_path, events.Finished(outcome="failed", text="It failed."))
    locks.release([handle])
    views = "".join(tab.tick(project, "").values())
    assert len(made) == 2 and "It failed." in views and Translator("en")("scores.running") not in views
    assert tab.refresh(project, "")[tab.outputs[1]] == tab.tick(project, "")[tab.outputs[1]]


def test_a_run_that_has_spoken_nothing_has_its_report(project: Project, tab: Tab) -> None:
    shutil.rmtree(project.runs / "calm-voice" / "samples")
    views = tab.refresh(project, "")
    words = Translator("en")
    assert words("listen.nothing") in views[tab.outputs[0]]
    assert 'id="make-report"' in views[tab.outputs[2]] and words("listen.grid") not in views[tab.outputs[2]]


def test_a_link_of_an_earlier_version_that_numbers_its_sentence_leads_to_any(project: Project, tab: Tab) -> None:
    panel = tab.outputs[0]
    assert tab.refresh(project, "sentence=2")[panel] == tab.refresh(project, "")[panel]
