"""A file is transcribed in a process of its own: what it says, what is wrong with it, and that nothing stays."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import Busy, Cancelled, UserError
from core.transcription import single_file
from core.transcription.builtin import TINY_EN, tiny_en_folder
from core.transcription.captions import captions
from core.transcription.single_file import Wish, transcribe_file
from tests.conftest import DEMO


def wish(workspace: Path, path: Path, model: str = TINY_EN) -> Wish:
    return Wish(str(workspace), str(path), path.name, model, "en", words=True)


@pytest.mark.skipif(tiny_en_folder() is None, reason="the built-in recogniser is not installed")
def test_what_is_said_comes_back_with_the_times_of_words_and_a_file_that_is_no_sound_is_named(tmp_path: Path) -> None:
    rows = [row.split("\t") for row in (DEMO / "transcripts.tsv").read_text().splitlines()[1:7]]
    sound = tmp_path / "spoken.mp3"  # longer than a recogniser hears at once
    command = ["ffmpeg", "-v", "error", "-to", rows[-1][1], "-i", str(DEMO / "recording.flac"), str(sound)]
    subprocess.run(command, check=True)
    heard = transcribe_file(wish(tmp_path, sound))
    assert heard.language == "en" and heard.text.lower().split()[0] == rows[0][2].lower().split()[0]
    assert heard.seconds == pytest.approx(float(rows[-1][1]), abs=0.1) and heard.seconds > 35
    assert all(0 <= start <= end <= heard.seconds + 0.1 for _, start, end in heard.words)
    entries = captions(heard.words, heard.language)
    for start, end, said in rows:
        if said[0].isupper() and said.endswith("."):
            first = min(entries, key=lambda entry: abs(entry.start_s - float(start)))
            last = min(entries, key=lambda entry: abs(entry.end_s - float(end)))
            assert abs(first.start_s - float(start)) < 0.6 and first.text.lower()[:3] == said.lower()[:3], entries
            assert abs(last.end_s - float(end)) < 0.6, entries
    notes = tmp_path / "notes.txt"
    notes.write_text("no sound")
    with pytest.raises(UserError) as caught:
        transcribe_file(wish(tmp_path, notes))
    assert "notes.txt" in str(caught.value)


def test_who_stops_has_the_process_ended_and_who_kills_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    folders: list[Path] = []
    popen = subprocess.Popen

    def sleeper(*_: object, env: dict[str, str], **options: object) -> subprocess.Popen[bytes]:
        folders.append(Path(env["TMPDIR"]))
        (folders[-1] / "sound.flac").touch()
        started.append(popen([sys.executable, "-c", program], **options))  # type: ignore[call-overload]
        return started[-1]

    monkeypatch.setattr(single_file.subprocess, "Popen", sleeper)
    program = "import time; time.sleep(60)"
    until = time.monotonic() + 0.5
    with pytest.raises(Cancelled):
        transcribe_file(wish(tmp_path, tmp_path / "a.wav"), lambda: time.monotonic() > until)
    assert started[0].poll() is not None and not folders[0].exists(), "nothing of what was said stays"
    program = "import os; os.kill(os.getpid(), 9)"
    with pytest.raises(UserError) as caught:
        transcribe_file(wish(tmp_path, tmp_path / "a.wav"))
    assert caught.value.code == "asr.process_died" and caught.value.values["name"] == "a.wav"


def test_a_language_that_nobody_knows_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        single_file._transcribe(replace(wish(tmp_path, tmp_path / "a.wav"), language="english"))
    assert caught.value.code == "asr.unknown_language" and "english" in str(caught.value)


def test_what_goes_wrong_in_the_process_stands_in_the_log_in_full(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(UserError) as caught:
        transcribe_file(replace(wish(tmp_path, tmp_path / "a.wav"), language=7))  # type: ignore[arg-type]
    assert caught.value.code == "asr.process_bug" and "AttributeError" in str(caught.value)
    assert "Traceback" in caplog.text and "in _check_language" in caplog.text


def test_too_many_at_once_are_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single_file._places, "acquire", lambda blocking: False)
    with pytest.raises(Busy) as caught:
        transcribe_file(wish(tmp_path, tmp_path / "a.wav"))
    assert caught.value.code == "asr.too_many"
