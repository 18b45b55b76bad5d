"""Synthetic speech in files: what their metadata says, so that whoever gets one can tell it from a recording."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import soundfile

import core
from core.audio.samples import Samples
from core.files import write_atomic

COMMENT = "Synthetic speech: a computer-made voice spoke this, not a person."
SOFTWARE = f"Voicewright {core.__version__}"
FFMPEG_OPTIONS = ("-metadata", f"comment={COMMENT}", "-metadata", f"encoded_by={SOFTWARE}")


def write_speech(path: Path, samples: Samples, rate: int) -> None:
    """As `core.audio.samples.write_wav`, for what a voice has spoken: the file says so."""
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", rate, 1, subtype="PCM_16", format="WAV") as file:
        file.comment, file.software = COMMENT, SOFTWARE  # before the samples, so that they stand in front
        file.write(np.clip(samples, -1.0, 1.0))
    write_atomic(path, buffer.getbuffer())


def info_chunk() -> bytes:
    """The same as the ``LIST`` chunk of a WAV that is written by hand."""
    fields = b""
    for name, text in ((b"ICMT", COMMENT), (b"ISFT", SOFTWARE)):
        value = text.encode() + b"\0"
        fields += struct.pack("<4sI", name, len(value)) + value + b"\0" * (len(value) % 2)
    return struct.pack("<4sI4s", b"LIST", 4 + len(fields), b"INFO") + fields
