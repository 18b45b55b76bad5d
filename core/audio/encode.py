"""Encoding speech while it is being made: samples in, bytes of a format that programs ask for out."""

from __future__ import annotations

import contextlib
import itertools
import os
import struct
import subprocess
import threading
from collections.abc import Iterator

import numpy as np
import soxr

from core.audio.ffmpeg import no_ffmpeg
from core.audio.samples import Samples, as_16_bit
from core.audio.synthetic import FFMPEG_OPTIONS, info_chunk
from core.errors import UserError

PCM_HZ = 24_000  # what programs take raw samples to have, for nothing in them says it
TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
_ENCODERS = {
    "mp3": ("-c:a", "libmp3lame", "-b:a", "128k", "-f", "mp3"),
    # A page of Ogg would otherwise wait for a second of sound.
    "opus": ("-c:a", "libopus", "-b:a", "64k", "-page_duration", "100000", "-f", "ogg"),
    "aac": ("-c:a", "aac", "-b:a", "96k", "-write_id3v2", "1", "-f", "adts"),
    "flac": ("-c:a", "flac", "-f", "flac"),
}
_UNKNOWN_LENGTH = 0xFFFFFFFF
_BLOCK = 1 << 16


def encode(pieces: Iterator[tuple[Samples, int]], format: str) -> Iterator[bytes]:
    """Bytes of a file, as the samples come; its metadata says that the speech is synthetic.

    Args:
        pieces: float32 mono samples in [-1, 1] and their rate in Hz, the same throughout; of none nothing is made.
        format: one of `TYPES`. ``pcm`` is 16 bit at `PCM_HZ`; a WAV says that its length is not known yet.

    Raises:
        UserError: ``audio.no_ffmpeg``, ``audio.no_encoder``. What ``pieces`` raises is raised here, after
            what was encoded before it.
    """
    begin = next(pieces, None)
    if begin is None:
        return
    first, rate = begin
    sound = itertools.chain([first], (samples for samples, _ in pieces))
    if format == "pcm":
        yield from map(as_16_bit, _resampled(sound, rate))
    elif format == "wav":
        yield _wav_header(rate)
        yield from map(as_16_bit, sound)
    else:
        yield from _by_ffmpeg(map(as_16_bit, sound), rate, format)


def _resampled(sound: Iterator[Samples], rate: int) -> Iterator[Samples]:
    if rate == PCM_HZ:
        yield from sound
        return
    stream = soxr.ResampleStream(rate, PCM_HZ, 1, dtype="float32", quality="HQ")
    for samples in sound:
        yield stream.resample_chunk(samples)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def _wav_header(rate: int) -> bytes:
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    head, data = struct.pack("<4sI4s", b"RIFF", _UNKNOWN_LENGTH, b"WAVE"), struct.pack("<4sI", b"data", _UNKNOWN_LENGTH)
    return head + fmt + info_chunk() + data


def _by_ffmpeg(raw: Iterator[bytes], rate: int, format: str) -> Iterator[bytes]:
    command = ["ffmpeg", "-v", "error", "-f", "s16le", "-ar", str(rate), "-ac", "1", "-probesize", "32", "-i", "pipe:0"]
    try:
        process = subprocess.Popen(
            [*command, *FFMPEG_OPTIONS, *_ENCODERS[format], "-flush_packets", "1", "pipe:1"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0,
        )  # fmt: skip
    except FileNotFoundError:
        raise no_ffmpeg() from None
    assert process.stdin is not None and process.stdout is not None
    stdin, errors = process.stdin, list[BaseException]()

    def feed() -> None:
        try:
            with stdin:
                for block in raw:
                    stdin.write(block)
        except BrokenPipeError:  # nobody wants the rest
            pass
        except BaseException as error:
            errors.append(error)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    try:
        while block := os.read(process.stdout.fileno(), _BLOCK):
            yield block
        feeder.join()
        if errors:
            raise errors[0]
        if process.wait():
            raise UserError(
                "audio.no_encoder",
                "FFmpeg could not write {format}: it was probably built without that.",
                "Ask for wav, or install an FFmpeg that can (such as by: sudo apt install ffmpeg).",
                format=format,
            )
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()
        process.stdout.close()
