"""Feature cache on disk: two large files that are mapped into memory, and an index that is only ever appended to."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from core.files import append_line

BANDS = 80
_CODES, _MELS, _INDEX, _LOCK = "codes.i16", "mels.f16", "index.jsonl", "lock"


class Place(NamedTuple):
    """Where a clip's features lie: ``codes`` from number ``first_code`` on, ``frames`` from ``first_frame`` on."""

    first_code: int
    codes: int
    first_frame: int
    frames: int


class SoundFeatures(NamedTuple):
    """A clip's features: its sound's name by content, ``codes`` (n,) int16, ``mel`` (80, frames) float16."""

    key: str
    codes: npt.NDArray[np.int16]
    mel: npt.NDArray[np.float16]


class FeatureCache:
    """Codes and mels of sounds by their content, whatever dataset they are in.

    A batch is written, flushed to disk, and only then named in the index; what a kill left behind unnamed is
    overwritten by the next batch. Memory stays the same however much is stored: files are mapped, not read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.places: dict[str, Place] = {}
        self._read = 0
        self._maps: dict[str, npt.NDArray[np.generic]] = {}
        self.refresh()

    def refresh(self) -> None:
        """Learn of what was written since; an unfinished last line is left for later."""
        path = self.folder / _INDEX
        if not path.exists():
            return
        with open(path, "rb") as file:
            file.seek(self._read)
            text = file.read()
        lines = text[: text.rfind(b"\n") + 1]
        self._read += len(lines)
        for line in lines.splitlines():
            key, *place = json.loads(line)
            self.places[key] = Place(*place)
        self._maps.clear()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Alone among all processes; waits for another to finish, then knows what it wrote."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / _LOCK, "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._mend()
            self.refresh()
            yield

    def append(self, batch: Sequence[SoundFeatures]) -> None:
        """Add sounds; only inside `writing`."""
        code, frame = self._ends()
        lines = []
        with open(self._file(_CODES), "r+b") as codes, open(self._file(_MELS), "r+b") as mels:
            codes.seek(code * 2)
            mels.seek(frame * BANDS * 2)
            for sound in batch:
                codes.write(sound.codes.astype(np.int16).tobytes())
                # Frame by frame, so that a piece of a clip is one stretch of the file.
                mels.write(sound.mel.T.astype(np.float16).tobytes())
                lines.append([sound.key, code, len(sound.codes), frame, sound.mel.shape[1]])
                code, frame = code + len(sound.codes), frame + sound.mel.shape[1]
            for file in (codes, mels):
                file.flush()
                os.fsync(file.fileno())
        for line in lines:
            append_line(self.folder / _INDEX, json.dumps(line))
        self.refresh()

    def codes(self, key: str) -> npt.NDArray[np.int16]:
        """Audio codes of a sound, shape (codes,)."""
        place = self.places[key]
        array = self._map(_CODES, np.dtype(np.int16))
        return np.asarray(array[place.first_code : place.first_code + place.codes], dtype=np.int16)

    def mel(self, key: str) -> npt.NDArray[np.float16]:
        """The conditioning mel of a sound, shape (80, frames); a view of the file."""
        place = self.places[key]
        array = self._map(_MELS, np.dtype(np.float16))
        rows = array[place.first_frame * BANDS : (place.first_frame + place.frames) * BANDS]
        mel: npt.NDArray[np.float16] = np.asarray(rows, dtype=np.float16).reshape(place.frames, BANDS).T
        return mel

    def _map(self, name: str, dtype: np.dtype[np.generic]) -> npt.NDArray[np.generic]:
        if name not in self._maps:
            codes, frames = self._ends()
            # Not the whole file: what lies behind may be half an item that a kill left.
            count = codes if name == _CODES else frames * BANDS
            self._maps[name] = np.memmap(self.folder / name, dtype=dtype, mode="r", shape=(count,))
        return self._maps[name]

    def _ends(self) -> tuple[int, int]:
        last = max(self.places.values(), default=Place(0, 0, 0, 0))
        return last.first_code + last.codes, last.first_frame + last.frames

    def _mend(self) -> None:
        """Cut off a line that a kill left unfinished: the next one would be glued to it."""
        path = self.folder / _INDEX
        if path.exists():
            with open(path, "r+b") as file:
                text = file.read()
                file.truncate(text.rfind(b"\n") + 1)

    def _file(self, name: str) -> Path:
        path = self.folder / name
        path.touch()
        return path
