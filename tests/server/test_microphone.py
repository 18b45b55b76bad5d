"""Nothing is decoded in the page's process: what a microphone or a file field takes goes to a job as it came."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio import processing_utils
from gradio.components import Component
from gradio.data_classes import FileData

from core.jobs import fork_server
from core.jobs.job import Job
from core.project.workspace import Project, Workspace
from tests.audio.sounds import tone, write
from tests.server.real_page import RealPage, real_page

HOURS = 5
# All that the page is made of. A new kind is looked at before it is added: does it read, convert or write a file?
KINDS = {"HTML", "Textbox", "Number", "Checkbox", "Slider", "Dropdown", "Button", "Audio", "File"}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    made = Workspace(tmp_path_factory.mktemp("microphone") / "workspace")
    made.create("Ana", "en")
    return made


@pytest.fixture(scope="module")
def page(workspace: Workspace) -> Iterator[RealPage]:
    with real_page(workspace.path, max_source_hours=1) as running:
        yield running


@pytest.fixture
def ana(workspace: Workspace) -> Iterator[Project]:
    project = workspace.project("ana")
    yield project
    for job in project.all_jobs():
        job.force_stop()
        job.wait(10)


@pytest.fixture(scope="module")
def hours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five hours of Opus as one small file: a minute of it, again and again."""
    folder = tmp_path_factory.mktemp("hours")
    minute = write(folder / "minute.wav", tone(60, 16_000), 16_000)
    opus = ["-c:a", "libopus", "-b:a", "6k", "-application", "voip"]
    subprocess.run(["ffmpeg", "-v", "error", "-i", minute, *opus, folder / "minute.ogg"], check=True)
    (folder / "list.txt").write_text("file 'minute.ogg'\n" * (60 * HOURS))
    command = ["ffmpeg", "-v", "error", "-f", "concat", "-safe", "0", "-i", "list.txt", "-c", "copy", "long.ogg"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "long.ogg"


@pytest.fixture
def playlist(tmp_path: Path) -> Path:
    """A playlist that leads to a file of the account, named as sound."""
    target = write(tmp_path / "private.wav", tone(2))
    text = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://{target}\n#EXT-X-ENDLIST\n"
    (tmp_path / "list.mp3").write_text(text)
    return tmp_path / "list.mp3"


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The programs the page's process has started, by their names; decoding in it fails the test."""
    started: list[str] = []
    popen = subprocess.Popen

    def start(command: Any, *given: Any, **named: Any) -> Any:
        started.append(Path(command[0]).name)
        return popen(command, *given, **named)

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("decoded in the page's process")

    monkeypatch.setattr(subprocess, "Popen", start)
    monkeypatch.setattr(fork_server, "_server", None)  # a job is a program of its own, whatever ran before
    for name in ("audio_from_file", "audio_to_file", "convert_video_to_playable_mp4"):
        monkeypatch.setattr(processing_utils, name, refuse)
    return started


def test_no_component_of_the_page_decodes_or_converts(page: RealPage, tmp_path: Path, programs: list[str]) -> None:
    components = [block for block in page.blocks.blocks.values() if isinstance(block, Component)]
    assert {type(block).__name__ for block in components} <= KINDS
    recorders = [block for block in components if isinstance(block, gr.Audio)]
    fields = [block for block in components if isinstance(block, gr.File)]
    assert len(recorders) == 2 and len(fields) == 5  # recordings, a project, a voice, a text, a picture
    for recorder in recorders:
        assert recorder.format is None and recorder.type == "filepath" and not recorder.streaming
        assert recorder.sources == ["microphone"] and recorder.value is None
        for name in ("a.mp3", "a.webm", "a.wav"):
            (tmp_path / name).write_text("no sound at all")
            assert recorder.preprocess(FileData(path=str(tmp_path / name))) == str(tmp_path / name)
    for field in fields:
        assert field.type == "filepath"
    assert not programs


def recorded_in_sources(page: RealPage) -> int:
    """The event of the recorder that makes recordings, not of the one that reads sentences."""
    return min(page.events("Audio", "stop_recording"), key=lambda event: len(page.blocks.fns[event].inputs))


def read_aloud(page: RealPage) -> int:
    """The event of the recorder of sentences."""
    return max(page.events("Audio", "stop_recording"), key=lambda event: len(page.blocks.fns[event].inputs))


def ended(job: Job | None) -> tuple[str, str]:
    """How an import of one file that cannot be used ended, and the code that says why."""
    assert job is not None
    view = job.wait(120)
    return view.status, view.warnings[0].code if view.warnings else view.code


@pytest.mark.slow
def test_five_hours_and_a_playlist_from_the_microphone_end_as_a_jobs_errors(
    page: RealPage, ana: Project, hours: Path, playlist: Path, programs: list[str]
) -> None:
    assert hours.stat().st_size > 5_000_000
    for path, code in ((hours, "audio.too_long"), (playlist, "audio.not_audio")):
        programs.clear()
        assert page.run(recorded_in_sources(page), ["ana", page.upload(path), ""])["success"]
        assert page.notices == []
        assert programs == [Path(sys.executable).name], "the page starts the job and nothing else"
        assert ended(ana.latest("import_sources"))[1] == code
        assert ana.store.sources() == []


def test_a_sentence_is_no_way_to_have_hours_or_a_playlist_decoded(
    page: RealPage, ana: Project, hours: Path, playlist: Path, programs: list[str]
) -> None:
    for path, said in ((hours, "longer than 5 minutes"), (playlist, "is not an audio or video file")):
        programs.clear()
        assert page.run(read_aloud(page), ["ana", page.upload(path), "", "0"])["success"]
        assert len(page.notices) == 1 and said in page.notices[0]
        assert "ffmpeg" not in programs, "its length and kind are known before anything is decoded"
        assert ana.store.sources() == []


def test_an_error_of_ours_is_told_and_one_of_gradios_names_nothing(page: RealPage) -> None:
    (home,) = [number for number in page.events("HTML", "act") if page.blocks.fns[number].targets[0][0] == _home(page)]
    event = {"do": "create", "id": "", "value": '{"name": "", "language": "en"}', "view": ""}
    assert page.run(home, [""], event_data=event)["success"]
    assert len(page.notices) == 1 and "name" in page.notices[0]
    answer = page.run(home, [], event_data=event)
    assert not answer["success"] and answer["output"]["error"] is None


def _home(page: RealPage) -> int:
    """The panel of the Projects page."""
    named = {block.props.get("live"): number for number, block in page.blocks.blocks.items() if hasattr(block, "props")}
    return int(named["home-0"])
