"""Frame levels: level, lowest and highest sample of every 10 ms of a recording, kept in a small file beside it.

Where an offset, hum of the mains or rumble fills the pauses, levels are measured without it.

Measured while the recording is written (`Meter`), or, where that was not done, in one pass over it (`measure`).
"""

from __future__ import annotations

import errno
import os
import stat
import zipfile
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from core.audio.rumble import LowCut
from core.errors import Cancelled
from core.files import replacing

# Of frames: level, level without what is below a voice, lowest and highest sample.
_Measures = tuple[npt.NDArray[np.float16], npt.NDArray[np.float16], npt.NDArray[np.int8], npt.NDArray[np.int8]]
FRAME_MS = 10
FLOOR_DBFS = -120.0
_BLOCK_FRAMES = 1000  # 10 s of sound in memory at a time
_PIECE_FRAMES = 30_000  # a worker's share: 5 min
_RUMBLE_DB, _NEAR_DB = 3.0, 45.0  # louder by so much with it, and no further below the voice: pauses are full of it
_VERSION = 2  # of levels; older ones are of all that is in the recording
# What reading a file of arrays raises that is not there, or holds something else.
NOT_ARRAYS = (OSError, ValueError, LookupError, EOFError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class Frames:
    """What was measured of a recording.

    ``dbfs`` is the RMS level of each frame (float16, ``FLOOR_DBFS`` for silence), without what lies below a voice where
    that is loud. ``low`` and ``high`` are its extreme samples in 1/127 of full scale (int8). ``frame_s`` is a whole
    number of samples near 10 ms; the last frame may be shorter. ``seconds`` is the exact length.
    """

    dbfs: npt.NDArray[np.float16]
    low: npt.NDArray[np.int8]
    high: npt.NDArray[np.int8]
    frame_s: float
    seconds: float


def frames_file(recording: Path) -> Path:
    """Where the frames of a recording are kept."""
    return recording.with_suffix(".frames.npz")


def frames(recording: Path) -> Frames:
    """The frames of a recording, from the file beside it or, if that is missing, measured now and kept."""
    path = frames_file(recording)
    try:
        return _load_file(path)
    except IsADirectoryError:
        raise  # nothing could be written there either
    except NOT_ARRAYS:
        measure(recording)
    return _load_file(path)


def _load_file(path: Path) -> Frames:
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    return _load(path, about.st_mtime_ns, about.st_size)


def is_current(recording: Path) -> bool:
    """Whether the frames beside a recording are there and measured as this version does."""
    try:
        with np.load(frames_file(recording), allow_pickle=False) as file:
            return int(file["version"]) == _VERSION
    except NOT_ARRAYS:
        return False


@lru_cache(maxsize=4)
def _load(path: Path, _changed_ns: int, _size: int) -> Frames:
    with np.load(path, allow_pickle=False) as file:
        frame_s, seconds = (float(value) for value in file["times"])
        return Frames(file["dbfs"], file["low"], file["high"], frame_s, seconds)


def measure(
    recording: Path,
    *,
    on_progress: Callable[[float, float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Frames:
    """Measure a recording in blocks, on two threads, and keep the result beside it.

    Args:
        recording: FLAC or WAV; several channels are measured together.
        on_progress: called with (seconds done, seconds in all).
        should_stop: asked every few blocks.

    Raises:
        Cancelled: stopped; nothing is kept.
    """
    levels = scan(recording, on_progress=on_progress, should_stop=should_stop)
    keep(recording, levels)
    return levels


def keep(recording: Path, levels: Frames) -> None:
    """Write the frames of a recording beside it."""
    with replacing(frames_file(recording)) as temporary, open(temporary, "wb") as file:
        times = np.array([levels.frame_s, levels.seconds])
        np.savez(file, dbfs=levels.dbfs, low=levels.low, high=levels.high, times=times, version=_VERSION)


def keep_measured(recording: Path, meter: Meter, should_stop: Callable[[], bool] | None = None) -> None:
    """Keep what a `Meter` has found of a recording; if not all of its samples went by, measure it after all.

    Raises:
        Cancelled: stopped; nothing is kept.
    """
    levels = meter.frames()
    if meter.samples == soundfile.info(recording).frames:
        keep(recording, levels)
    else:
        measure(recording, should_stop=should_stop)


def scan(
    recording: Path,
    *,
    on_progress: Callable[[float, float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Frames:
    """`measure` without keeping anything."""
    info = soundfile.info(recording)
    length = _length(info.samplerate)
    count = -(-info.frames // length)
    frame_s = length / info.samplerate
    dbfs, voice = np.empty(count, np.float16), np.empty(count, np.float16)
    low, high = np.empty(count, np.int8), np.empty(count, np.int8)
    frames_done = 0

    def piece(first: int) -> int:
        last: int = min(first + _PIECE_FRAMES, count)
        with soundfile.SoundFile(recording) as file:
            low_cut = LowCut(info.samplerate, length)
            begin = max(0, first - low_cut.behind)
            file.seek(begin * length)
            if begin < first:  # heard, so that it is as if the recording had been heard from its beginning
                before = file.read((first - begin) * length, dtype="float32", always_2d=True)
                low_cut.powers(_mono(before).reshape(-1, length))
            room = np.empty((_BLOCK_FRAMES * length, file.channels), np.float32)  # new memory for each costs 3 %
            for at in range(first, last, _BLOCK_FRAMES):
                if should_stop and should_stop():
                    raise Cancelled
                until = min(at + _BLOCK_FRAMES, last)
                block = file.read(out=room[: (until - at) * length])
                measures = _frames_of(_mono(block), low_cut, until - at)
                dbfs[at:until], voice[at:until], low[at:until], high[at:until] = measures
        return last - first

    # libsndfile and numpy let go of the interpreter: two threads decode twice as fast.
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        for size in pool.map(piece, range(0, count, _PIECE_FRAMES)):
            frames_done += size
            if on_progress:
                on_progress(min(frames_done * frame_s, info.duration), info.duration)
    return Frames(_fitting(dbfs, voice), low, high, frame_s, info.frames / info.samplerate)


class Meter:
    """`scan` of a mono recording as its samples go by, so that nobody has to read it again.

    Args:
        rate: samples a second.
        bits: 16 or 24, of samples that come as little-endian whole numbers of 16 or 32 bit.
    """

    def __init__(self, rate: int, bits: int) -> None:
        self.rate, self.bits, self.samples = rate, bits, 0
        self._length = _length(rate)
        self._low_cut = LowCut(rate, self._length)
        self._waiting: list[
            bytes
        ] = []  # what comes in small pieces is measured in large ones: each costs as much again
        self._waiting_bytes = self._bytes = 0
        self._measures: list[_Measures] = []

    def add(self, raw: bytes | memoryview) -> float:
        """Measure the next piece, of any number of bytes; returns how many seconds went by in all."""
        self._waiting.append(bytes(raw))
        self._waiting_bytes += len(raw)
        self._bytes += len(raw)
        width = 4 if self.bits > 16 else 2
        frame_bytes = self._length * width
        if self._waiting_bytes >= _BLOCK_FRAMES * frame_bytes:
            data = memoryview(b"".join(self._waiting))
            full_bytes = len(data) // frame_bytes * frame_bytes
            self._measure(data[:full_bytes])
            self._wait_for(bytes(data[full_bytes:]))
        return self._bytes // width / self.rate

    def frames(self) -> Frames:
        """What was measured, once all has gone by."""
        self._measure(memoryview(b"".join(self._waiting)))
        self._wait_for(b"")
        empty = np.empty(0, np.float16), np.empty(0, np.float16), np.empty(0, np.int8), np.empty(0, np.int8)
        dbfs, voice, low, high = (np.concatenate(parts) for parts in zip(empty, *self._measures, strict=True))
        return Frames(_fitting(dbfs, voice), low, high, self._length / self.rate, self.samples / self.rate)

    def _wait_for(self, rest: bytes) -> None:
        self._waiting, self._waiting_bytes = [rest], len(rest)

    def _measure(self, data: memoryview) -> None:
        if not data:
            return
        if self.bits > 16:
            numbers = np.frombuffer(data, np.dtype("<i4")) >> 8  # FLAC keeps the upper 24 bits
            samples = np.multiply(numbers, np.float32(2.0**-23), dtype=np.float32)
        else:
            samples = np.multiply(np.frombuffer(data, np.dtype("<i2")), np.float32(2.0**-15), dtype=np.float32)
        self.samples += len(samples)
        self._measures.append(_frames_of(samples, self._low_cut, -(-len(samples) // self._length)))


def _length(rate: int) -> int:
    """Samples in a frame."""
    return max(1, round(rate * FRAME_MS / 1000))


def _mono(block: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Samples of a block of shape (samples, channels)."""
    return block[:, 0] if block.shape[1] == 1 else np.asarray(block.mean(axis=1), np.float32)


def _frames_of(samples: npt.NDArray[np.float32], low_cut: LowCut, count: int) -> _Measures:
    """What is measured of each of the next frames."""
    length = low_cut.length
    full = len(samples) // length
    table = samples[: full * length].reshape(full, length)
    power, voice = np.full(count, 0.0), np.full(count, 0.0)
    low, high = np.zeros(count, np.float32), np.zeros(count, np.float32)
    power[:full], voice[:full] = low_cut.powers(table)
    low[:full], high[:full] = table.min(axis=1), table.max(axis=1)
    rest = samples[full * length :]
    if len(rest):
        power[full], voice[full] = low_cut.powers_of_rest(rest)
        low[full], high[full] = rest.min(), rest.max()
    return _dbfs(power), _dbfs(voice), _to_int8(low), _to_int8(high)


def _dbfs(power: npt.NDArray[np.float64]) -> npt.NDArray[np.float16]:
    return (10 * np.log10(np.maximum(power, 10 ** (FLOOR_DBFS / 10)))).astype(np.float16)


def _fitting(dbfs: npt.NDArray[np.float16], voice: npt.NDArray[np.float16]) -> npt.NDArray[np.float16]:
    """Levels of all there is, or of the voice alone where what lies below it fills the pauses."""
    audible = dbfs > FLOOR_DBFS + 5
    if not audible.any():
        return dbfs
    room, clear = (float(np.percentile(level[audible].astype(np.float32), 10)) for level in (dbfs, voice))
    loudest = float(np.percentile(voice[audible].astype(np.float32), 99))
    return voice if room - clear >= _RUMBLE_DB and loudest - room < _NEAR_DB else dbfs


def _to_int8(values: npt.NDArray[np.float32]) -> npt.NDArray[np.int8]:
    return np.clip(np.rint(values * 127), -127, 127).astype(np.int8)
