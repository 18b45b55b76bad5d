"""Fixtures of the measures: clips of real speech in a project, and a stand-in for a second speaker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from core.audio.samples import read, write_wav
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.records import Clip, Source
from core.project.workspace import Project
from tests.audio.sounds import convert
from tests.conftest import Prompts

MakeClips = Callable[[int], list[Clip]]
_DEEPER = 0.75
_COUNT = 8


@pytest.fixture(scope="session")
def other_voice(prompts: Prompts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stand-in for a second speaker: the first prompts of the one there is, a quarter deeper in pitch and formants.

    The pace is given back, so that the prompts' times hold.
    """
    first = tmp_path_factory.mktemp("voice") / "first.flac"
    samples, rate = read(prompts.recording, 0, prompts.spoken[_COUNT][1])
    soundfile.write(first, samples, rate)
    deeper = f"asetrate={round(rate * _DEEPER)},aresample={rate},atempo={1 / _DEEPER}"
    return convert(first, first.with_name("deeper.flac"), "-af", deeper)


@pytest.fixture
def make_clips(project: Project, prompts: Prompts) -> Callable[..., list[Clip]]:
    """Puts a recording and clips of its first prompts into the project."""

    def make(count: int, recording: Path = prompts.recording, source_id: str = "s1") -> list[Clip]:
        samples, rate = read(recording, 0, prompts.spoken[count][1])
        project.sources.mkdir(exist_ok=True)
        soundfile.write(project.source_file(source_id), samples, rate)
        project.store.add_source(Source(source_id, source_id, seconds=len(samples) / rate, sample_rate=rate))
        clips = []
        for number, (start_s, end_s, _) in enumerate(prompts.spoken[:count], 1):
            clip = Clip(f"{source_id}-{number:04d}", source_id, start_s, end_s)
            write_wav(project.clip_file(clip.id), *read(recording, start_s, end_s, 22_050))
            clips.append(clip)
        project.store.replace_clips(source_id, clips)
        return clips

    return make


@pytest.fixture
def reporter(tmp_path: Path) -> Reporter:
    """Writes its events into a folder of its own."""
    (tmp_path / "job").mkdir()
    return Reporter(Job(tmp_path / "job"))
