"""From one file to a frozen dataset without a person: what is there already is not made again."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from core import preparation
from core.errors import UserError
from core.jobs.job import Job
from core.project.records import ClipFilter
from core.project.workspace import Project
from tests.audio.sounds import tone, write
from tests.conftest import DEMO


def walk(project: Project, path: Path | None) -> list[str]:
    """Follow every job to its end; gives their kinds."""
    kinds = []
    for job in preparation.jobs(project, path, device="cpu"):
        assert isinstance(job, Job)
        job.wait(120)
        kinds.append(job.spec().kind)
    return kinds


@pytest.mark.usefixtures("forked")
def test_a_recording_becomes_a_dataset_of_what_was_surely_understood(project: Project, tmp_path: Path) -> None:
    talk = tmp_path / "talk.flac"
    subprocess.run(["ffmpeg", "-v", "error", "-t", "45", "-i", DEMO / "recording.flac", talk], check=True)
    assert walk(project, talk) == ["import_sources", "segment", "transcribe"]
    dataset = preparation.dataset(project)
    assert dataset.clips >= 4 and talk.exists(), "what was brought stays where it lies"
    doubtful = project.store.clips(ClipFilter("new"))
    assert dataset.clips + len(doubtful) <= project.store.count()
    assert walk(project, talk) == [] and preparation.dataset(project).id == dataset.id
    # What a person decides afterwards counts.
    project.store.edit_clip(project.store.clips(ClipFilter("approved"))[0].id, status="rejected")
    assert preparation.dataset(project).clips == dataset.clips - 1


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_data_set_keeps_the_texts_it_brings(project: Project, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "hums"
    folder.mkdir()
    for number in range(4):
        write(folder / f"{number}.wav", tone(1.5 + 0.1 * number, 16_000, 220.0 + 20 * number), 16_000)
    (folder / "metadata.csv").write_text("".join(f"{number}|Hum number la {number}.\n" for number in range(4)))
    path = Path(shutil.make_archive(str(folder), "zip", folder)) if kind == "zip" else folder
    assert walk(project, path) == ["scan_collection", "import_sources"]
    assert preparation.approve(project) == 4 and preparation.approve(project) == 0
    assert {clip.status for clip in project.store.clips()} == {"approved"} and path.exists()


def test_a_file_that_is_not_there_is_named(project: Project, tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.wav", None):
        with pytest.raises(UserError) as caught:
            walk(project, path)
        assert caught.value.code == "prepare.nothing"


@pytest.mark.usefixtures("forked")
def test_what_fails_ends_it_with_its_own_error(project: Project, tmp_path: Path) -> None:
    (tmp_path / "broken.zip").write_bytes(b"no zip")
    with pytest.raises(UserError) as caught:
        walk(project, tmp_path / "broken.zip")
    assert caught.value.code == "archive.broken" and "broken.zip" in str(caught.value)
