"""Reading pieces, resampling, writing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.audio.decode import blocks, read, write_wav
from tests.audio.sounds import tone, write


def test_blocks_together_are_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "in.flac", tone(3.3), 16_000)
    parts = list(blocks(path, block_s=1.0))
    assert [len(part) for part in parts] == [16_000, 16_000, 16_000, 4800]
    assert parts[0].dtype == np.float32
    np.testing.assert_array_equal(np.concatenate(parts), soundfile.read(path, dtype="float32")[0])


def test_a_piece_is_exactly_those_samples(tmp_path: Path) -> None:
    path = write(tmp_path / "in.flac", tone(3.0), 16_000)
    whole = soundfile.read(path, dtype="float32")[0]
    piece, rate = read(path, 1.25, 2.5)
    assert rate == 16_000
    np.testing.assert_array_equal(piece, whole[20_000:40_000])
    assert len(read(path, 2.9, 99)[0]) == 1600 and len(read(path, 50, 60)[0]) == 0


def test_two_channels_are_read_as_their_mean(tmp_path: Path) -> None:
    left = tone(0.5)
    path = write(tmp_path / "in.wav", np.stack([left, np.zeros_like(left)], axis=1), subtype="FLOAT")
    np.testing.assert_allclose(read(path)[0], left / 2, atol=1e-7)


def test_resampling_keeps_length_pitch_and_level(tmp_path: Path) -> None:
    path = write(tmp_path / "in.wav", tone(2.0, 44_100, hz=1000), 44_100)
    samples, rate = read(path, sample_rate=22_050)
    assert rate == 22_050 and len(samples) == pytest.approx(44_100, abs=2)
    np.testing.assert_allclose(samples[2000:-2000], tone(2.0, 22_050, hz=1000)[2000:42_100], atol=2e-3)


def test_written_sound_is_16_bit_and_clipped_not_wrapped(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "out.wav"
    write_wav(path, np.array([0.0, 2.0, -2.0, 0.5], np.float32), 22_050)
    info = soundfile.info(path)
    assert (info.samplerate, info.channels, info.subtype) == (22_050, 1, "PCM_16")
    np.testing.assert_allclose(soundfile.read(path)[0], [0, 1, -1, 0.5], atol=1e-4)
    assert [file.name for file in path.parent.iterdir()] == ["out.wav"]
