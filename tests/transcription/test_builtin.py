"""The built-in model of all languages: joined once from its halves, checked, and heard in Portuguese."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest

from core.audio.samples import read
from core.errors import Cancelled, UserError
from core.jobs import locks
from core.jobs.args.clips import TranscribeArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.transcription import builtin, faster_whisper_engine, registry
from core.transcription.base import SAMPLE_RATE_HZ, DecodeOptions
from core.transcription.load import Choice, open_model
from core.transcription.wer import wer
from tests.conftest import Mount, Prompts

CONTENT = {"config.json": b"{}", "model.bin": bytes(range(256)) * 9000}


@pytest.fixture
def halves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two small packages in place of the large ones; returns the folder that holds them."""
    for name, data in (("first", CONTENT["model.bin"][:1_500_000]), ("second", CONTENT["model.bin"][1_500_000:])):
        (tmp_path / "packages" / name).mkdir(parents=True)
        (tmp_path / "packages" / name / "model").write_bytes(data)
    (tmp_path / "packages" / "first" / "config").write_bytes(CONTENT["config.json"])
    pieces = {"config.json": (("first", "config"),), "model.bin": (("first", "model"), ("second", "model"))}
    files = {name: (hashlib.sha256(CONTENT[name]).hexdigest(), pieces[name]) for name in CONTENT}
    monkeypatch.setattr(builtin, "_BASE_FILES", files)
    monkeypatch.setattr(builtin, "_package", lambda name: tmp_path / "packages" / name)
    return tmp_path / "packages"


def visible(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name != ".lock"}


def test_what_is_right_is_left_alone_and_what_is_not_is_joined_anew(halves: Path, tmp_path: Path) -> None:
    folder = builtin.join_base(tmp_path / "base", lambda: None)
    assert visible(folder) == CONTENT
    before = {name: (folder / name).stat().st_ino for name in CONTENT}
    for damage in (CONTENT["model.bin"][:-1], b"\0" + CONTENT["model.bin"][1:]):
        (folder / "model.bin").write_bytes(damage)
        (folder / ".tmp-left.bin").write_bytes(b"by a process that was killed")
        builtin.join_base(folder, lambda: None)
        assert visible(folder) == CONTENT
    after = {name: (folder / name).stat().st_ino for name in CONTENT}
    assert after["config.json"] == before["config.json"] and after["model.bin"] != before["model.bin"]
    os.utime(folder / "model.bin", (1, 1))
    builtin.join_base(folder, lambda: None)
    assert (folder / "model.bin").stat().st_mtime == 1


@pytest.mark.parametrize("spoil", [lambda half: half.unlink(), lambda half: half.write_bytes(b"other")])
def test_a_damaged_half_is_named_and_leaves_no_model(halves: Path, tmp_path: Path, spoil: object) -> None:
    spoil(halves / "second" / "model")  # type: ignore[operator]
    with pytest.raises(UserError) as caught:
        builtin.join_base(tmp_path / "base", lambda: None)
    assert caught.value.code == "asr.builtin_damaged" and "model" in caught.value.text
    assert list(visible(tmp_path / "base")) == ["config.json"]


def test_a_disk_without_room_is_told_before_anything_is_written(halves: Path, tmp_path: Path, mount: Mount) -> None:
    with pytest.raises(UserError) as caught:
        builtin.join_base(mount(tmp_path / "disk", 2 << 20) / "base", lambda: None)
    assert caught.value.code == "download.no_room" and "Whisper base" in caught.value.text


def test_of_two_processes_one_joins_and_the_other_waits_and_can_be_stopped(halves: Path, tmp_path: Path) -> None:
    folder, looks = tmp_path / "base", threading.Event()
    folder.mkdir()
    other = locks.try_lock(folder / ".lock", {})
    assert other is not None

    def stop() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        builtin.join_base(folder, stop)
    waiting = threading.Thread(target=builtin.join_base, args=(folder, looks.set))
    waiting.start()
    assert looks.wait(10) and visible(folder) == {}
    os.close(other)
    waiting.join(10)
    assert visible(folder) == CONTENT


@pytest.mark.slow
def test_portuguese_is_heard_without_a_network_and_told_from_other_languages(
    project: Project, portuguese: Prompts
) -> None:
    model = registry.choose("fast", "pt")
    reporter = Reporter(Job.create(project.jobs, TranscribeArgs(model=model)))
    recognizer = open_model(project.workspace, Choice(model, "pt", "", "cpu", 1), reporter)
    assert isinstance(recognizer, faster_whisper_engine.FasterWhisper) and not recognizer.english_only
    clips = [read(portuguese.recording, start, end, SAMPLE_RATE_HZ)[0] for start, end, _ in portuguese.spoken]
    heard = recognizer.transcribe(clips, DecodeOptions("pt"))
    said = " ".join(text for _, _, text in portuguese.spoken)
    assert wer(said, " ".join(transcript.text for transcript in heard), "pt") <= 0.15
    assert {transcript.language for transcript in recognizer.transcribe(clips[:2], DecodeOptions())} == {"pt"}
