"""Decoding warnings: what a recording lacks of its file or was chosen of it, and the note of it that stays."""

from __future__ import annotations

from core.audio.decode import MediaInfo, clock
from core.jobs.reporter import Reporter
from core.project.records import Source

PARTLY = "audio.partly"  # only a part of a damaged file
HOLES = "audio.holes"  # silence stands where pieces are missing
_LATE = "audio.late"  # followed by the seconds of silence before its sound
_JUMPS = "audio.jumps"  # followed by where: from there on it is not known what the file's clock showed
_LEAST_LATE_S = 0.5  # sooner is where the sound of any film begins
_LEAST_TOLD_S = 1.0  # of holes: less displaces nothing that a person would notice


def tell_decoding(info: MediaInfo, name: str, reporter: Reporter | None) -> str:
    """Tell what decoding met with: several tracks, channels that cancel out, damage; returns the recording's note."""
    if reporter:
        _tell_choices(info, name, reporter)
    notes = [f"{_LATE}:{info.lead_s:.2f}"] if info.lead_s >= _LEAST_LATE_S else []
    if info.jump_s is not None:
        notes.append(f"{_JUMPS}:{info.jump_s:.2f}")
    elif info.lost_of_s is not None:
        notes.append(PARTLY)
    elif info.holes_s >= _LEAST_TOLD_S:
        notes.append(HOLES)
    if reporter:
        _tell_damage(info, notes, name, reporter)
    return " ".join(notes)


def has_note(source: Source, code: str) -> bool:
    """Whether `PARTLY` or `HOLES` is noted of a recording."""
    return code in source.note.split()


def jump_of(source: Source) -> float | None:
    """From which second on times of words say nothing about a recording; None if they do throughout."""
    return _note_value(source, _JUMPS)


def lead_of(source: Source) -> float:
    """Seconds of silence before the sound of a recording, for its container's clock began earlier."""
    return _note_value(source, _LATE) or 0.0


def _note_value(source: Source, code: str) -> float | None:
    values = (note.removeprefix(f"{code}:") for note in source.note.split() if note.startswith(f"{code}:"))
    return next((float(value) for value in values), None)


def _tell_damage(info: MediaInfo, notes: list[str], name: str, reporter: Reporter) -> None:
    if info.jump_s is not None:
        reporter.warning(
            "audio.jumps",
            "The time stamps of “{name}” are damaged: at {at} they jump further than can be followed.",
            "All its sound is used. Subtitles are used up to there; recognition can write the rest.",
            name=name,
            at=clock(info.jump_s),
        )
    elif PARTLY in notes:
        reporter.warning(
            "audio.partly",
            "“{name}” is damaged: {used} of {whole} could be used.",
            "If you have an undamaged copy, remove this recording and add the copy.",
            name=name,
            used=clock((info.seconds or 0.0) - info.holes_s),
            whole=clock(info.lost_of_s or 0.0),
        )
    elif HOLES in notes:
        reporter.warning(
            "audio.holes",
            "Pieces of “{name}” are missing ({count}), {missing} in all. Silence stands for them.",
            "Texts with times still fit. If you have a whole copy, remove this recording and add the copy.",
            name=name,
            missing=clock(info.holes_s),
            count=info.holes,
        )


def _tell_choices(info: MediaInfo, name: str, reporter: Reporter) -> None:
    if info.tracks > 1:
        track = str(info.track + 1)
        reporter.warning(
            "audio.tracks",
            "“{name}” has {count} sound tracks; track {which} was taken.",
            "If the voice is in another one, save that track alone as a file and add it.",
            name=name,
            count=info.tracks,
            which=f"{track} ({info.track_name})" if info.track_name else track,
        )
    if info.channel is not None and info.channel_reason == "inverted":
        reporter.warning(
            "audio.inverted",
            "The two channels of “{name}” cancel each other out; only channel {channel} was taken (1 is the left one).",
            "Nothing to do: the voice is whole in it.",
            name=name,
            channel=info.channel + 1,
        )
    elif info.channel is not None:
        reporter.warning(
            "audio.one_channel",
            "One of the two channels of “{name}” is silent; only channel {channel} was taken (1 is the left one).",
            "Nothing to do.",
            name=name,
            channel=info.channel + 1,
        )
