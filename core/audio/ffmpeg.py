"""Running FFmpeg: which input it may open, what it puts out, and its end when somebody presses Stop."""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from core.audio.frames import Meter
from core.errors import Cancelled, UserError

# Containers and bare audio formats. Playlists, image sequences, text and devices are not among them: a playlist
# named .wav reads other local files otherwise, even under a protocol whitelist.
FORMATS = (
    "3gp,aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,eac3,flac,flv,m4a,matroska,mov,mp3,mp4,mpc,mpc8,mpeg,mpegts,ogg,"
    "tta,voc,w64,wav,webm,wv"
)
SAFE_INPUT = ("-format_whitelist", FORMATS, "-protocol_whitelist", "file,pipe")
FULL = ("No space left on device", "Disk quota exceeded", "File too large")  # in a complaint
_LOOK_S = 0.25  # how often Stop is looked for while nothing comes
_PIPE_BYTES = 2**20  # what a user's pipe may hold on Linux
_GATHER_S = 0.005  # FFmpeg writes a few kB at a time; to look at each of them costs more than what is done with them


def run_ffmpeg(
    command: list[str], on_output: Callable[[memoryview], object], should_stop: Callable[[], bool] | None
) -> tuple[int, list[str]]:
    """Run FFmpeg; returns its exit code and the last lines it complained with.

    Args:
        command: the whole command line, no shell.
        on_output: called with what it writes to ``pipe:1``, in pieces as they come; a piece is gone after the call.
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
        with contextlib.suppress(OSError):  # a system may allow less, which is slower and no more
            fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        try:
            for block in _blocks(process.stdout, should_stop):
                on_output(block)
            code = process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()
            process.stdout.close()
        complaints.seek(max(0, complaints.seek(0, os.SEEK_END) - 4096))
        lines = complaints.read().decode(errors="replace").strip().splitlines()
    return code, [line[-200:] for line in lines]


def write_measured(
    inputs: list[str],
    graph: str,
    target: Path,
    meter: Meter,
    on_seconds: Callable[[float], object],
    should_stop: Callable[[], bool] | None,
    limit: Sequence[str] = (),
) -> tuple[int, list[str]]:
    """Have FFmpeg write a mono FLAC at the meter's rate and depth, and measure its samples as they go by.

    Where the format changes on the way FFmpeg begins anew and forgets a piece of what is measured: `keep_measured`
    looks whether all came.

    Args:
        inputs: options and ``-i`` of each input.
        graph: a filter graph up to the last filter, which is added here: an input's label, or filters and a comma.
        target: the FLAC.
        meter: new; what goes by is added to it.
        on_seconds: called with the seconds that went by.
        should_stop: see `run_ffmpeg`, as for what is returned and raised.
        limit: options of the output, such as ``-t``.
    """
    depth = "s32" if meter.bits > 16 else "s16"
    # In large pieces, which cost nothing.
    graph += (
        f"aformat=sample_fmts={depth}:sample_rates={meter.rate}:channel_layouts=mono,"
        "asplit[kept][same];[same]asetnsamples=n=65536:p=0[measured]"
    )
    command = [
        "ffmpeg", "-nostdin", "-v", "error", "-nostats", *inputs, "-filter_complex", graph,
        "-map", "[kept]", "-map_metadata", "-1", *limit, "-c:a", "flac", "-f", "flac", "-y", f"file:{target}",
        "-map", "[measured]", *limit, "-c:a", f"pcm_{depth}le", "-f", f"{depth}le", "pipe:1",
    ]  # fmt: skip
    return run_ffmpeg(command, lambda raw: on_seconds(meter.add(raw)), should_stop)


def _blocks(pipe: IO[bytes], should_stop: Callable[[], bool] | None) -> Iterator[memoryview]:
    """What comes through a pipe, each piece to be used before the next is asked for.

    Raises Cancelled within a moment of a stop, even if nothing comes.
    """
    room = memoryview(bytearray(_PIPE_BYTES))
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            if should_stop and should_stop():
                raise Cancelled
            if not selector.select(_LOOK_S):
                continue
            time.sleep(_GATHER_S)
            count = os.readv(pipe.fileno(), [room])
            if not count:
                return
            yield room[:count]


def no_ffmpeg() -> UserError:
    """The error that says FFmpeg is missing and how to get it."""
    return UserError(
        "audio.no_ffmpeg",
        "FFmpeg is not installed.",
        "Install it (for example: sudo apt install ffmpeg), then start Voicewright again.",
    )
