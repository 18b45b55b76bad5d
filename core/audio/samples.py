"""Reading and writing sound in pieces: never a whole recording in memory."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from core.files import write_atomic

Samples = npt.NDArray[np.float32]


def blocks(path: Path, block_s: float = 10.0) -> Iterator[Samples]:
    """Yield a file as float32 mono blocks of ``block_s`` seconds, the last one shorter."""
    with soundfile.SoundFile(path) as file:
        length = max(1, round(block_s * file.samplerate))
        while len(block := file.read(length, dtype="float32", always_2d=True)):
            yield _mono(block)


def read(
    path: Path, start_s: float = 0.0, end_s: float | None = None, sample_rate: int | None = None
) -> tuple[Samples, int]:
    """Read one piece of a file by seeking to it.

    Args:
        path: any format libsndfile knows (FLAC, WAV, OGG).
        start_s: where the piece begins; clipped to the file.
        end_s: where it ends; None is the end of the file.
        sample_rate: resample to this rate in Hz; None keeps the file's.

    Returns:
        Float32 mono samples in [-1, 1], shape ``(samples,)``, and their rate.
    """
    with soundfile.SoundFile(path) as file:
        rate = int(file.samplerate)
        first = min(max(0, round(start_s * rate)), file.frames)
        last = file.frames if end_s is None else min(max(first, round(end_s * rate)), file.frames)
        file.seek(first)
        samples = _mono(file.read(last - first, dtype="float32", always_2d=True))
    if sample_rate and sample_rate != rate:
        return resample(samples, rate, sample_rate), sample_rate
    return samples, rate


def resample(samples: Samples, rate: int, target_rate: int) -> Samples:
    """Change the sample rate; returns float32 mono of shape ``(about len * wanted / rate,)``."""
    import soxr

    return np.asarray(soxr.resample(samples, rate, target_rate, "HQ"), dtype=np.float32)


def write_wav(path: Path, samples: Samples, rate: int) -> None:
    """Write mono 16 bit WAV atomically; samples outside [-1, 1] are clipped. Takes two bytes of memory a sample.

    Raises:
        OSError: with ``ENOSPC`` where there is no room.
    """
    # In memory first: libsndfile says "System error." of a full disk.
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(samples, -1.0, 1.0), rate, subtype="PCM_16", format="WAV")
    write_atomic(path, buffer.getbuffer())


def as_16_bit(samples: Samples) -> bytes:
    """Samples in [-1, 1] as 16 bit little-endian PCM without a header; those outside are clipped."""
    return np.rint(np.clip(samples, -1.0, 1.0) * 32767).astype("<i2").tobytes()


def _mono(block: npt.NDArray[np.float32]) -> Samples:
    return block[:, 0] if block.shape[1] == 1 else np.asarray(block.mean(axis=1), dtype=np.float32)
