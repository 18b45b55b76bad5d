"""Hearing many clips: Stop is looked for before any file is."""

from __future__ import annotations

import pytest

from core.errors import Cancelled
from core.project.records import Clip
from core.project.workspace import Project
from core.transcription import batch as hearing
from core.transcription.base import DecodeOptions, Samples, Transcript


class _Deaf:
    name, english_only, device, at_once = "deaf", False, "cpu", 1

    def transcribe(self, clips: list[Samples], options: DecodeOptions) -> list[Transcript]:
        raise AssertionError("it was not asked to stop")

    def batch_size(self, window: float) -> int:
        return 2


def test_stop_is_seen_before_the_lengths_of_thousands_of_files_are_read(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[object] = []
    for name in ("info", "read", "SoundFile"):
        monkeypatch.setattr(hearing.soundfile, name, looked_at.append)
    monkeypatch.setattr(hearing, "map_in_threads", lambda items, work, at_once, check_stop: check_stop())

    def stop() -> None:
        raise Cancelled

    clips = [Clip(f"s-{number}", "s", number * 4.0, number * 4.0 + 3) for number in range(50)]
    with pytest.raises(Cancelled):
        list(hearing.transcribe_clips(project, clips, _Deaf(), DecodeOptions("en"), stop, print))
    assert looked_at == []
