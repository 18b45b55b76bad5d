"""A project whose voice is the toy's, and which speaks by a process that stays for all tests of a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.engines import registry
from core.jobs import locks
from core.project.records import Clip, Source
from core.project.workspace import Project, Workspace
from core.synthesis import speaking
from core.synthesis.speaking_process import lock_path
from tests.audio.sounds import tone, write
from tests.jobs.conftest import until

TOY = Path(__file__).parents[1] / "toy"


@pytest.fixture(scope="module")
def toy() -> Iterator[None]:
    """The toy engine's package, found by this process and by those it starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TOY))
        patch.setenv("PYTHONPATH", str(TOY))
        patch.setenv("VOICEWRIGHT_SPEAKING_IDLE_MINUTES", "5")
        registry._engines.cache_clear()
        yield
    registry._engines.cache_clear()


@pytest.fixture(scope="module")
def humming(tmp_path_factory: pytest.TempPathFactory, toy: None) -> Iterator[Project]:
    """A project with one approved clip, its base ready to hum; whatever speaks for it is ended at last."""
    folder = tmp_path_factory.mktemp("humming")
    project = Workspace(folder / ("deep" * 30)).create("Hum", "en", "toy")
    project.store.add_source(Source(id="s1", title="Tone", seconds=2, sample_rate=16_000))
    project.clips.mkdir(parents=True)
    write(project.clip_file("s1-0000"), tone(2.0, 16_000, 220.0).astype(np.float32), 16_000)
    clip = Clip("s1-0000", "s1", 0.0, 2.0, text="Hum la.", status="approved", confidence=0.9)
    project.store.replace_clips("s1", [clip])
    engine = registry.get_engine("toy")
    engine.make_base("tuning-fork", engine.bases.place(project.workspace.models, "tuning-fork"))
    yield project
    speaking.dismiss(project.workspace)
    until(lambda: not locks.is_locked(lock_path(project.workspace)))


def process_id(project: Project) -> int:
    """Of the process that speaks for a project's workspace; 0 if there is none."""
    lock = lock_path(project.workspace)
    inode = os.stat(lock).st_ino if lock.exists() else 0
    held = (line.split() for line in Path("/proc/locks").read_text().splitlines())
    return next((int(row[4]) for row in held if row[5].endswith(f":{inode}") and row[1] == "FLOCK"), 0)
