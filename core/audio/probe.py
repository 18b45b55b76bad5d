"""Media probe (ffprobe): what a file holds, without decoding it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.audio.ffmpeg import SAFE_INPUT, no_ffmpeg
from core.audio.timestamps import LEAST_LEAD_S, MOST_HOLE_S
from core.audio.tracks import IsLanguage, choose_track, describe_track
from core.errors import UserError

_PROBE_TIMEOUT_S = 60.0
# Containers whose zero means something: other stamps (of transport streams, say) start anywhere.
_ABSOLUTE = ("mov", "matroska")
_MOST_ABSOLUTE_S = 60.0  # a piece of a longer stream begins later than that, and nobody counts from its beginning
# Their length is reckoned from the first and the last stamp, which says nothing where stamps begin anew between them.
_BITRATE_FORMATS, _LEAST_BYTES_S = ("mpegts", "mpeg"), 1000
# Nothing but samples: FFmpeg counts their times itself, and need not follow them.
_FRAME_FORMATS = ("mp3", "wav", "w64", "aiff", "au", "voc", "aac", "ac3", "eac3", "dts", "amr")
_ENTRIES = (
    "stream=codec_type,sample_rate,channels,bits_per_raw_sample,bits_per_sample,start_time,duration"
    ":stream_disposition:stream_tags=language,title:format=format_name,start_time,duration"
)


@dataclass(frozen=True)
class MediaInfo:
    """What a file holds. ``seconds`` is None where the container does not say; ``bits`` is 16 or 24.

    ``track`` of ``tracks`` sound tracks is the one to take, ``track_name`` what the file calls it. Its sound begins at
    ``lead_s`` by the container's clock, whose zero FFmpeg reckons ``shift_s`` too early. ``is_stamped`` says whether
    it has such a clock, or its times are only counted from its samples. ``is_exact`` says whether ``seconds`` is the
    length of its sound and no estimate.

    Of what was decoded: ``lost_of_s`` is how long it would have been had the file not been damaged, None if it was not.
    Of its time ``holes_s`` are silence in the place of ``holes`` missing pieces. ``jump_s`` is where its time stamps
    could not be followed any more, None if they could; ``channel`` is which of two was taken alone, None for both, and
    ``channel_reason`` why: ``inverted`` or ``silent``.
    """

    seconds: float | None
    sample_rate: int
    channels: int
    has_audio: bool
    bits: int = 16
    is_exact: bool = False
    lost_of_s: float | None = None
    track: int = 0
    tracks: int = 1
    track_name: str = ""
    lead_s: float = 0.0
    shift_s: float = 0.0
    is_stamped: bool = True
    holes: int = 0
    holes_s: float = 0.0
    jump_s: float | None = None
    channel: int | None = None
    channel_reason: str = ""


def probe(path: Path, *, name: str = "", is_wanted: IsLanguage = lambda language: False) -> MediaInfo:
    """What a media file holds, without decoding it.

    Args:
        path: the file.
        name: what the person calls it, for the error.
        is_wanted: whether a language is the project's; of several sound tracks, none the default, its own is taken.

    Raises:
        UserError: ``audio.empty``, ``audio.not_audio`` (not a media file, or a playlist), ``audio.cut_short`` (the list
            of what is in it is missing), ``audio.no_ffmpeg``.
    """
    label = name or path.name
    if path.stat().st_size == 0:
        raise UserError("audio.empty", "“{name}” is empty.", "Copy or download it again.", name=label)
    command = ["ffprobe", "-v", "warning", *SAFE_INPUT, "-show_entries", _ENTRIES, "-of", "json", f"file:{path}"]
    try:
        process = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PROBE_TIMEOUT_S)
    except FileNotFoundError:
        raise no_ffmpeg() from None
    except subprocess.TimeoutExpired:
        raise _not_audio(label) from None
    if process.returncode != 0:
        raise _cut_short(label) if b"moov atom not found" in process.stderr else _not_audio(label)
    media = json.loads(process.stdout or b"{}")
    container = media.get("format", {})
    streams = [stream for stream in media.get("streams", []) if stream.get("codec_type") == "audio"]
    if not streams:
        return MediaInfo(_seconds(container), 0, 0, False)
    track = choose_track(streams, is_wanted)
    stream = streams[track]
    own_s = _seconds(stream)
    is_only_stream = len(media["streams"]) == 1
    lead_s, shift_s = _lead(stream, container)
    whole_s = _seconds(container)
    if str(container.get("format_name")) in _BITRATE_FORMATS and (whole_s or 0) > path.stat().st_size / _LEAST_BYTES_S:
        own_s = whole_s = None
    return MediaInfo(
        seconds=own_s + lead_s if own_s else whole_s,
        sample_rate=int(stream.get("sample_rate") or 0),
        channels=int(stream.get("channels") or 0),
        has_audio=True,
        bits=_bits(stream),
        # A picture may go on when the sound has ended.
        is_exact=(is_only_stream or own_s is not None) and b"Estimating duration" not in process.stderr,
        track=track,
        tracks=len(streams),
        track_name=describe_track(stream),
        lead_s=lead_s,
        shift_s=shift_s,
        is_stamped=str(container.get("format_name")) not in _FRAME_FORMATS,
    )


def _lead(stream: dict[str, Any], container: dict[str, Any]) -> tuple[float, float]:
    """Where the sound begins by the container's clock, and where that clock's zero lies before FFmpeg's.

    FFmpeg counts from the first thing there is; so do players of transport streams. A film whose sound and picture
    both begin late has begun before them.
    """
    begin_s, own_s = _number(container, "start_time"), _number(stream, "start_time")
    is_absolute = str(container.get("format_name", "")).startswith(_ABSOLUTE)
    shift_s = begin_s if is_absolute and LEAST_LEAD_S < begin_s <= _MOST_ABSOLUTE_S else 0.0
    lead_s = own_s - begin_s + shift_s
    # A stamp beyond the end is damaged.
    within = LEAST_LEAD_S < lead_s <= max(MOST_HOLE_S, _number(container, "duration"))
    return (lead_s if within else 0.0), shift_s


def _number(part: dict[str, Any], key: str) -> float:
    try:
        return float(part.get(key) or 0.0)
    except ValueError:
        return 0.0


def _seconds(part: dict[str, Any]) -> float | None:
    seconds = _number(part, "duration")
    return seconds if seconds > 0 else None


def _bits(stream: dict[str, Any]) -> int:
    """24 for lossless sound deeper than 16 bit; lossy codecs have no depth of their own."""
    depths = (str(stream.get(key, "")) for key in ("bits_per_raw_sample", "bits_per_sample"))
    return 24 if max(int(value) if value.isdigit() else 0 for value in depths) > 16 else 16


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
