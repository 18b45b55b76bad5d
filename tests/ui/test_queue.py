"""What every page shows of the jobs of the whole workspace: the chip of the one at work, and those that wait."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import pytest

from core.errors import Busy
from core.jobs import events, locks, queue
from core.jobs.args.clips import TranscribeArgs
from core.jobs.args.speech import SynthesizeArgs
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.project.records import Clip, Source
from core.project.workspace import Project, Workspace
from core.settings import Settings
from core.transcription.start import start_transcribe
from ui.app import _header
from ui.i18n import LANGUAGES, Translator
from ui.page import Page
from ui.parts.queue_strip import QueueStrip


def _page(workspace: Workspace, language: str = "en") -> Page:
    settings = Settings(_env_file=None, workspace=workspace.path)  # type: ignore[call-arg]
    return Page(settings, workspace, Translator(language), *(gr.Textbox(visible=False) for _ in range(3)))


@contextlib.contextmanager
def _live(job: Job, *states: events.Event) -> Iterator[None]:
    """A job as it looks while a process holds it."""
    handle = locks.try_lock(job.path / "lock", job.holder())
    assert handle is not None
    for event in (events.Launched(), *states):
        events.append(job.events_path, event)
    yield
    locks.release([handle])


@pytest.fixture
def training(workspace: Workspace) -> Iterator[Job]:
    """A training at work in a project of its own."""
    other = workspace.create("Ana's voice")
    job = Job.create(other.runs, TrainArgs(dataset="d", base="starter"), title="First")
    with _live(job, events.Progress(stage="train", done=3, total=10)):
        yield job


@pytest.fixture
def card_taken(training: Job, workspace: Workspace) -> Iterator[None]:
    """It has the card."""
    handle = locks.try_lock(workspace.gpu_lock, training.holder())
    assert handle is not None
    yield
    locks.release([handle])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_training_of_another_project_is_seen_from_everywhere_and_leads_there(
    training: Job, workspace: Workspace, project: Project, language: str
) -> None:
    with gr.Blocks():
        page = _page(workspace, language)
    for open_project in (None, project):
        chip = _header(page, open_project)
        assert 'data-open="ana-s-voice" data-tab="train"' in chip
        assert "Ana&#x27;s voice" in chip and page.t("kinds.train") in chip


def test_the_chip_shows_the_open_projects_own_job_first(training: Job, workspace: Workspace, project: Project) -> None:
    with gr.Blocks():
        page = _page(workspace)
    with _live(Job.create(project.jobs, SynthesizeArgs(text="Hi"))):
        chip = _header(page, project)
    assert f'data-open="{project.slug}" data-tab="speak"' in chip and 'data-tab="train"' not in chip


@pytest.mark.usefixtures("card_taken")
def test_who_waits_is_listed_with_its_place_and_can_leave(workspace: Workspace, project: Project) -> None:
    jobs = [Job.create(project.jobs, SynthesizeArgs(text=text), title=text) for text in ("Hello", "Goodbye")]
    tickets = [queue.draw(workspace.queue, job.holder(), [workspace.gpu_lock])[1] for job in jobs]
    with gr.Blocks():
        strip = QueueStrip(_page(workspace))
    shown = strip.show()
    assert shown.index("1. Speaking “Hello” · Test voice") < shown.index("2. Speaking “Goodbye” · Test voice")
    strip._act(None, gr.EventData(None, {"do": "leave-queue", "id": f"{project.slug}/{jobs[0].id}"}))
    assert jobs[0].stop_requested() and not jobs[1].stop_requested()
    assert "Hello" not in strip.show() and "1. Speaking “Goodbye”" in strip.show()
    locks.release(tickets)
    assert strip.show() == ""


@pytest.mark.usefixtures("card_taken")
def test_transcribing_waits_for_a_training_of_another_project_once(
    workspace: Workspace, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.store.add_source(Source(id="s", title="S", seconds=9))
    project.store.replace_clips("s", [Clip("s-0000", "s", 0.0, 5.0)])
    spawned: list[Path] = []

    def stay(self: Job, handles: list[int], line: Path | None = None, missing: object = ()) -> None:
        spawned.append(self.path)
        assert line == workspace.queue and missing

    monkeypatch.setattr(Job, "_spawn", stay)
    args = TranscribeArgs(model="builtin:tiny.en", device="cpu")
    job = start_transcribe(project, args)
    assert spawned == [job.path]
    with _live(job, events.State(state="waiting", place=1)), pytest.raises(Busy):
        start_transcribe(project, args)
