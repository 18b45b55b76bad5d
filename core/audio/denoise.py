"""Denoising: a copy of a recording without its steady noise (FFmpeg's afftdn), as long as it to the sample."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from core.audio.decode import MediaInfo, check_room, no_room
from core.audio.ffmpeg import FULL, SAFE_INPUT, no_ffmpeg, write_measured
from core.audio.levels import Meter, frames, frames_file, keep_measured
from core.audio.samples import Samples, read, write_wav
from core.audio.vad import speech_file
from core.errors import UserError
from core.files import replacing

STRENGTHS = {"gentle": 10.0, "strong": 24.0}  # dB that the noise is lowered by, at most
_SAMPLE_S = 4.0  # of noise, from which the filter learns how it sounds
_LEAST_SAMPLE_S = 0.3
_LEAST_RUN = 12  # frames of 10 ms: shorter quiet lies between two sounds of a word
_ABOVE_QUIETEST_DB = 4.0
_QUIET_PERCENTILE = 10
_INAUDIBLE_DBFS = -78.0
_BELOW_SPEECH_DB = 10.0
_ABOVE_NOISE_DB = 3.0  # noise wavers; its floor is set this far above its mean


def denoise(
    recording: Path,
    target: Path,
    *,
    strength: str,
    name: str,
    on_progress: Callable[[float, float], object] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> float:
    """Write the cleaned copy of a recording, with its frames beside it.

    The filter first hears the quietest stretches of the recording, so that it knows this room's noise.

    Args:
        recording: a mono FLAC with its frames beside it.
        target: ends in ``.flac``.
        strength: see `STRENGTHS`.
        name: what the person calls the recording, for errors.
        on_progress: called with (seconds done, seconds in all).
        should_stop: asked several times a second.

    Returns:
        by how many dB the quietest stretches became quieter.

    Raises:
        UserError: ``clean.no_noise``, ``clean.failed``.
        DiskFull: ``audio.no_room``.
        Cancelled: stopped; nothing is left behind.
    """
    info = soundfile.info(recording)
    bits = 24 if info.subtype == "PCM_24" else 16
    check_room(MediaInfo(info.duration, info.samplerate, 1, True, bits), target.parent, name)
    noise, noise_dbfs = _noise_of(recording, name)
    delay = _delay(info.samplerate)
    with tempfile.TemporaryDirectory(prefix=".tmp-", dir=target.parent) as folder, replacing(target) as temporary:
        sample = Path(folder) / "noise.wav"
        write_wav(sample, noise, info.samplerate)
        first = len(noise) + delay
        graph = (
            f"[1:a]apad=pad_len={delay}[padded];[0:a][padded]concat=n=2:v=0:a=1,"
            f"asendcmd=c='0.0 afftdn sn start; {len(noise) / info.samplerate - 0.05:.3f} afftdn sn stop',"
            f"{_filter(strength, noise_dbfs)},atrim=start_sample={first}:end_sample={first + info.frames},"
            "asetpts=N/SR/TB,"
        )
        inputs = [*SAFE_INPUT, "-i", f"file:{sample}", *SAFE_INPUT, "-i", f"file:{recording}"]
        meter = Meter(info.samplerate, bits)
        code, complaints = write_measured(
            inputs,
            graph,
            temporary,
            meter,
            lambda done_s: on_progress and on_progress(min(done_s, info.duration), info.duration),
            should_stop,
        )
        if any(full in line for line in complaints for full in FULL):
            raise no_room(name)
        if code or soundfile.info(temporary).frames != info.frames:
            raise UserError(
                "clean.failed",
                "The noise of “{name}” could not be taken away ({what}).",
                "The recording is as it was; go on with it.",
                name=name,
                what=complaints[-1] if complaints else UserError("clean.other_length", "FFmpeg gave another length"),
            )
        # What was measured of an earlier copy would be taken for the new one's.
        for stale in (frames_file(target), speech_file(target)):
            stale.unlink(missing_ok=True)
    keep_measured(target, meter, should_stop)
    return noise_dbfs - _level_of(frames(target).dbfs)


def _filter(strength: str, noise_dbfs: float) -> str:
    floor = min(-20.0, max(-80.0, noise_dbfs + _ABOVE_NOISE_DB))
    return f"afftdn=nr={STRENGTHS[strength]:g}:nf={floor:.1f}"


def _level_of(dbfs: np.ndarray) -> float:  # type: ignore[type-arg]
    return float(np.percentile(dbfs.astype(np.float32), _QUIET_PERCENTILE))


def _noise_of(recording: Path, name: str) -> tuple[Samples, float]:
    """Some seconds of nothing but the room, one stretch after the other, and their level."""
    levels = frames(recording)
    dbfs = levels.dbfs.astype(np.float32)
    audible = dbfs[dbfs > _INAUDIBLE_DBFS]
    level = _level_of(audible) if len(audible) else _INAUDIBLE_DBFS
    quiet = (dbfs <= level + _ABOVE_QUIETEST_DB) & (dbfs > _INAUDIBLE_DBFS)
    if len(audible) and level > np.percentile(audible, 90) - _BELOW_SPEECH_DB:
        quiet[:] = False  # that is no pause: the pauses are silent, or there are none
    steps = np.flatnonzero(np.diff(np.concatenate(([False], quiet, [False])).astype(np.int8)))
    runs = sorted(zip(steps[::2], steps[1::2], strict=True), key=lambda run: run[0] - run[1])  # the longest first
    pieces: list[Samples] = []
    rate, seconds = 0, 0.0
    for first, last in runs:
        if last - first < _LEAST_RUN or seconds >= _SAMPLE_S:
            break
        # A frame less at both ends: sound begins and ends within one.
        start_s = (first + 1) * levels.frame_s
        end_s = min((last - 1) * levels.frame_s, start_s + _SAMPLE_S - seconds)
        piece, rate = read(recording, start_s, end_s)
        pieces.append(piece)
        seconds += end_s - start_s
    if seconds < _LEAST_SAMPLE_S:
        raise UserError(
            "clean.no_noise",
            "“{name}” has no steady noise that could be taken away.",
            "Nothing to do: its pauses are silent, or there are none.",
            name=name,
        )
    noise = np.concatenate(pieces)
    return noise, float(10 * np.log10(np.mean(np.square(noise)) + 1e-12))


def _delay(rate: int) -> int:
    """Samples by which the filter is late, found by a click: FFmpeg's versions differ."""
    click = np.zeros(rate // 2, np.float32)
    click[rate // 8] = 0.9
    command = [
        "ffmpeg", "-nostdin", "-v", "error", "-f", "f32le", "-ar", str(rate), "-ac", "1", "-i", "pipe:0",
        "-af", "afftdn=nr=10:nf=-80", "-f", "f32le", "pipe:1",
    ]  # fmt: skip
    try:
        process = subprocess.run(command, input=click.tobytes(), capture_output=True, timeout=60, check=True)
    except FileNotFoundError:
        raise no_ffmpeg() from None
    out = np.frombuffer(process.stdout, np.float32)
    return max(0, int(np.argmax(np.abs(out))) - rate // 8)
