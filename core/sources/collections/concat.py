"""Concatenation: many sounds into one recording, one after the other, in little memory."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

import numpy as np
import soundfile
import soxr

from core.audio.channels import Balance
from core.audio.decode import MediaInfo, check_room, decode_to_flac, no_room, too_long
from core.audio.samples import Samples
from core.errors import DiskFull, UserError
from core.files import is_full, replacing
from core.jobs.reporter import Reporter
from core.reasons import reason_of
from core.sources.collections.archive import Folder, Zip
from core.sources.collections.scan import Item, Reading

GAP_S = 0.5  # of silence between two sounds
_RATE_IF_UNKNOWN_HZ = 22_050
_BLOCK_S = 10.0
_MOST_NAMED = 40  # bad members that are named one by one; of the others how many
_READ_DIRECTLY = (".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff")  # by libsndfile: no process for each of thousands
_SILENT = 1e-4  # of full scale
_OTHER_LENGTH = re.compile(r"^data : (\d+) \(should be (\d+)\)", re.MULTILINE)  # libsndfile's word for such a WAV
_NO_LENGTH = 0x7FFFF000  # and more: what programs write that do not know it yet


@dataclass(frozen=True)
class Section:
    """Where in the joined recording an item lies."""

    item: Item
    start_s: float
    end_s: float


def join(place: Folder | Zip, target: Path, reading: Reading, reporter: Reporter, *, max_hours: float) -> list[Section]:
    """Write the sounds of a data set into one mono 16 bit FLAC with `GAP_S` between them.

    They are brought to the commonest rate. A sound that cannot be read is named and set aside; what of it was written
    before that stays between the others, in no clip.

    Returns:
        where each sound came to lie.

    Raises:
        UserError: ``collection.nothing_readable``, ``audio.too_long`` (the gaps do not count).
        DiskFull: ``audio.no_room``.
        Cancelled: stopped; nothing is left behind.
    """
    rate = reading.rate or _RATE_IF_UNKNOWN_HZ
    check_room(MediaInfo(reading.seconds, rate, 1, True), target.parent, reading.name)
    with (
        replacing(target) as temporary,
        soundfile.SoundFile(temporary, "w", rate, 1, "PCM_16", format="FLAC") as out,
    ):
        joiner = _Joiner(place, out, target.parent, reading, reporter, max_hours)
        sounds = joiner.run()
        if not sounds:
            raise UserError(
                "collection.nothing_readable",
                "No sound of “{name}” could be read.",
                "The warnings say what is wrong with each.",
                name=reading.name,
            )
    return sounds


def bad_sound(member: str, reason: Exception) -> UserError:
    """A file of a folder or zip that cannot be read, and what says so; never by a path of this computer."""
    what = reason_of(reason)
    if what.code == "reason.words":
        what = UserError("reason.words", "the program says “{words}”", words=_reason(reason)[-160:])
    return UserError(
        "collection.bad_sound",
        "“{member}” could not be read and was left out ({what}).",
        "Listen to it in another program.",
        member=member[-120:],
        what=what,
    )


def _share_there(file: IO[bytes]) -> float:
    """How much of a sound libsndfile can read, 0 to 1; leaves the file at its beginning.

    1 if it is all there, less if the header tells of more. 0 if it is no sound to libsndfile, or one whose header says
    nothing of its length, as of sound that was written while it came in: there FFmpeg goes by what is in the file.
    """
    try:
        with soundfile.SoundFile(file) as sound:
            match = _OTHER_LENGTH.search(sound.extra_info)
            if match and int(match[1]) >= _NO_LENGTH:
                return 0.0
            return min(1.0, int(match[2]) / max(1, int(match[1]))) if match else float(sound.frames > 0)
    except soundfile.LibsndfileError:
        return 0.0
    finally:
        file.seek(0)


def _reason(error: Exception) -> str:
    """What went wrong, without the path of a file of ours."""
    if isinstance(error, soundfile.LibsndfileError):
        return str(error.error_string)
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).partition("/")[0].strip()


class _Joiner:
    def __init__(
        self,
        place: Folder | Zip,
        out: soundfile.SoundFile,
        folder: Path,
        reading: Reading,
        reporter: Reporter,
        max_hours: float,
    ) -> None:
        self.place, self.out, self.folder, self.reading, self.reporter = place, out, folder, reading, reporter
        self.rate = int(out.samplerate)
        self.max_hours = max_hours
        self.frames = 0  # written
        self.gap_frames = 0  # of these
        self.bad = 0

    def run(self) -> list[Section]:
        sounds: list[Section] = []
        items = self.reading.items
        for number, item in enumerate(items):
            self.reporter.check_stop()
            if count := self._append(item):
                end = self.frames
                sounds.append(Section(item, (end - count) / self.rate, end / self.rate))
            self.reporter.progress("join", number + 1, len(items), PurePosixPath(item.sound).name)
        if self.bad > _MOST_NAMED:
            self.reporter.warning(
                "collection.more_bad",
                "{count} more sounds of “{name}” could not be read.",
                "Look at them in another program.",
                count=self.bad - _MOST_NAMED,
                name=self.reading.name,
            )
        return sounds

    def _append(self, item: Item) -> int:
        """Write one sound, after a gap; returns its length in frames, 0 if it was set aside."""
        count, loudest = 0, 0.0
        blocks = self._blocks(item.sound)
        while True:
            try:
                if (block := next(blocks, None)) is None:
                    break
            except DiskFull:
                raise
            except (soundfile.LibsndfileError, OSError, UserError) as error:
                if is_full(error):
                    raise
                return self._set_aside(item, error)
            if not count and self.frames:
                self.gap_frames += self._write(np.zeros(round(GAP_S * self.rate), np.float32))
            loudest = max(loudest, float(np.abs(block).max(initial=0.0)))
            count += self._write(block)
        return count if loudest > _SILENT else self._set_aside(item, UserError("collection.silent", "it is silent"))

    def _write(self, block: Samples) -> int:
        self.frames += len(block)
        if self.frames - self.gap_frames > self.max_hours * 3600 * self.rate:
            raise too_long(self.reading.name, self.max_hours)
        try:
            self.out.write(np.clip(block, -1.0, 1.0))
        except (soundfile.LibsndfileError, AssertionError):  # what soundfile raises when less was written
            raise no_room(self.reading.name) from None
        return len(block)

    def _set_aside(self, item: Item, reason: Exception) -> int:
        self.bad += 1
        if self.bad <= _MOST_NAMED:
            self.reporter.set_aside(bad_sound(PurePosixPath(item.sound).name, reason))
        return 0

    def _blocks(self, sound: str) -> Iterator[Samples]:
        """A sound at the joined rate, mono, in blocks; what it is says its content, whatever its name says."""
        if sound.lower().endswith(_READ_DIRECTLY):
            with self.place.open_file(sound) as file:
                if share := _share_there(file):
                    if share < 1:
                        seconds = soundfile.info(file).duration
                        self._tell_partly(PurePosixPath(sound).name, seconds, seconds / share)
                        file.seek(0)
                    yield from self._resample(file)
                    return
        with tempfile.TemporaryDirectory(prefix=".tmp-", dir=self.folder) as folder:
            flac = Path(folder) / "sound.flac"
            name = PurePosixPath(sound).name
            with self.place.local(sound, Path(folder), self.reporter.check_stop) as path:
                stop = self.reporter.stop_requested
                info = decode_to_flac(path, flac, max_hours=self.max_hours, name=name, should_stop=stop)
            if info.lost_of_s is not None:
                self._tell_partly(name, info.seconds or 0.0, info.lost_of_s)
            with open(flac, "rb") as file:
                yield from self._resample(file)

    def _tell_partly(self, name: str, used_s: float, whole_s: float) -> None:
        self.reporter.warning(
            "collection.partly",
            "“{name}” is damaged: {used} of {whole} could be used, and its text may say more than is heard.",
            "Listen to its clip and correct the text, or put an undamaged copy in its place.",
            name=name,
            used=f"{used_s:.1f} s",
            whole=f"{whole_s:.1f} s",
        )

    def _resample(self, file: IO[bytes]) -> Iterator[Samples]:
        with soundfile.SoundFile(file) as sound:
            source_rate = int(sound.samplerate)
            stream = (
                soxr.ResampleStream(source_rate, self.rate, 1, dtype="float32") if source_rate != self.rate else None
            )
            length = round(_BLOCK_S * source_rate)
            channel = self._single(sound, length) if sound.channels == 2 else None
            while True:
                self.reporter.check_stop()
                block = sound.read(length, dtype="float32", always_2d=True)
                block = block.mean(axis=1) if channel is None else block[:, channel].copy()
                last = len(block) < length
                yield stream.resample_chunk(block, last=last) if stream else block
                if last:
                    return

    def _single(self, sound: soundfile.SoundFile, length: int) -> int | None:
        """Which of two channels is to be taken alone, because the sum of both would lose the voice."""
        balance = Balance()
        while len(block := sound.read(length, dtype="float32", always_2d=True)):
            self.reporter.check_stop()
            balance.add(block)
        sound.seek(0)
        return balance.single()[0]
