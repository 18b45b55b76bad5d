"""Fixtures of transcription: clips of real speech in a project, and the built-in model for both engines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.audio.samples import read, write_wav
from core.project.records import Clip, Source
from core.project.workspace import Project
from core.transcription.builtin import tiny_en_folder
from tests.conftest import Prompts
from tests.transcription.checkpoint import read_ct2, write_openai

MakeClips = Callable[[int], list[Clip]]


@pytest.fixture
def make_clips(project: Project, prompts: Prompts) -> MakeClips:
    """Puts the first so many prompts into the project as clips."""

    def make(count: int) -> list[Clip]:
        project.store.add_source(Source("s1", "Prompts", seconds=300.0, sample_rate=16_000))
        clips = []
        for number, (start_s, end_s, _) in enumerate(prompts.spoken[:count], 1):
            clip = Clip(f"s1-{number:04d}", "s1", start_s, end_s)
            samples, rate = read(prompts.recording, start_s, end_s, 22_050)
            write_wav(project.clip_file(clip.id), samples, rate)
            clips.append(clip)
        project.store.replace_clips("s1", clips)
        return clips

    return make


@pytest.fixture(scope="session")
def builtin() -> Path:
    """The folder of the small English model that is built in."""
    folder = tiny_en_folder()
    assert folder is not None, "requirements.txt was not installed"
    return folder


@pytest.fixture(scope="session")
def openai_checkpoint(builtin: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in model's weights as a checkpoint of openai-whisper."""
    target = tmp_path_factory.mktemp("openai") / "tiny.en.pt"
    write_openai(read_ct2(builtin / "model.bin"), target)
    return target
