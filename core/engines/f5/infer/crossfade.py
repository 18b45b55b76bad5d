"""Cross-fade between the parts of a text, as far as they are done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from core.audio.samples import Samples
from core.engines.f5.features.mel import RATE

CROSS_FADE_S = 0.15


def faded(waves: Iterable[Samples]) -> Iterator[Samples]:
    """Parts one after another, each faded into the next, as far as nothing more is faded into them.

    Where no next one can be had for an error, what was held back comes before the error does.
    """
    parts, end = iter(waves), np.zeros(0, dtype=np.float32)
    while True:
        try:
            wave = next(parts)
        except StopIteration:
            break
        except Exception:
            if len(end):
                yield end
            raise
        count = min(len(end), len(wave))
        fade = np.linspace(0, 1, count, dtype=np.float32)
        overlap = end[len(end) - count :] * (1 - fade) + wave[:count] * fade
        total = np.concatenate([end[: len(end) - count], overlap, wave[count:]])
        sure = max(0, len(total) - int(CROSS_FADE_S * RATE))
        if sure:
            yield total[:sure]
        end = total[sure:]
    yield end
