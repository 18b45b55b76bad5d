"""A take is proofread once it can be heard: by the built-in recogniser, and by its sound alone where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.audio.samples import Samples, read
from core.errors import UserError
from core.jobs.args.speech import SynthesizeArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.measures.proofreading import Proof
from core.project.workspace import Project
from core.synthesis import speaking
from core.synthesis.start import Take, remove_take, takes
from core.tasks import synthesize
from core.transcription.registry import models
from tests.conftest import Prompts

RATE, TEXT = 24_000, "You are about to enter an echo test."


@pytest.fixture
def sound(prompts: Prompts) -> Samples:
    """What the voice says in place of a model."""
    start_s, end_s, _ = next(row for row in prompts.spoken if row[2] == TEXT)
    return read(prompts.recording, start_s, end_s, RATE)[0]


def speak(project: Project, monkeypatch: pytest.MonkeyPatch, sound: Samples, text: str = TEXT) -> tuple[Take, Reporter]:
    """A take of this sound, made by the job."""
    args = SynthesizeArgs(text=text, language="en", base="starter", voice="Base")
    job = Job.create(project.jobs, args)
    project.takes.mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(speaking, "say", lambda *_, **__: (sound, RATE))
    monkeypatch.setattr(synthesize, "speech_request", lambda *_: None)
    reporter = Reporter(job)
    synthesize.run(job, project, args, reporter)
    return next(take for take in takes(project) if take.id == job.id), reporter


def test_what_the_recogniser_hears_tells_a_take_that_swallows_words(
    project: Project, monkeypatch: pytest.MonkeyPatch, sound: Samples
) -> None:
    assert any(model.id.startswith("builtin:") for model in models(project.workspace))
    whole, _ = speak(project, monkeypatch, sound)
    assert not whole.proof.is_doubtful and whole.heard is not None and "echo test" in whole.heard.lower()
    longer, _ = speak(project, monkeypatch, sound, f"{TEXT} Please hold the line.")
    assert longer.faults == ("last_cut",) and longer.proof.is_misheard


def test_a_take_that_is_deleted_while_it_is_proofread_leaves_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch, sound: Samples
) -> None:
    before = {*project.takes.glob("*")}

    def delete(project: Project, *wish: Any) -> Proof:
        remove_take(project, takes(project)[0].id)
        return Proof()

    monkeypatch.setattr(synthesize, "proofread", delete)
    with pytest.raises(StopIteration):  # there is no such take
        speak(project, monkeypatch, sound)
    assert {*project.takes.glob("*")} == before


def test_without_a_recogniser_a_take_is_kept_and_its_sound_tells(
    project: Project, monkeypatch: pytest.MonkeyPatch, sound: Samples
) -> None:
    def refuse(*_: object) -> None:
        raise UserError("asr.unknown_model", "There is no recognition model “{model}”.", model="none")

    monkeypatch.setattr(synthesize, "open_model", refuse)
    cut, reporter = speak(project, monkeypatch, sound[: -round(0.35 * RATE)])
    assert cut.faults == ("last_cut",) and cut.heard is None and not reporter.view.warnings
    silent, _ = speak(project, monkeypatch, np.zeros_like(sound))
    assert silent.faults == ("nothing",)
