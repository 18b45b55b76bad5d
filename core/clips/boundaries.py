"""Cut points in stretches that are too long: the best of all, between words or where it is quietest. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.audio.silence import LevelCurve, smooth
from core.project.records import Word

_SMOOTH_FRAMES = 11  # a gap between words is a little longer than the silence within them: 0.11 s tell them apart
_FLOOR_PERCENTILE = 3
_LOWEST_DBFS = -80.0
_CUT = 25.0  # what every cut costs, in squared dB above the room
_UNEVEN = 50.0  # what a piece costs that is twice as long as it should be
_TOO_SHORT = 1e9  # a piece that cannot become a clip
_CLOSE_FRAMES = 12
_ALIKE_DB = 3.0
_SPARSE_FRAMES = 50  # one place to cut at in half a second is enough to choose from
# Between words, in the same unit: after a sentence, after a clause, elsewhere; a gap of half a second takes most off.
_AFTER_SENTENCE, _AFTER_CLAUSE, _BETWEEN_WORDS, _OFF_FOR_GAP = 0.0, 60.0, 200.0, 55.0
_LONG_GAP_S = 0.5
_NO_WORDS = 400.0  # where nothing was recognised: only if no gap between words will do
_INSIDE_WORD = 1e7
_LOOSE_S = 0.06  # how far the times of words that touch each other may be off

# The marks that end sentences and clauses in the languages that are spoken here, and what may follow them.
_SENTENCE, _CLAUSE = ".!?…。！？｡।؟۔", ",;:،؛、，；：–—"
_CLOSING = "\"'”’»›)]}」』）】"


@dataclass(frozen=True)
class Places:
    """Frames at which a recording could be cut, in order, and what that would cost; shape ``(places,)`` each."""

    frames: npt.NDArray[np.intp]
    costs: npt.NDArray[np.float64]

    def between(self, first: int, last: int) -> Places:
        """Those after ``first`` and before ``last``."""
        a, b = np.searchsorted(self.frames, [first + 1, last])
        return Places(self.frames[a:b], self.costs[a:b])


def divide(first: int, last: int, places: Places, shortest: int, longest: int) -> list[int]:
    """The places at which a stretch is cut so that no piece is longer than ``longest``, at the least cost in all.

    Pieces are even where the places allow it, and shorter than ``shortest`` only where there is no other way.
    """
    inside = places.between(first, last)
    at = np.concatenate(([first], inside.frames, [last]))
    count = -(-(last - first) // longest)
    even = min((last - first) / count, 0.8 * longest)
    best = np.full(len(at), np.inf)
    best[0] = 0.0
    before = np.zeros(len(at), np.intp)
    froms = np.searchsorted(at, at - longest)
    for index in range(1, len(at)):
        start = froms[index]
        if start == index:
            continue  # nothing to cut at for longer than a clip may be
        lengths = at[index] - at[start:index]
        total = best[start:index] + _UNEVEN * np.square((lengths - even) / even) + _TOO_SHORT * (lengths < shortest)
        least = int(np.argmin(total))
        best[index] = total[least] + (inside.costs[index - 1] + _CUT if index < len(at) - 1 else 0.0)
        before[index] = start + least
    cuts: list[int] = []
    index = int(before[-1])
    while index > 0:
        cuts.append(int(at[index]))
        index = int(before[index])
    return cuts[::-1]


def valleys(curve: LevelCurve, first: int, last: int, play: int) -> Places:
    """The quietest place of each short piece of a stretch; costs grow with the square of the level above the room.

    Args:
        curve: of the recording.
        first, last: the stretch, in frames.
        play: by how many frames pieces may differ in length; the less, the closer the places.
    """
    level = np.maximum(np.asarray(curve.dbfs[first:last], np.float32), _LOWEST_DBFS)
    level = smooth(level, _SMOOTH_FRAMES)
    costs = np.square(np.maximum(level - np.percentile(level, _FLOOR_PERCENTILE), 0.0)).astype(np.float64)
    width = max(1, min(_SPARSE_FRAMES, play // 4))
    count = -(-len(costs) // width)
    table = np.pad(costs, (0, count * width - len(costs)), constant_values=np.inf).reshape(count, width)
    # Of a plateau the middle: its first and its last frame are as near to a word as can be.
    near = table <= table.min(axis=1, keepdims=True) + 1.0
    middle = np.cumsum(near, axis=1) == (near.sum(axis=1, keepdims=True) + 1) // 2
    lowest = np.flatnonzero((middle & near).ravel())
    return Places(first + lowest, costs[lowest])


def centre_in_quiet(curve: LevelCurve, cut: int) -> int:
    """The middle of the quiet that a cut lies in or beside: what smoothing blurred is looked at closely."""
    first = max(0, cut - _CLOSE_FRAMES)
    level = np.maximum(np.asarray(curve.dbfs[first : cut + _CLOSE_FRAMES + 1], np.float32), _LOWEST_DBFS)
    level = smooth(level, 3)
    off = np.abs(np.arange(len(level)) - (cut - first)) / _CLOSE_FRAMES
    return first + _middle_of_quiet(level, int(np.argmin(level + _ALIKE_DB * off)))


def _middle_of_quiet(level: npt.NDArray[np.floating], lowest: int) -> int:
    """The middle of what is about as quiet as the lowest place, and joined to it."""
    near = level <= level[lowest] + _ALIKE_DB
    start = lowest - int(np.argmin(near[lowest::-1])) + 1 if not near[: lowest + 1].all() else 0
    end = lowest + int(np.argmin(near[lowest:])) - 1 if not near[lowest:].all() else len(near) - 1
    return (start + end + 1) // 2


def after(word: str, following: str) -> str:
    """What ends with a word: ``sentence``, ``clause`` or nothing. A full stop before a small letter is no end."""
    bare = word.strip().rstrip(_CLOSING)
    mark = bare[-1:]
    next_letter = re.sub(r"^\W+", "", following.strip())[:1]
    if mark and mark in _SENTENCE:
        small = mark in ".…" and next_letter and unicodedata.category(next_letter) == "Ll"
        return "clause" if small else "sentence"
    return "clause" if mark and mark in _CLAUSE else ""


def word_gaps(curve: LevelCurve, words: Sequence[Word]) -> Places:
    """The quietest place between each two words; the best after sentences, then after clauses, then in long gaps."""
    frames: list[int] = []
    costs: list[float] = []
    by_end = {"sentence": _AFTER_SENTENCE, "clause": _AFTER_CLAUSE, "": _BETWEEN_WORDS}
    for word, following in zip(words, words[1:], strict=False):
        gap_s = following.start_s - word.end_s
        loose = max(0.0, _LOOSE_S - max(0.0, gap_s)) / 2
        low, high = sorted((word.end_s, following.start_s))
        frame = _quietest_between(curve, low - loose, high + loose)
        if frames and frame <= frames[-1]:
            continue  # times that run backwards
        frames.append(frame)
        short_of = 1 - min(max(gap_s, 0.0), _LONG_GAP_S) / _LONG_GAP_S
        costs.append(by_end[after(word.text, following.text)] + _OFF_FOR_GAP * short_of)
    return Places(np.array(frames, np.intp), np.array(costs, np.float64))


def _quietest_between(curve: LevelCurve, low_s: float, high_s: float) -> int:
    """The middle of the quietest part of a gap, as a border of frames; midway where all of it is alike."""
    first, last = int(np.ceil(low_s / curve.frame_s)), int(high_s / curve.frame_s)
    if last - first < 2 or last > len(curve.dbfs):
        return round((low_s + high_s) / 2 / curve.frame_s)
    level = np.maximum(np.asarray(curve.dbfs[first:last], np.float32), _LOWEST_DBFS)
    level = smooth(level, 3)
    off_middle = np.abs(np.arange(len(level)) - (len(level) - 1) / 2) / len(level)
    return first + _middle_of_quiet(level, int(np.argmin(level + 2 * _ALIKE_DB * off_middle)))


def with_words(places: Places, gaps: Places, words: Sequence[Word], frame_s: float) -> Places:
    """The gaps between words, and the quietest places where no words are known: dear, and dearer still inside words."""
    starts = np.array([word.start_s for word in words]) / frame_s
    ends = np.maximum.accumulate(np.array([word.end_s for word in words])) / frame_s
    # A place is inside if the last word that begins before it has not ended.
    index = np.searchsorted(starts, places.frames, side="right") - 1
    inside = (index >= 0) & (ends[np.maximum(index, 0)] >= places.frames)
    following = np.searchsorted(starts, places.frames)
    # In the gap between two words that are near each other, the gap's own place is the one.
    near = _LONG_GAP_S / frame_s
    since_word = places.frames - ends[np.maximum(index, 0)]
    until_word = starts[np.minimum(following, len(starts) - 1)] - places.frames
    close = ~inside & (((index >= 0) & (since_word < near)) | ((following < len(starts)) & (until_word < near)))
    costs = places.costs + np.where(inside, _INSIDE_WORD, _NO_WORDS)
    frames = np.concatenate((places.frames[~close], gaps.frames))
    order = np.argsort(frames, kind="stable")
    return Places(frames[order], np.concatenate((costs[~close], gaps.costs))[order])
