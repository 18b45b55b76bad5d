"""The outline of a recording."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from core.audio.levels import Frames, frames_file
from core.audio.waveform import peaks
from tests.audio.sounds import silence, tone, write


def test_the_outline_shows_where_it_is_loud_and_how_loud(tmp_path: Path) -> None:
    path = write(tmp_path / "in.flac", np.concatenate([silence(1), tone(1, dbfs=-9.03), silence(2)]))
    outline = peaks(path, 40)
    assert outline.shape == (40, 2) and outline.dtype == np.float32
    assert not outline[:10].any() and not outline[20:].any()
    np.testing.assert_allclose(outline[10:20, 1], 0.5, atol=0.01)
    np.testing.assert_allclose(outline[10:20, 0], -0.5, atol=0.01)


def test_a_click_is_seen_in_any_width(tmp_path: Path) -> None:
    samples = silence(60)
    samples[500_000] = -0.9
    path = write(tmp_path / "in.flac", samples)
    for buckets in (10, 333, 2000, 100_000):
        assert peaks(path, buckets)[:, 0].min() == pytest.approx(-0.9, abs=0.01)
    assert len(peaks(path, 100_000)) == 6000


def test_a_piece_can_be_looked_at(tmp_path: Path) -> None:
    path = write(tmp_path / "in.flac", np.concatenate([silence(10), tone(1), silence(10)]))
    assert peaks(path, 50, 10, 11)[:, 1].min() > 0.2 and not peaks(path, 50, 0, 9.9).any()


def test_painting_reads_only_the_small_file(tmp_path: Path) -> None:
    path = write(tmp_path / "in.flac", tone(3))
    outline = peaks(path, 10)
    assert frames_file(path).exists()
    path.unlink()
    np.testing.assert_array_equal(peaks(path, 10), outline)


def test_ten_hours_are_outlined_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 3_600_000
    high = np.random.default_rng(1).integers(0, 127, count).astype(np.int8)
    whole = Frames(np.zeros(count, np.float16), -high, high, 0.01, count / 100)
    monkeypatch.setattr("core.audio.waveform.frames", lambda _: whole)
    began = time.process_time()
    assert peaks(tmp_path / "in.flac", 2000).shape == (2000, 2)
    assert time.process_time() - began < 0.3
