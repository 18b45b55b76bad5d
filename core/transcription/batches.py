"""Batch planning: which clips are transcribed together, and how much of Whisper's thirty seconds they need.

Whisper looks at thirty seconds whatever the clip's length, and nearly all of its work on a short clip is spent on
silence. Here the encoder sees the clip and a little silence after it; what it makes of the silence that would follow
is the same for every clip and is taken from one pass over nothing but silence. Without that tail the decoder
misses the sign of an end and says things twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from core.transcription.base import WINDOW_S

_PAD_S = 1.0  # silence after a clip that the encoder sees
_STEP_S = 2.0  # windows are multiples of this, so that clips of nearly one length share a pass
TAIL_S = 6.0  # silence after that which only the decoder sees


def window_s(seconds: float) -> float:
    """How much sound the encoder is given for a clip of this length."""
    return min(WINDOW_S, math.ceil((seconds + _PAD_S) / _STEP_S) * _STEP_S)


def fits(seconds: float) -> bool:
    """Whether a clip can be heard together with others: longer ones go through several windows one by one."""
    return seconds <= WINDOW_S


def batches(seconds: Sequence[float], size: Callable[[float], int]) -> list[list[int]]:
    """Indexes of clips by batch, the longest first: if memory is short that shows at once.

    Args:
        seconds: length of each clip.
        size: the most clips of a batch whose window has so many seconds.
    """
    by_window: dict[float, list[int]] = {}
    single = []
    for index in sorted(range(len(seconds)), key=lambda index: -seconds[index]):
        if fits(seconds[index]):
            by_window.setdefault(window_s(seconds[index]), []).append(index)
        else:
            single.append([index])
    result = single
    for window, members in by_window.items():
        limit = max(1, size(window))
        count = math.ceil(len(members) / limit)
        even = math.ceil(len(members) / count)  # 17 clips are 9 and 8 rather than 16 and 1
        result += [members[at : at + even] for at in range(0, len(members), even)]
    return result
