"""The lights of a recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.audio.quality import quality

RATE = 16_000


def _write(path: Path, loudness: float, noise: float, clip_at: float = 1.0) -> Path:
    """A second of tone, a second of room, five times over."""
    random = np.random.default_rng(0)
    tone = loudness * np.sin(2 * np.pi * 220 * np.arange(RATE) / RATE)
    samples = np.tile(np.concatenate([tone, np.zeros(RATE)]), 5) + noise * random.standard_normal(10 * RATE)
    soundfile.write(path, np.clip(samples, -clip_at, clip_at), RATE)
    return path


@pytest.mark.parametrize(
    ("loudness", "noise", "lights"),
    [
        (0.3, 0.0005, ("good", "good", "good")),
        (0.005, 0.00005, ("bad", "good", "good")),
        (0.3, 0.1, ("good", "bad", "good")),
        (3.0, 0.0005, ("good", "good", "bad")),
    ],
)
def test_each_fault_has_its_light(tmp_path: Path, loudness: float, noise: float, lights: tuple[str, str, str]) -> None:
    found = quality(_write(tmp_path / "recording.flac", loudness, noise))
    assert (found.level, found.noise, found.clipping) == lights


def test_silence_is_too_quiet_and_breaks_nothing(tmp_path: Path) -> None:
    assert quality(_write(tmp_path / "silent.flac", 0.0, 0.0)).level == "bad"
