"""Sounds made for tests."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from core.audio.options import SegmentOptions
from core.clips.cut import start_segment
from core.jobs.job import Job
from core.project.workspace import Project

Samples = npt.NDArray[np.float32]


def tone(seconds: float, rate: int = 16_000, hz: float = 440.0, dbfs: float = -12.0) -> Samples:
    """A sine of this RMS level."""
    times = np.arange(round(seconds * rate)) / rate
    return (10 ** (dbfs / 20) * np.sqrt(2) * np.sin(2 * np.pi * hz * times)).astype(np.float32)


def silence(seconds: float, rate: int = 16_000) -> Samples:
    """Nothing."""
    return np.zeros(round(seconds * rate), np.float32)


def write(path: Path, samples: npt.NDArray[np.float32], rate: int = 16_000, subtype: str = "PCM_16") -> Path:
    """Write a sound file in the format of its ending."""
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


def convert(source: Path, target: Path, *options: str) -> Path:
    """Encode a file with FFmpeg in the format of the target's ending."""
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", str(source), *options, str(target)], check=True)
    return target


def long_flac(path: Path, hours: float) -> Path:
    """A small FLAC whose header announces ``hours``: the number of samples in STREAMINFO is overwritten."""
    write(path, silence(0.5, 8000), 8000)
    data = bytearray(path.read_bytes())
    assert data[:4] == b"fLaC"
    count = round(hours * 3600 * 8000)
    data[21] = (data[21] & 0xF0) | (count >> 32)
    data[22:26] = (count & 0xFFFFFFFF).to_bytes(4, "big")
    path.write_bytes(data)
    return path


def cut_tones(project: Project, source_ids: list[str] | None = None, **options: float) -> Job:
    """Start cutting by level alone: most recordings of tests are tones, and no speech."""
    return start_segment(project, source_ids, SegmentOptions(only_speech=False, **options))  # type: ignore[arg-type]
