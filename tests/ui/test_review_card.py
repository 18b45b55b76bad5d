"""The card of a clip under review: the sound that its clip is cut from, the way to a transcript that is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.clips.review import spot
from core.project.records import Clip, Source
from core.project.workspace import Project
from ui.i18n import Translator
from ui.tabs.review import card


def test_the_picture_is_of_the_sound_that_is_used(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.store.add_source(Source("s", "Talk", seconds=9.0))
    project.store.replace_clips("s", [Clip("s-0001", "s", 0, 4, text="Hello.")])
    project.denoised_file("s").parent.mkdir(parents=True, exist_ok=True)
    project.denoised_file("s").touch()
    shown: list[Path] = []
    monkeypatch.setattr(card, "peaks", lambda path, *_: shown.append(path) or [])
    for use in ("original", "cleaned"):
        project.store.change_source("s", use=use)
        found = spot(project)
        assert found is not None
        card.review_card(Translator("en"), project, found)
    assert shown == [project.source_file("s"), project.denoised_file("s")]


def test_a_clip_that_nothing_has_heard_leads_back_to_the_transcripts(project: Project) -> None:
    project.store.add_source(Source("s", "Talk", seconds=9.0))
    project.store.replace_clips("s", [Clip("s-0001", "s", 0, 4)])

    def shown() -> str:
        found = spot(project)
        assert found is not None
        return card.review_card(Translator("pt-BR"), project, found)

    assert "Mande transcrever" in shown() and 'data-go="transcripts"' in shown()
    project.store.store_transcript("s-0001", "", 0.0, "pt")  # heard, and nobody speaks
    assert "Mande transcrever" not in shown()
