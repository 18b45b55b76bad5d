"""Joining lines: each trimmed, faded and made equally loud by pydub, one after the other, never all in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from core.audio.loudness import loudness_lufs, reachable_lufs
from core.audio.samples import Samples
from core.damage import damage_from
from core.studio.state import LineState
from core.studio.takes import take_file

if TYPE_CHECKING:
    from pydub import AudioSegment

TARGET_LUFS = -20.0  # mono; two equal channels of it are as loud as audiobooks and podcasts are
PEAK_DBFS = -1.5  # so that what an encoder adds does not clip
_FADE_MS = 8
_EDGE_MS = 30  # of the quiet before and after a line that stay: its breath, its echo
_QUIET_DBFS = -60.0
_QUIET_BELOW_DB = 35.0  # quieter than the line by so much is silence


@dataclass(frozen=True)
class Piece:
    """A line in its place: where its sound begins in the whole, which part of its take it is, the pause after it."""

    row: LineState
    file: Path | None
    start_s: float
    seconds: float
    from_ms: int
    until_ms: int
    gain_db: float
    pause_s: float

    @property
    def end_s(self) -> float:
        """Where its sound ends."""
        return self.start_s + self.seconds


def plan(folder: Path, rows: Sequence[LineState], on_piece: Callable[[int], object]) -> tuple[list[Piece], int]:
    """Where each line will be in the whole, and the rate in Hz; lines without a sound are left out, pauses stay.

    Args:
        folder: the document's.
        rows: its lines.
        on_piece: told how many are looked at; may raise to break off.

    Raises:
        DamagedFile: a take cannot be read.
    """
    pieces: list[Piece] = []
    at_s, rate = 0.0, 0
    for number, row in enumerate(rows):
        on_piece(number)
        if row.chosen is None:
            if row.state == "silent" and row.pause_s:
                pieces.append(Piece(row, None, at_s, 0.0, 0, 0, 0.0, row.pause_s))
                at_s += row.pause_s
            continue
        rate = rate or row.chosen.rate
        file = take_file(folder, row.chosen.id)
        sound = _read(file, rate)
        from_ms, until_ms = _without_quiet(sound)
        part = sound[from_ms:until_ms]
        seconds = part.frame_count() / rate
        pieces.append(Piece(row, file, at_s, seconds, from_ms, until_ms, _gain_db(part), row.pause_s))
        at_s += seconds + silence(row.pause_s, rate).frame_count() / rate
    return pieces, rate


def sound_of(piece: Piece, rate: int) -> AudioSegment:
    """A line as it stands in the whole, without the pause after it."""
    assert piece.file is not None
    sound = _read(piece.file, rate)[piece.from_ms : piece.until_ms]
    fade_ms = min(_FADE_MS, len(sound) // 2)
    return sound.apply_gain(piece.gain_db).fade_in(fade_ms).fade_out(fade_ms)


def samples_of(piece: Piece, rate: int) -> Samples:
    """The same as float32 samples, shape ``(samples,)``."""
    return _samples(sound_of(piece, rate))


def silence(seconds: float, rate: int) -> AudioSegment:
    """Nothing, for so long."""
    from pydub import AudioSegment

    return AudioSegment.silent(round(1000 * seconds), frame_rate=rate)


def raw(pieces: Sequence[Piece], rate: int) -> Iterator[tuple[Piece, bytes]]:
    """The whole as 16-bit samples, line by line with the pause after it.

    pydub itself would write a whole: it keeps all of it in memory, as often over as there are lines to be joined.
    """
    for piece in pieces:
        sound = sound_of(piece, rate).raw_data if piece.file else b""
        yield piece, sound + silence(piece.pause_s, rate).raw_data


def _read(file: Path, rate: int) -> AudioSegment:
    from pydub import AudioSegment

    # Not `AudioSegment.from_wav`: it hands what it cannot read itself to FFmpeg.
    try:
        samples, own_rate = soundfile.read(file, dtype="int16", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise damage_from(file, ValueError(str(error)), "take") from None
    sound = AudioSegment(samples[:, :1].tobytes(), sample_width=2, frame_rate=own_rate, channels=1)
    return sound if sound.frame_rate == rate else sound.set_frame_rate(rate)


def _without_quiet(sound: AudioSegment) -> tuple[int, int]:
    """Where a line's sound begins and ends in ms; all of it where it is silence."""
    from pydub.silence import detect_leading_silence

    threshold = max(_QUIET_DBFS, sound.dBFS - _QUIET_BELOW_DB)
    first = detect_leading_silence(sound, threshold)
    if first >= len(sound):
        return 0, len(sound)
    last = len(sound) - detect_leading_silence(sound.reverse(), threshold)
    return max(0, first - _EDGE_MS), min(len(sound), last + _EDGE_MS)


def _gain_db(sound: AudioSegment) -> float:
    samples = _samples(sound)
    loudness = loudness_lufs(samples, sound.frame_rate)
    if not np.isfinite(loudness):
        return 0.0
    return reachable_lufs(samples, sound.frame_rate, TARGET_LUFS, PEAK_DBFS, known_lufs=loudness) - loudness


def _samples(sound: AudioSegment) -> Samples:
    return np.asarray(np.frombuffer(sound.raw_data, dtype="<i2") / np.float32(32768), dtype=np.float32)
