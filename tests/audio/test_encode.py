"""Sound is encoded as it comes, and what cannot be encoded is told."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from core.audio import encode
from core.audio.samples import read, write_wav
from core.audio.synthetic import COMMENT, write_speech
from core.errors import UserError


def test_a_format_that_this_ffmpeg_cannot_write_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(encode._ENCODERS, "mp3", ("-c:a", "libnone", "-f", "mp3"))
    pieces = iter([(np.zeros(2400, np.float32), 24_000)])
    with pytest.raises(UserError) as caught:
        list(encode.encode(pieces, "mp3"))
    assert caught.value.code == "audio.no_encoder" and caught.value.values["format"] == "mp3"


def metadata(path: Path) -> str:
    """What any player can read of a file beside its sound."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "ffmetadata", "-"]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


@pytest.mark.parametrize("format", ["mp3", "opus", "aac", "flac", "wav"])
def test_every_format_says_that_its_speech_is_synthetic(tmp_path: Path, format: str) -> None:
    pieces = [(np.full(2400, 0.1, np.float32), 24_000)] * 3
    path = tmp_path / f"speech.{format}"
    path.write_bytes(b"".join(encode.encode(iter(pieces), format)))
    if format == "opus":  # its tags stand with the stream
        assert COMMENT.encode() in path.read_bytes()
    else:
        assert COMMENT in metadata(path).replace("\\", "")


def test_a_file_of_speech_says_so_and_sounds_as_any_other(tmp_path: Path) -> None:
    samples = np.sin(np.arange(4801, dtype=np.float32) / 20) * 1.2
    write_wav(tmp_path / "plain.wav", samples, 24_000)
    write_speech(tmp_path / "speech.wav", samples, 24_000)
    assert COMMENT in metadata(tmp_path / "speech.wav").replace("\\", "")
    assert COMMENT not in metadata(tmp_path / "plain.wav").replace("\\", "")
    np.testing.assert_array_equal(read(tmp_path / "speech.wav")[0], read(tmp_path / "plain.wav")[0])
    assert list(encode.encode(iter([]), "wav")) == []
