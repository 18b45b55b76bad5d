"""A project whose voice hums, and long texts of it that are spoken in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from core.jobs.args.studio import SpeakDocumentArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.studio.document import Document
from core.studio.speaking import Speech
from core.synthesis import speaking
from core.synthesis.warm_voice import WarmVoice
from tests.synthesis.conftest import humming as humming
from tests.synthesis.conftest import toy as toy

Speak = Callable[..., Speech]


@pytest.fixture
def warm(humming: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The voice speaks in this process, not in one of its own; the list holds every text it was asked for."""
    voice, asked = WarmVoice(humming.workspace), list[str]()

    def say(workspace, request, *, should_stop=lambda: False, on_stage=lambda *_: None):  # type: ignore[no-untyped-def]
        asked.append(request.text)
        pieces = list(voice.say(request, "cpu", should_stop, on_stage))
        import numpy as np

        return np.concatenate([samples for samples, _ in pieces]), pieces[0][1]

    monkeypatch.setattr(speaking, "say", say)
    yield asked


@pytest.fixture
def speak(humming: Project) -> Speak:
    """``speak(document, lines=…, again=…)`` does what the job does, in this process; returns what it counted."""

    def run(document: Document, **wish: object) -> Speech:
        args = SpeakDocumentArgs(document=document.id, device="cpu", **wish)
        speech = Speech(humming, args, Reporter(Job.create(humming.jobs, args)))
        speech.speak()
        return speech

    return run


@pytest.fixture(autouse=True)
def _nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """No recogniser listens unless a test says who."""
    monkeypatch.setattr("core.studio.proofreading.recogniser_for", lambda project, language: "")
