"""Running FFmpeg: which input it may open, its progress, and its end when somebody presses Stop."""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from typing import IO

from core.errors import Cancelled, UserError

# Containers and bare audio formats. Playlists, image sequences, text and devices are not among them: a playlist
# named .wav reads other local files otherwise, even under a protocol whitelist.
FORMATS = (
    "3gp,aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,eac3,flac,flv,m4a,matroska,mov,mp3,mp4,mpc,mpc8,mpeg,mpegts,ogg,"
    "tta,voc,w64,wav,webm,wv"
)
SAFE_INPUT = ("-format_whitelist", FORMATS, "-protocol_whitelist", "file,pipe")
FULL = ("No space left on device", "Disk quota exceeded", "File too large")  # in a complaint
LOOK_S = 0.25  # how often FFmpeg reports and Stop is looked for


def run_ffmpeg(
    command: list[str], on_seconds: Callable[[float], object], should_stop: Callable[[], bool] | None
) -> tuple[int, list[str]]:
    """Run FFmpeg with ``-progress pipe:1``; returns its exit code and the last lines it complained with.

    Args:
        command: the whole command line, no shell.
        on_seconds: called with the seconds written so far.
        should_stop: asked several times a second; on True FFmpeg is killed.

    Raises:
        Cancelled: stopped.
        UserError: ``audio.no_ffmpeg``.
    """
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints, bufsize=0
            )
        except FileNotFoundError:
            raise no_ffmpeg() from None
        assert process.stdout is not None
        try:
            for line in _lines(process.stdout, should_stop):
                key, _, value = line.partition("=")
                if key == "out_time_us" and value.lstrip("-").isdigit():
                    on_seconds(max(0, int(value)) / 1e6)
            code = process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()
            process.stdout.close()
        complaints.seek(max(0, complaints.seek(0, os.SEEK_END) - 4096))
        lines = complaints.read().decode(errors="replace").strip().splitlines()
    return code, [line[-200:] for line in lines]


def _lines(pipe: IO[bytes], should_stop: Callable[[], bool] | None) -> Iterator[str]:
    """Lines of a pipe as they come; raises Cancelled within a moment of a stop, even if nothing comes."""
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            if should_stop and should_stop():
                raise Cancelled
            if not selector.select(LOOK_S):
                continue
            block = os.read(pipe.fileno(), 65_536)
            if not block:
                return
            *lines, rest = (rest + block).split(b"\n")
            yield from (line.decode(errors="replace").strip() for line in lines)


def no_ffmpeg() -> UserError:
    """The error that says FFmpeg is missing and how to get it."""
    return UserError(
        "audio.no_ffmpeg",
        "FFmpeg is not installed.",
        "Install it (for example: sudo apt install ffmpeg), then start Voicewright again.",
    )
