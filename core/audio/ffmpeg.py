"""Running FFmpeg: which input it may open, what it puts out, and its end when somebody presses Stop."""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from core.audio.channels import Balance
from core.audio.levels import Meter
from core.audio.timestamps import is_event
from core.errors import Cancelled, UserError

# Containers and bare audio formats. Playlists, image sequences, text and devices are not among them: a playlist
# named .wav reads other local files otherwise, even under a protocol whitelist.
FORMATS = (
    "3gp,aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,eac3,flac,flv,m4a,matroska,mov,mp3,mp4,mpc,mpc8,mpeg,mpegts,ogg,"
    "tta,voc,w64,wav,webm,wv"
)
SAFE_INPUT = ("-format_whitelist", FORMATS, "-protocol_whitelist", "file,pipe")
FULL = ("No space left on device", "Disk quota exceeded", "File too large")  # in a complaint
# FFmpeg would close any hole of more than 10 s in a transport stream without a word.
_FOLLOW_STAMPS = ("-dts_delta_threshold", "1000000")
_LOOK_S = 0.25  # how often Stop is looked for while nothing comes
_PIPE_BYTES = 2**20  # what a user's pipe may hold on Linux
_LINES = 40  # of complaints, the last ones
_GATHER_S = 0.005  # FFmpeg writes a few kB at a time; to look at each of them costs more than what is done with them


def run_ffmpeg(
    command: list[str],
    on_output: Callable[[memoryview], object],
    should_stop: Callable[[], bool] | None,
    pipes: Mapping[int, tuple[int, Callable[[memoryview], object]]] | None = None,
) -> tuple[int, list[str]]:
    """Run FFmpeg; returns its exit code and the last lines it complained with, after all that its filters printed.

    Args:
        command: the whole command line, no shell.
        on_output: called with what it writes to ``pipe:1``, in pieces as they come; a piece is gone after the call.
        should_stop: asked several times a second; on True FFmpeg is killed.
        pipes: further pipes the command writes to: their writing end (which is closed here) to the reading end and
            what is called with what comes.

    Raises:
        Cancelled: stopped.
        UserError: ``audio.no_ffmpeg``.
    """
    pipes = pipes or {}
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints, bufsize=0,
                pass_fds=tuple(pipes),
            )  # fmt: skip
        except FileNotFoundError:
            raise no_ffmpeg() from None
        finally:
            for writing in pipes:
                os.close(writing)
        assert process.stdout is not None
        receivers = {process.stdout.fileno(): on_output, **dict(pipes.values())}
        for pipe in receivers:
            with contextlib.suppress(OSError):  # a system may allow less, which is slower and no more
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        try:
            for pipe, block in _blocks(tuple(receivers), should_stop):
                receivers[pipe](block)
            code = process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()
            process.stdout.close()
        complaints.seek(0)
        events: list[str] = []
        last: deque[str] = deque(maxlen=_LINES)
        for raw in complaints:
            line = raw.decode(errors="replace").strip()[-200:]
            if is_event(line):
                events.append(line)
            elif line:
                last.append(line)
    return code, [*events, *last]


def write_measured(
    inputs: list[str],
    graph: str,
    target: Path,
    meter: Meter,
    on_seconds: Callable[[float], object],
    should_stop: Callable[[], bool] | None,
    limit: Sequence[str] = (),
    balance: Balance | None = None,
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
        balance: told samples of both channels, which the graph gives as ``[pair]``.
    """
    depth = _depth(meter)
    # In large pieces, which cost nothing.
    graph += f"{sample_form(meter)},asplit[kept][same];[same]asetnsamples=n=65536:p=0[measured]"
    command = [
        "ffmpeg", "-nostdin", "-v", "error", "-nostats", *_FOLLOW_STAMPS, *inputs, "-filter_complex", graph,
        "-map", "[kept]", "-map_metadata", "-1", *limit, "-c:a", "flac", "-f", "flac", "-y", f"file:{target}",
        "-map", "[measured]", *limit, "-c:a", f"pcm_{depth}le", "-f", f"{depth}le", "pipe:1",
    ]  # fmt: skip
    on_output = lambda raw: on_seconds(meter.add(raw))  # noqa: E731
    if balance is None:
        return run_ffmpeg(command, on_output, should_stop)
    reading, writing = os.pipe()
    try:
        pair = ["-map", "[pair]", *limit, "-c:a", "pcm_s16le", "-f", "s16le", f"pipe:{writing}"]
        return run_ffmpeg([*command, *pair], on_output, should_stop, {writing: (reading, balance.add_raw)})
    finally:
        os.close(reading)


def sample_form(meter: Meter) -> str:
    """The filter that gives samples as a meter and its FLAC want them: mono, at their rate and depth."""
    return f"aformat=sample_fmts={_depth(meter)}:sample_rates={meter.rate}:channel_layouts=mono"


def _depth(meter: Meter) -> str:
    return "s32" if meter.bits > 16 else "s16"


def _blocks(pipes: Sequence[int], should_stop: Callable[[], bool] | None) -> Iterator[tuple[int, memoryview]]:
    """What comes through pipes, each piece to be used before the next is asked for.

    Raises Cancelled within a moment of a stop, even if nothing comes.
    """
    room = memoryview(bytearray(_PIPE_BYTES))
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            if should_stop and should_stop():
                raise Cancelled
            ready = selector.select(_LOOK_S)
            if ready:
                time.sleep(_GATHER_S)
            for key, _ in ready:
                count = os.readv(key.fd, [room])
                if count:
                    yield key.fd, room[:count]
                else:
                    selector.unregister(key.fd)


def no_ffmpeg() -> UserError:
    """The error that says FFmpeg is missing and how to get it."""
    return UserError(
        "audio.no_ffmpeg",
        "FFmpeg is not installed.",
        "Install it (for example: sudo apt install ffmpeg), then start Voicewright again.",
    )
