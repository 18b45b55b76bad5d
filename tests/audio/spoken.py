"""Recordings arranged from single words, so that it is known to the millisecond where each begins and ends."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from core.project.records import Word

RATE_HZ = 16_000
_FOLDER = Path(__file__).resolve().parent.parent / "data" / "words"
_MARGIN = round(0.02 * RATE_HZ)  # of faded room on both sides of a word; `build.py` beside the recording made it

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Arranged:
    """Sound at `RATE_HZ` and the words in it, in seconds."""

    samples: Samples
    words: list[Word]

    def whole_in(self, spans: Sequence[tuple[float, float]]) -> list[Word]:
        """The words that lie in one of the spans with all of their sound."""
        return [word for word in self.words if any(a <= word.start_s and word.end_s <= b for a, b in spans)]

    def cut_by(self, spans: Sequence[tuple[float, float]]) -> list[Word]:
        """The words of which a part lies in a span and another part does not."""
        touched = [word for word in self.words if any(a < word.end_s and word.start_s < b for a, b in spans)]
        whole = set(self.whole_in(spans))
        return [word for word in touched if word not in whole]


@lru_cache(maxsize=1)
def single_words() -> tuple[tuple[str, Samples], ...]:
    """The bundled words, each with its margins."""
    sound, _ = soundfile.read(_FOLDER / "words.flac", dtype="float32")
    with open(_FOLDER / "words.tsv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    found = []
    for row in rows:
        first, last = (round(float(row[name]) * RATE_HZ) for name in ("start_s", "end_s"))
        found.append((row["text"], sound[first - _MARGIN : last + _MARGIN]))
    return tuple(found)


def arrange(gaps_s: Sequence[float], chance: np.random.Generator, noise_dbfs: float | None = None) -> Arranged:
    """Words chosen by chance with these gaps between them, one more than there are gaps; 1 s of room at both ends.

    Args:
        gaps_s: from the last sound of a word to the first of the next; at least 40 ms.
        chance: chooses words, their level (within 6 dB) and the noise.
        noise_dbfs: RMS of the room's noise; None is none. A word then begins and ends where it rises out of it.
    """
    spoken = single_words()
    order: list[int] = []
    while len(order) <= len(gaps_s):
        order += chance.permutation(len(spoken)).tolist()
    parts: list[Samples] = []
    words: list[Word] = []
    places: list[int] = []
    at = RATE_HZ
    for index, number in enumerate(order[: len(gaps_s) + 1]):
        text, sound = spoken[number]
        parts.append(sound * np.float32(10 ** (chance.uniform(-4, 2) / 20)))
        end = at + len(sound) - 2 * _MARGIN
        words.append(_heard(Word(at / RATE_HZ, end / RATE_HZ, text), parts[-1], noise_dbfs))
        places.append(at - _MARGIN)
        if index < len(gaps_s):
            at = end + round(gaps_s[index] * RATE_HZ)
    samples = np.zeros(end + RATE_HZ, np.float32)
    for first, part in zip(places, parts, strict=True):
        samples[first : first + len(part)] += part
    if noise_dbfs is not None:
        samples += chance.normal(0, 10 ** (noise_dbfs / 20), len(samples)).astype(np.float32)
    return Arranged(np.clip(samples, -1, 1), words)


def _heard(word: Word, sound: Samples, noise_dbfs: float | None) -> Word:
    """The word as far as it is louder than the noise."""
    if noise_dbfs is None:
        return word
    frame = RATE_HZ // 100
    inside = sound[_MARGIN : len(sound) - _MARGIN]
    frames = inside[: len(inside) // frame * frame].reshape(-1, frame)
    loud = np.flatnonzero(np.sqrt(np.mean(frames**2, axis=1)) > 10 ** (noise_dbfs / 20))
    return Word(word.start_s + int(loud[0]) / 100, word.start_s + (int(loud[-1]) + 1) / 100, word.text)
