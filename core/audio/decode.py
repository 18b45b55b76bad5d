"""FFmpeg used safely: what is in a file, and the file as a mono FLAC at its own rate."""

from __future__ import annotations

import json
import math
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import soundfile

from core.audio.ffmpeg import FULL, SAFE_INPUT, no_ffmpeg, write_measured
from core.audio.frames import Meter, keep_measured
from core.audio.samples import blocks as blocks
from core.audio.samples import read as read
from core.audio.samples import write_wav as write_wav
from core.errors import DiskFull, UserError
from core.files import replacing

_RATE_KEPT_HZ = 192_000  # libsndfile reads FLAC up to 655,350 Hz, but nothing above this is sound
_RATE_INSTEAD_HZ = 96_000
_PROBE_TIMEOUT_S = 60.0
_LOST_S, _LOST_SHARE = 0.25, 0.002  # shorter than announced by more than both: something of it is missing


@dataclass(frozen=True)
class MediaInfo:
    """What a file holds. ``seconds`` is None where the container does not say; ``bits`` is 16 or 24.

    ``is_exact`` says whether ``seconds`` is the length of its sound and no estimate. Of what was decoded, ``lost_of_s``
    is how long it would have been had the file not been damaged; None if it was not.
    """

    seconds: float | None
    sample_rate: int
    channels: int
    codec: str
    has_audio: bool
    bits: int = 16
    is_exact: bool = False
    lost_of_s: float | None = None


def probe(path: Path, *, name: str = "") -> MediaInfo:
    """What a media file holds, without decoding it.

    Args:
        path: the file.
        name: what the person calls it, for the error.

    Raises:
        UserError: ``audio.empty``, ``audio.not_audio`` (not a media file, or a playlist), ``audio.cut_short`` (the list
            of what is in it is missing), ``audio.no_ffmpeg``.
    """
    shown = name or path.name
    if path.stat().st_size == 0:
        raise UserError("audio.empty", "“{name}” is empty.", "Copy or download it again.", name=shown)
    entries = (
        "stream=codec_name,codec_type,sample_rate,channels,bits_per_raw_sample,bits_per_sample,duration:format=duration"
    )
    command = ["ffprobe", "-v", "warning", *SAFE_INPUT, "-show_entries", entries, "-of", "json", f"file:{path}"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PROBE_TIMEOUT_S)
    except FileNotFoundError:
        raise no_ffmpeg() from None
    except subprocess.TimeoutExpired:
        raise _not_audio(shown) from None
    if done.returncode != 0:
        raise _cut_short(shown) if b"moov atom not found" in done.stderr else _not_audio(shown)
    found = json.loads(done.stdout or b"{}")
    streams = [stream for stream in found.get("streams", []) if stream.get("codec_type") == "audio"]
    if not streams:
        return MediaInfo(_seconds(found.get("format", {})), 0, 0, "", False)
    stream = streams[0]
    own_s = _seconds(stream)
    alone = len(found["streams"]) == 1
    return MediaInfo(
        seconds=own_s or _seconds(found.get("format", {})),
        sample_rate=int(stream.get("sample_rate") or 0),
        channels=int(stream.get("channels") or 0),
        codec=str(stream.get("codec_name", "")),
        has_audio=True,
        bits=_bits(stream),
        # A picture may go on when the sound has ended.
        is_exact=(alone or own_s is not None) and b"Estimating duration" not in done.stderr,
    )


def _seconds(part: dict[str, Any]) -> float | None:
    try:
        seconds = float(part["duration"])
    except (KeyError, ValueError):
        return None
    return seconds if seconds > 0 else None


def _bits(stream: dict[str, Any]) -> int:
    """24 for lossless sound deeper than 16 bit; lossy codecs have no depth of their own."""
    said = (str(stream.get(key, "")) for key in ("bits_per_raw_sample", "bits_per_sample"))
    return 24 if max(int(value) if value.isdigit() else 0 for value in said) > 16 else 16


def check_length(info: MediaInfo, *, name: str, max_hours: float) -> None:
    """Refuse what has no sound or is announced as longer than allowed, before anything is decoded.

    Raises:
        UserError: ``audio.no_sound``, ``audio.too_long``.
    """
    if not info.has_audio or info.sample_rate <= 0:
        raise UserError(
            "audio.no_sound", "“{name}” has no sound in it.", "Choose a file with a voice recording.", name=name
        )
    if info.seconds is not None and info.seconds > max_hours * 3600:
        raise too_long(name, max_hours)


def decode_to_flac(
    source: Path,
    target: Path,
    *,
    max_hours: float,
    name: str = "",
    start_s: float = 0.0,
    end_s: float | None = None,
    on_progress: Callable[[float, float | None], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> MediaInfo:
    """Decode the first audio track of ``source``, or a part of it, to a mono FLAC of 16 or 24 bit at its own rate.

    Its frames are measured as its samples go by, and written beside it. Nothing is visible at ``target`` until all of
    it is there. FFmpeg is killed when ``should_stop`` says so. A damaged file is used as far as it goes; the result's
    ``lost_of_s`` tells.

    Args:
        source: any file; formats other than audio and video containers are refused.
        target: ends in ``.flac``.
        max_hours: longer sources are refused, by their header or when decoding passes it.
        name: what the person calls the file, for errors.
        start_s: where the part begins.
        end_s: where it ends; None is the end of the file.
        on_progress: called with (decoded seconds, seconds in all or None).
        should_stop: asked several times a second.

    Returns:
        What was written: its exact length, rate and depth.

    Raises:
        UserError: ``audio.damaged`` (nothing of it could be used), ``audio.no_part``, ``audio.too_long``, and those of
            `probe` and `check_length`.
        DiskFull: ``audio.no_room``.
        Cancelled: stopped; nothing is left behind.
    """
    shown = name or source.name
    info = _part(probe(source, name=shown), start_s, end_s, shown)
    check_length(info, name=shown, max_hours=max_hours)
    check_room(info, target.parent, shown)
    limit_s = max_hours * 3600
    length_s = limit_s + 1 if end_s is None else min(limit_s + 1, end_s - start_s)
    rate = info.sample_rate if info.sample_rate <= _RATE_KEPT_HZ else _RATE_INSTEAD_HZ
    meter = Meter(rate, info.bits)

    inputs = [*SAFE_INPUT, *(("-ss", f"{start_s:.3f}") if start_s else ()), "-i", f"file:{source}"]
    with replacing(target) as temporary:
        code, complaints = write_measured(
            inputs,
            "[0:a:0]",
            temporary,
            meter,
            lambda done_s: on_progress and on_progress(done_s, info.seconds),
            should_stop,
            ("-t", f"{length_s:.3f}"),
        )
        if any(full in line for line in complaints for full in FULL):
            raise no_room(shown)
        written = _written(temporary)
        # A negative code is a signal: it was killed, which says nothing about the file.
        if code < 0 or written is None:
            raise _damaged(shown, complaints)
        if written.seconds is not None and written.seconds > limit_s:
            raise too_long(shown, max_hours)
    keep_measured(target, meter, should_stop)
    return replace(written, lost_of_s=_lost_of(info, written, bool(code or complaints)))


def _part(info: MediaInfo, start_s: float, end_s: float | None, name: str) -> MediaInfo:
    """What is known of a part of a file before it is decoded."""
    if not start_s and end_s is None:
        return info
    until_s = min(end_s if end_s is not None else math.inf, info.seconds or math.inf)
    if start_s < 0 or until_s <= start_s:
        raise UserError(
            "audio.no_part",
            "“{name}” has no sound between {start} and {end}.",
            "Choose a start before the end, both within its length of {length}.",
            name=name,
            start=clock(start_s),
            end=clock(end_s) if end_s is not None else "…",
            length=clock(info.seconds) if info.seconds else "?",
        )
    return replace(info, seconds=until_s - start_s if until_s < math.inf else None)


def _lost_of(info: MediaInfo, written: MediaInfo, complained: bool) -> float | None:
    """How long the sound should have been, if less came out; FFmpeg also complains of what costs nothing."""
    if info.seconds is None or written.seconds is None:
        return None
    missing_s = info.seconds - written.seconds
    is_less = missing_s > max(_LOST_S, _LOST_SHARE * info.seconds)
    return info.seconds if is_less and (info.is_exact or complained) else None


def clock(seconds: float) -> str:
    """``1:02:03`` or ``2:03``."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def _written(path: Path) -> MediaInfo | None:
    """What came out, or None if that is no sound at all."""
    try:
        info = soundfile.info(path)
    except soundfile.LibsndfileError:
        return None
    if info.frames == 0:
        return None
    bits = 24 if info.subtype == "PCM_24" else 16
    return MediaInfo(info.frames / info.samplerate, info.samplerate, 1, "flac", True, bits)


def check_room(info: MediaInfo, folder: Path, name: str) -> None:
    """FLAC of speech is about half of the plain samples; ask for all of them, and some more to breathe."""
    needed = (info.seconds or 0) * min(info.sample_rate, _RATE_KEPT_HZ) * info.bits / 8 + 100e6
    folder.mkdir(parents=True, exist_ok=True)
    room = os.statvfs(folder)
    if room.f_bavail * room.f_frsize < needed:
        raise no_room(name)


def no_room(name: str) -> DiskFull:
    return DiskFull(
        "audio.no_room", "There is not enough room on the disk for “{name}”.", "Free some space, then try again.",
        name=name,
    )  # fmt: skip


def _damaged(name: str, complaints: list[str]) -> UserError:
    return UserError(
        "audio.damaged",
        "“{name}” could not be decoded ({what}).",
        "Play it to the end in another program, or convert it to WAV or MP3 and add that.",
        name=name,
        what=complaints[-1] if complaints else "no sound came out",
    )


def _cut_short(name: str) -> UserError:
    return UserError(
        "audio.cut_short",
        "“{name}” is incomplete: its end is missing, and with it the list of what is in the file.",
        "Copy, download or export it again; a part of such a file cannot be read.",
        name=name,
    )


def _not_audio(name: str) -> UserError:
    return UserError(
        "audio.not_audio",
        "“{name}” is not an audio or video file.",
        "Choose a recording such as WAV, MP3, M4A, FLAC, OGG, MP4 or MKV.",
        name=name,
    )


def too_long(name: str, max_hours: float) -> UserError:
    return UserError(
        "audio.too_long",
        "“{name}” is longer than {hours} hours.",
        "Cut it into shorter files, or raise VOICEWRIGHT_MAX_SOURCE_HOURS.",
        name=name,
        hours=f"{max_hours:g}",
    )
