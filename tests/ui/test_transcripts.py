"""The Transcripts tab's closing sentence."""

from __future__ import annotations

from pathlib import Path

from core.jobs.job import JobView
from ui.i18n import Translator
from ui.tabs.transcripts import _closing_sentence

T = Translator("en")


def _told(**result: int) -> str:
    return _closing_sentence(T, JobView("t", "transcribe", "", Path(), result=dict(result)))


def test_failed_and_kept_clips_are_told_only_where_there_are_any() -> None:
    assert _told(heard=9, low=1) == T("transcripts_models.done", count="9", low="1")
    said = _told(heard=9, low=1, failed=2, kept=3)
    assert T("transcripts_models.done_failed", count="2") in said
    assert T("transcripts_models.done_kept", count="3") in said
