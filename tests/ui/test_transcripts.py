"""The Transcripts tab: which model it offers for a language, its way out of a failed download, its closing sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.jobs import events
from core.jobs.args.clips import TranscribeArgs
from core.jobs.job import Job, JobView
from core.project.records import Clip, Source
from core.project.workspace import Project, Workspace
from core.settings import Settings
from ui.i18n import Translator
from ui.page import Page
from ui.tabs.transcripts import _below, _closing_sentence, _top

T = Translator("en")


@pytest.fixture
def brazilian(workspace: Workspace) -> Project:
    """A project in Portuguese with a clip that nothing has heard yet."""
    project = workspace.create("Voz", "pt")
    project.store.add_source(Source("s", "Conversa", seconds=9.0))
    project.store.replace_clips("s", [Clip("s-0001", "s", 0, 4)])
    return project


def page_of(project: Project, language: str) -> Page:
    """A page without its components."""
    hidden: Any = None
    settings = Settings(_env_file=None, workspace=project.workspace.path)  # type: ignore[call-arg]
    return Page(settings, project.workspace, Translator(language), hidden, hidden, hidden)


def test_a_model_that_is_built_in_is_chosen_by_the_language_and_said_in_words(brazilian: Project) -> None:
    page = page_of(brazilian, "pt-BR")
    own, english, unknown = (_top(page, brazilian, {"spoken": code}) for code in ("", "en", "auto"))
    assert "incluído, todos os idiomas" in own and "só inglês" not in own and 'data-id="fast pt"' in own
    assert "incluído, só inglês" in english and 'data-id="fast en"' in english
    assert "incluído, todos os idiomas" in unknown and 'data-id="fast auto"' in unknown


def test_a_model_that_cannot_be_downloaded_leads_on_to_the_built_in_one(brazilian: Project) -> None:
    job = Job.create(brazilian.jobs, TranscribeArgs(model="small", language="pt"))
    events.append(job.events_path, events.Finished(outcome="failed", code="asr.no_network", text="", hint=""))
    content = _below(page_of(brazilian, "pt-BR"), brazilian)
    assert 'data-do="transcribe_builtin" data-id="fast pt"' in content
    brazilian.store.store_transcript("s-0001", "Bom dia.", 0.9, "pt")
    assert "transcribe_builtin" not in _below(page_of(brazilian, "pt-BR"), brazilian)


def _told(**result: int) -> str:
    return _closing_sentence(T, JobView("t", "transcribe", "", Path(), result=dict(result)))


def test_failed_and_kept_clips_are_told_only_where_there_are_any() -> None:
    assert _told(heard=9, low=1) == T("transcripts_models.done", count="9", low="1")
    said = _told(heard=9, low=1, failed=2, kept=3)
    assert T("transcripts_models.done_failed", count="2") in said
    assert T("transcripts_models.done_kept", count="3") in said
