"""What of a clip's sound is worth a second look: every threshold for it, and the lights that show how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.project.records import Clip
from core.transcription.flags import TEXT_FLAGS

SOUND_FLAGS = ("other_voice", "noisy", "clipped", "cut_word", "quiet", "narrow", "unnatural")
FLAGS = TEXT_FLAGS + SOUND_FLAGS

NOISY_DB = 15.0  # signal to noise; a quiet room gives 30 and more
CLIPPING_SHARE = 0.001  # share of samples in flat tops
QUIET_LUFS = -42.0  # raised from there to -23 LUFS, the microphone's own noise comes along
NARROW_HZ = 6_000.0  # telephones end at 3,400 Hz, the training sound at 11,025 Hz
EDGE_S = 0.015  # less quiet than this at an end: a word may have been cut
UNNATURAL = 2.0  # DNSMOS; white noise at 10 dB or a bathroom bring clean speech there
# Likeness to the project's voice. Clips of one voice and microphone mostly reach 0.9, other voices stay below 0.7;
# how far a voice spreads differs, so clips are compared with the others of their project.
STRANGE = 0.65
ALIKE = 0.80
_SPREADS = 6.0
SHORT_S = 2.0  # a shorter clip says little about a voice
STRANGE_SHORT = 0.58


@dataclass(frozen=True)
class Light:
    """One measure of a clip: its name, how it stands (good, fair or bad; none: not measured) and the value."""

    name: str
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
    applies = {
        "other_voice": _below(clip.speaker_similarity, limit),
        "noisy": _below(clip.snr_db, NOISY_DB),
        "clipped": clip.clipped_fraction is not None and clip.clipped_fraction > CLIPPING_SHARE,
        "cut_word": bool(clip.forced) or _below(clip.lead_s, EDGE_S) or _below(clip.tail_s, EDGE_S),
        "quiet": _below(clip.loudness_lufs, QUIET_LUFS),
        "narrow": _below(clip.bandwidth_hz, NARROW_HZ),
        "unnatural": _below(clip.naturalness, UNNATURAL),
    }
    return " ".join(code for code in SOUND_FLAGS if applies[code])


def lights(clip: Clip) -> list[Light]:
    """How a clip stands in each measure a person is shown. Red is where its flag is raised, but for likeness, whose
    limit is the project's own."""
    strange = "other_voice" in clip.sound_flags.split()
    return [
        _light("snr", clip.snr_db, NOISY_DB, 25.0),
        _light("loudness", clip.loudness_lufs, QUIET_LUFS, -35.0),
        _light("bandwidth", clip.bandwidth_hz, NARROW_HZ, 7_500.0),
        _light("likeness", clip.speaker_similarity, 2.0 if strange else 0.0, ALIKE),
        _light("naturalness", clip.naturalness, UNNATURAL, 2.6),
    ]


def _below(value: float | None, limit: float) -> bool:
    return value is not None and value < limit


def _light(name: str, value: float | None, bad: float, good: float) -> Light:
    if value is None:
        return Light(name, "none", None)
    return Light(name, "bad" if value < bad else "good" if value >= good else "fair", value)
