"""Ends of a piece of speech: whether its sound begins or ends inside a word, and where the nearest quiet is. Pure.

Levels tell it, where words are said guards it: a breath or a noise at the end is no word. For clips of a recording the
levels go on beyond the ends; of a sound that is all there is (as a voice speaks it) they do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.audio.samples import Samples
from core.audio.silence import runs
from core.project.records import Word

FRAME_S = 0.01
_LOWEST_DBFS = -90.0
_EDGE_S = 0.05  # looked at to both sides of an end: a word is quiet for less, as in the closure of a t or k
_ALONE_S = 0.03  # looked at where nothing lies beyond: the last sound of a whole word is closer to its end
_AROUND_S = 1.0  # of the recording that tell how quiet the room is
_ABOVE_ROOM_DB, _BELOW_SPEECH_DB = 4.0, 28.0
_ROOM_PERCENTILE, _SPEECH_PERCENTILE = 5, 90
_NEAR_WORD_S = 0.2  # recognised times of words are off by so much
_LONG_QUIET_S = 0.12  # one so long is a pause; a shorter one may lie within a word
_INSIDE_S = 0.06  # a time so far from both ends of a word is within it

Levels = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Ends:
    """Whether a piece begins (``start``) and ends (``end``) inside a word."""

    start: bool
    end: bool

    def __bool__(self) -> bool:
        return self.start or self.end


def frame_levels(samples: Samples, rate: int) -> Levels:
    """RMS level in dBFS of each 10 ms, shape ``(frames,)``; the rest of a frame at the end is left out.

    Args:
        samples: float32 mono, shape ``(samples,)``.
        rate: in Hz.
    """
    length = max(1, round(rate * FRAME_S))
    table = samples[: len(samples) // length * length].reshape(-1, length)
    power = np.einsum("ij,ij->i", table, table, dtype=np.float64) / length
    return np.asarray(10 * np.log10(np.maximum(power, 10 ** (_LOWEST_DBFS / 10))), np.float32)


def cut_words(
    levels: Levels, start_s: float, end_s: float, words: Sequence[Word] | None = None, frame_s: float = FRAME_S
) -> Ends:
    """Whether a piece begins or ends inside a word.

    Args:
        levels: dBFS of each frame, of the whole recording or of the piece alone.
        start_s: where the piece begins in it, in seconds.
        end_s: where it ends.
        words: when words are said, in the same seconds; None: nobody knows.
        frame_s: seconds of a frame.
    """
    first, last = round(start_s / frame_s), min(round(end_s / frame_s), len(levels))
    if last - first < 2:
        return Ends(False, False)
    threshold = _threshold(levels, first, last, frame_s)
    edge, gap = max(1, round(_EDGE_S / frame_s)), max(1, round(_ALONE_S / frame_s))

    def is_cut(inner: Levels, outer: Levels, at_s: float) -> bool:
        """``inner`` and ``outer`` are the levels to both sides, each from the end on."""
        if len(outer):  # sound that stops right at the end is whole
            loud = min(inner[:edge].max(), outer[:edge].max()) > threshold
        else:
            loud = float(np.mean(inner[:gap], dtype=np.float32)) > threshold
        return bool(loud) and (words is None or _is_near(words, at_s))

    inside = levels[first:last]
    return Ends(is_cut(inside, levels[:first][::-1], start_s), is_cut(inside[::-1], levels[last:], end_s))


def cut_words_of(samples: Samples, rate: int, words: Sequence[Word] | None = None) -> Ends:
    """`cut_words` of a sound that is all there is, such as one that a voice has spoken.

    Args:
        samples: float32 mono, shape ``(samples,)``.
        rate: in Hz.
        words: when its words are said, in seconds of it; None: nobody knows.
    """
    levels = frame_levels(samples, rate)
    return cut_words(levels, 0.0, len(levels) * FRAME_S, words)


def nearest_quiet(
    levels: Levels,
    start_s: float,
    end_s: float,
    side: str,
    *,
    limit_s: float,
    words: Sequence[Word] = (),
    frame_s: float = FRAME_S,
) -> float | None:
    """Where a piece would have to begin or end so as not to cut the word there; None if no quiet is near enough.

    Args:
        levels: dBFS of each frame of the recording.
        start_s: where the piece begins, in seconds.
        end_s: where it ends.
        side: ``start`` or ``end``.
        limit_s: how far out it may go, as a time of the recording.
        words: when words are said: a short quiet within one is passed over.
        frame_s: seconds of a frame.
    """
    first, last = round(start_s / frame_s), min(round(end_s / frame_s), len(levels))
    threshold = _threshold(levels, first, last, frame_s)
    limit = round(limit_s / frame_s)
    outside = levels[max(0, limit) : first][::-1] if side == "start" else levels[last : max(last, limit)]
    is_quiet = np.asarray(outside, np.float32) <= threshold
    starts, ends = runs(is_quiet)
    edge, long = round(_EDGE_S / frame_s), round(_LONG_QUIET_S / frame_s)
    for begin, length in zip(starts.tolist(), (ends - starts).tolist(), strict=True):
        place: float = (first - begin - edge if side == "start" else last + begin + edge) * frame_s
        if length >= long or (length >= edge and words and not _is_within(words, place)):
            return place
    at_border = limit <= 0 if side == "start" else limit >= len(levels)
    return (0.0 if side == "start" else len(levels) * frame_s) if at_border and len(outside) else None


def percentile(levels: Levels, percent: float) -> float:
    """The level that so many percent of the frames lie below; quicker than numpy, which interpolates."""
    place = min(len(levels) - 1, round(percent / 100 * (len(levels) - 1)))
    return float(np.partition(np.asarray(levels, np.float32), place)[place])


def _threshold(levels: Levels, first: int, last: int, frame_s: float) -> float:
    """The level above which there is speech, by the piece and what lies around it."""
    margin = round(_AROUND_S / frame_s)
    room = max(_LOWEST_DBFS, percentile(levels[max(0, first - margin) : last + margin], _ROOM_PERCENTILE))
    speech = percentile(levels[first:last], _SPEECH_PERCENTILE)
    return max(room + _ABOVE_ROOM_DB, speech - _BELOW_SPEECH_DB)


def _is_near(words: Sequence[Word], at_s: float) -> bool:
    return any(word.start_s - _NEAR_WORD_S <= at_s <= word.end_s + _NEAR_WORD_S for word in words)


def _is_within(words: Sequence[Word], at_s: float) -> bool:
    return any(word.start_s + _INSIDE_S < at_s < word.end_s - _INSIDE_S for word in words)
