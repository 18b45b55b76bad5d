"""Sound flags: what of a clip's sound is worth a second look, and the lights that show how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.measures.registry import ALIKE, MEASURES, STRANGE, Measure
from core.project.records import Clip
from core.transcription.flags import TEXT_FLAGS

SOUND_FLAGS = ("other_voice", "noisy", "clipped", "cut_word", "quiet", "narrow", "unnatural")
FLAGS = TEXT_FLAGS + SOUND_FLAGS

CLIPPING_SHARE = 0.001  # share of samples in flat tops
EDGE_S = 0.015  # less quiet than this at an end: a word may have been cut
_SPREADS = 6.0
SHORT_S = 2.0  # a shorter clip says little about a voice
STRANGE_SHORT = 0.58


@dataclass(frozen=True)
class MeasureLight:
    """A measure of a clip, how it stands (good, fair or bad; none: not measured) and the value."""

    measure: Measure
    tone: str
    value: float | None


def least_likeness(likenesses: Sequence[float]) -> float:
    """Below which likeness a clip of these is taken for another voice: 6 spreads (MAD) under the median, in bounds."""
    if not len(likenesses):
        return STRANGE
    middle = float(np.median(likenesses))
    spread = float(np.median(np.abs(np.asarray(likenesses) - middle)))
    return min(ALIKE, max(STRANGE, middle - _SPREADS * spread))


def sound_flags(clip: Clip, least: float = STRANGE) -> str:
    """Codes apart by spaces, of `SOUND_FLAGS`, the weightiest first; what was not measured raises none.

    Args:
        clip: with its measures.
        least: see `least_likeness`.
    """
    limit = least if clip.seconds >= SHORT_S else STRANGE_SHORT
    applies = {measure.flag: _below(getattr(clip, measure.column), measure.bad) for measure in MEASURES}
    applies |= {
        "other_voice": _below(clip.speaker_similarity, limit),
        "clipped": clip.clipped_fraction is not None and clip.clipped_fraction > CLIPPING_SHARE,
        "cut_word": bool(clip.forced) or _below(clip.lead_s, EDGE_S) or _below(clip.tail_s, EDGE_S),
    }
    return " ".join(code for code in SOUND_FLAGS if applies[code])


def lights(clip: Clip) -> list[MeasureLight]:
    """How a clip stands in each measure a person is shown. Red is where its flag is raised, but for likeness, whose
    limit is the project's own."""
    is_strange = "other_voice" in clip.sound_flags.split()
    limits = {"likeness": 2.0 if is_strange else 0.0}
    return [_light(measure, clip, limits.get(measure.light, measure.bad)) for measure in MEASURES if measure.light]


def _below(value: float | None, limit: float) -> bool:
    return value is not None and value < limit


def _light(measure: Measure, clip: Clip, bad: float) -> MeasureLight:
    value = getattr(clip, measure.column)
    if value is None:
        return MeasureLight(measure, "none", None)
    return MeasureLight(measure, "bad" if value < bad else "good" if value >= measure.good else "fair", value)
