"""XTTS's feature cache: audio codes and conditioning mels of sounds, by their content."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from core.engines.cache import ArrayCache, Stream

BANDS = 80
_CODES, _MELS = 0, 1
_STREAMS = (Stream("codes.i16", "<i2", 1), Stream("mels.f16", "<f2", BANDS))


class SoundFeatures(NamedTuple):
    """A clip's features: its sound's name by content, ``codes`` (n,) int16, ``mel`` (80, frames) float16."""

    key: str
    codes: npt.NDArray[np.int16]
    mel: npt.NDArray[np.float16]


class FeatureCache(ArrayCache):
    """Codes and mels of sounds; mels lie frame by frame, so that a piece of a clip is one stretch of the file."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, _STREAMS)

    def append(self, batch: Sequence[SoundFeatures]) -> None:
        """Add sounds; only inside `writing`."""
        self.append_arrays([(sound.key, (sound.codes, sound.mel.T)) for sound in batch])

    def codes(self, key: str) -> npt.NDArray[np.int16]:
        """Audio codes of a sound, shape (codes,)."""
        return self.array(key, _CODES)

    def mel(self, key: str) -> npt.NDArray[np.float16]:
        """The conditioning mel of a sound, shape (80, frames); a view of the file."""
        mel: npt.NDArray[np.float16] = self.array(key, _MELS).T
        return mel
