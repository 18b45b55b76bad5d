"""Decoding a media file by FFmpeg: one track of it, by the container's clock, as a mono FLAC at its own rate."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import soundfile

from core.audio.channels import Balance
from core.audio.ffmpeg import FULL, SAFE_INPUT, sample_form, write_measured
from core.audio.levels import Meter, keep_measured
from core.audio.probe import MediaInfo as MediaInfo
from core.audio.probe import probe as probe
from core.audio.samples import blocks as blocks
from core.audio.samples import read as read
from core.audio.samples import write_wav as write_wav
from core.audio.timestamps import FILL, LEAST_LEAD_S, MOST_HOLE_S, Timeline, follow, is_event, read_timeline
from core.audio.tracks import IsLanguage
from core.errors import DiskFull, UserError
from core.files import replacing

_RATE_KEPT_HZ = 192_000  # libsndfile reads FLAC up to 655,350 Hz, but nothing above this is sound
_RATE_INSTEAD_HZ = 96_000
_LOST_S, _LOST_SHARE = 0.25, 0.002  # shorter than announced by more than both: something of it is missing


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
    is_wanted: IsLanguage = lambda language: False,
    on_progress: Callable[[float, float | None], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> MediaInfo:
    """Decode a sound track of ``source``, or a part of it, to a mono FLAC of 16 or 24 bit at its own rate.

    It is on the container's clock: silence stands for what is missing before the sound or within it. Where the mix of
    two channels would lose the voice, the better one is taken. Frames are measured as samples go by, and written beside
    it. Nothing is visible at ``target`` until all of it is there. FFmpeg is killed when ``should_stop`` says so. A
    damaged file is used as far as it goes; the result's ``lost_of_s`` tells.

    Args:
        source: any file; formats other than audio and video containers are refused.
        target: ends in ``.flac``.
        max_hours: longer sources are refused, by their header or when decoding passes it.
        name: what the person calls the file, for errors.
        start_s: where the part begins.
        end_s: where it ends; None is the end of the file.
        is_wanted: which languages are, see `probe`.
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
    label = name or source.name
    info = _part(probe(source, name=label, is_wanted=is_wanted), start_s, end_s, label)
    check_length(info, name=label, max_hours=max_hours)
    check_room(info, target.parent, label)
    limit_s = max_hours * 3600
    length_s = limit_s + 1 if end_s is None else min(limit_s + 1, end_s - start_s)
    seek_s = max(0.0, start_s - info.shift_s)
    inputs = [*SAFE_INPUT, *(("-ss", f"{seek_s:.3f}") if seek_s else ()), "-i", f"file:{source}"]
    decoding = _Decoding(inputs, info, length_s, on_progress, should_stop)
    with replacing(target) as temporary:
        decoding.run(temporary)
        lead_s = _lead(decoding, max(0.0, info.shift_s - start_s))
        channel, reason = decoding.balance.single() if decoding.balance else (None, "")
        if lead_s != info.lead_s or channel is not None:  # known only now, and seldom so
            better = replace(info, lead_s=lead_s, channel=channel)
            decoding = _Decoding(inputs, better, length_s, on_progress, should_stop)
            decoding.run(temporary)
        if any(full in line for line in decoding.complaints for full in FULL):
            raise no_room(label)
        output = _output_info(temporary)
        # A negative code is a signal: it was killed, which says nothing about the file.
        if decoding.code < 0 or output is None:
            raise _decode_error(label, decoding.complaints)
        if output.seconds is not None and output.seconds > limit_s:
            raise too_long(label, max_hours)
    keep_measured(target, decoding.meter, should_stop)
    timeline = decoding.timeline
    return replace(
        output,
        lost_of_s=_lost_of(info, output, bool(decoding.code or decoding.complaints), timeline),
        track=info.track,
        tracks=info.tracks,
        track_name=info.track_name,
        lead_s=lead_s,
        holes=timeline.holes,
        holes_s=timeline.holes_s,
        jump_s=timeline.jump_s if timeline.jump_s is None else timeline.jump_s + lead_s,
        channel=channel,
        channel_reason=reason,
    )


class _Decoding:
    """One run of FFmpeg over a file: what it writes, measures and says."""

    def __init__(
        self,
        inputs: list[str],
        info: MediaInfo,
        length_s: float,
        on_progress: Callable[[float, float | None], None] | None,
        should_stop: Callable[[], bool] | None,
    ) -> None:
        self.inputs, self.info, self.length_s = inputs, info, length_s
        self.on_progress, self.should_stop = on_progress, should_stop
        rate = info.sample_rate if info.sample_rate <= _RATE_KEPT_HZ else _RATE_INSTEAD_HZ
        self.meter = Meter(rate, info.bits)
        self.balance = Balance() if info.channels == 2 and info.channel is None else None
        self.code = 0
        self.complaints: list[str] = []
        self.timeline = Timeline()

    def run(self, target: Path) -> None:
        """Write the FLAC."""
        null = f"aevalsrc=0:d={self.info.lead_s:.6f}:s={self.meter.rate}:c=mono"
        silence = ["-f", "lavfi", "-i", null] if self.info.lead_s else []
        self.code, lines = write_measured(
            [*self.inputs, *silence],
            self._graph(),
            target,
            self.meter,
            lambda done_s: self.on_progress and self.on_progress(done_s, self.info.seconds),
            self.should_stop,
            ("-t", f"{self.length_s:.3f}"),
            self.balance,
        )
        self.complaints = [line for line in lines if not is_event(line)]
        self.timeline = read_timeline(lines)

    def _graph(self) -> str:
        info = self.info
        graph = f"[0:a:{info.track}]" + (f"{follow()}," if info.is_stamped else "")
        if self.balance is not None:
            step = 4 if info.seconds is None else max(1, min(64, round(info.seconds / 100)))
            sampling = f"aselect='not(mod(n,{step}))',aformat=sample_fmts=s16:channel_layouts=stereo"
            graph += f"asplit[mix][both];[both]{sampling}[pair];[mix]"
        if info.channel is not None:
            graph += f"pan=mono|c0=c{info.channel},"
        if info.is_stamped:
            graph += f"{sample_form(self.meter)},{FILL},"
        if info.lead_s:
            # An input of its own, for that ends: filters begin anew where the format changes on the way.
            graph += f"anull[sound];[1:a]{sample_form(self.meter)}[lead];"
            graph += "[lead][sound]concat=n=2:v=0:a=1,"
        # From here on one sample follows the other: a stamp behind them, after a change of the format, costs samples.
        return graph + ("asetpts=NAN," if info.is_stamped else "")


def _lead(decoding: _Decoding, earlier_s: float) -> float:
    """How much silence belongs before the sound: as announced, or more where its first stamp says so.

    It says less in a transport stream, of which FFmpeg counts from the beginning of what it is to decode.
    """
    announced_s, first_s = decoding.info.lead_s, decoding.timeline.first_s
    is_later = first_s is not None and announced_s + LEAST_LEAD_S < first_s + earlier_s
    return first_s + earlier_s if first_s is not None and is_later and first_s <= MOST_HOLE_S else announced_s


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
    seconds = until_s - start_s if until_s < math.inf else None
    return replace(info, seconds=seconds, lead_s=max(0.0, info.lead_s - start_s))


def _lost_of(info: MediaInfo, output: MediaInfo, has_complaints: bool, timeline: Timeline) -> float | None:
    """How long the sound should have been, if less came out; FFmpeg also complains of what costs nothing.

    Holes are damage if it complains, else the file was made so. Of stamps that jump no length can be told.
    """
    if info.seconds is None or output.seconds is None or timeline.jump_s is not None:
        return None
    missing_s = info.seconds - output.seconds + (timeline.holes_s if has_complaints else 0.0)
    is_less = missing_s > max(_LOST_S, _LOST_SHARE * info.seconds)
    return info.seconds if is_less and (info.is_exact or has_complaints) else None


def clock(seconds: float) -> str:
    """``1:02:03`` or ``2:03``."""
    total = round(seconds)
    hours, minutes = divmod(total // 60, 60)
    return f"{hours}:{minutes:02}:{total % 60:02}" if hours else f"{minutes}:{total % 60:02}"


def _output_info(path: Path) -> MediaInfo | None:
    """What came out, or None if that is no sound at all."""
    try:
        info = soundfile.info(path)
    except soundfile.LibsndfileError:
        return None
    if info.frames == 0:
        return None
    bits = 24 if info.subtype == "PCM_24" else 16
    return MediaInfo(info.frames / info.samplerate, info.samplerate, 1, True, bits)


def check_room(info: MediaInfo, folder: Path, name: str) -> None:
    """FLAC of speech is about half of the plain samples; ask for all of them, and some more to breathe."""
    bytes_needed = (info.seconds or 0) * min(info.sample_rate, _RATE_KEPT_HZ) * info.bits / 8 + 100e6
    folder.mkdir(parents=True, exist_ok=True)
    room = os.statvfs(folder)
    if room.f_bavail * room.f_frsize < bytes_needed:
        raise no_room(name)


def no_room(name: str) -> DiskFull:
    """The error that there is no room for a recording; ``name`` is what a person calls it."""
    return DiskFull(
        "audio.no_room", "There is not enough room on the disk for “{name}”.", "Free some space, then try again.",
        name=name,
    )  # fmt: skip


def _decode_error(name: str, complaints: list[str]) -> UserError:
    return UserError(
        "audio.damaged",
        "“{name}” could not be decoded ({what}).",
        "Play it to the end in another program, or convert it to WAV or MP3 and add that.",
        name=name,
        what=complaints[-1] if complaints else UserError("audio.no_sound_out", "no sound came out"),
    )


def too_long(name: str, max_hours: float) -> UserError:
    """The error that a recording is longer than it may be; ``name`` is what a person calls it."""
    return UserError(
        "audio.too_long",
        "“{name}” is longer than {hours} hours.",
        "Cut it into shorter files, or raise VOICEWRIGHT_MAX_SOURCE_HOURS.",
        name=name,
        hours=f"{max_hours:g}",
    )
