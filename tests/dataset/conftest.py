"""A project with clips that were cut and written, without any model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import soundfile

from core.project.records import Clip, Source
from core.project.workspace import Project

MakeClips = Callable[..., list[Clip]]


@pytest.fixture
def make_clips(project: Project) -> MakeClips:
    """``make_clips("a", 10)`` adds a source with ten approved clips of 5 s, each with its own audio."""

    def make(source_id: str, count: int, seconds: float = 5.0, status: str = "approved") -> list[Clip]:
        project.clips.mkdir(exist_ok=True)
        project.store.add_source(Source(source_id, source_id.upper(), seconds=count * 6.0, sample_rate=22_050))
        clips = [
            Clip(
                id=f"{source_id}-{number:04d}",
                source_id=source_id,
                start_s=number * 6.0,
                end_s=number * 6.0 + seconds,
                text=f"Sentence {number} of {source_id}.",
                raw_text=f"Sentence {number} of {source_id}.",
                status=status,
                confidence=0.9,
            )
            for number in range(1, count + 1)
        ]
        project.store.replace_clips(source_id, clips)
        for number, clip in enumerate(clips):
            noise = np.random.default_rng([ord(source_id[0]), number]).normal(0, 0.1, 2205).astype(np.float32)
            long = np.resize(noise, round(seconds * 22_050))
            soundfile.write(project.clip_file(clip.id), long, 22_050, subtype="PCM_16")
        return clips

    return make
