"""The two sounds of a pair made fit to be compared: equally loud, their speech beginning at the same moment."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.audio.loudness import match_loudness, reachable_lufs
from core.audio.samples import Samples, read

LEAD_S = 0.05  # of silence before the speech
_FRAME_S = 0.01
_BELOW_LOUDEST_DB = 40.0  # speech has begun where it comes this near to its loudest moment
_SILENT = 1e-3  # of full scale: less is what a voice says that says nothing
_ENOUGH_SHARE, _ENOUGH_S = 0.6, 4.0


@dataclass(frozen=True)
class SoundFacts:
    """What a file holds: its length in seconds, and whether there is anything to be heard in it."""

    seconds: float
    is_silent: bool


def facts(path: Path) -> SoundFacts | None:
    """What is in a sound file; None if it is missing or cannot be read. Kept as long as the file stays the same."""
    try:
        about = path.stat()
    except OSError:
        return None
    return _facts(path, about.st_mtime_ns, about.st_size)


@functools.lru_cache(maxsize=4096)
def _facts(path: Path, _changed_ns: int, _size: int) -> SoundFacts | None:
    try:
        samples, rate = read(path)
    except (OSError, RuntimeError):
        return None
    peak = float(np.abs(samples).max(initial=0.0))
    return SoundFacts(len(samples) / rate, peak < _SILENT)


def matched(paths: Sequence[Path]) -> list[tuple[Samples, int]]:
    """Each file's samples and rate, at one loudness and with `LEAD_S` before the speech; ends stay as they are.

    Raises:
        OSError, RuntimeError: one of them cannot be read.
    """
    sounds = [(aligned(samples, rate), rate) for samples, rate in map(read, paths)]
    # All go to what the peakiest can reach without clipping, or one would stay quieter.
    target = min(reachable_lufs(samples, rate) for samples, rate in sounds)
    return [(match_loudness(samples, rate, target), rate) for samples, rate in sounds]


def aligned(samples: Samples, rate: int) -> Samples:
    """The same sound with exactly `LEAD_S` before its speech; of silence nothing is taken away."""
    lead, begin = round(LEAD_S * rate), _onset(samples, rate)
    if begin is None:
        return samples
    if begin >= lead:
        return samples[begin - lead :]
    return np.concatenate((np.zeros(lead - begin, np.float32), samples))


def enough_s(seconds: float) -> float:
    """How many seconds of a sound have to be heard before a vote on it counts."""
    return min(_ENOUGH_SHARE * seconds, _ENOUGH_S)


def onset_s(samples: Samples, rate: int) -> float:
    """When speech begins, in seconds; 0 of silence."""
    return (_onset(samples, rate) or 0) / rate


def _onset(samples: Samples, rate: int) -> int | None:
    """The sample at which speech begins; None of silence."""
    length = max(1, round(_FRAME_S * rate))
    count = len(samples) // length
    if not count:
        return None
    power = np.square(samples[: count * length].reshape(count, length)).mean(axis=1)
    loudest = float(power.max())
    if loudest < _SILENT**2 / 2:
        return None
    return int(np.argmax(power >= loudest * 10 ** (-_BELOW_LOUDEST_DB / 10))) * length
