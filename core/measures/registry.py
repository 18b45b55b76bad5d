"""The measures of a clip, one row each: its column, when it is taken, its limits, its flag and its light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# Likeness to the project's voice. Clips of one voice and microphone mostly reach 0.9, other voices stay below 0.7;
# how far a voice spreads differs, so clips are compared with the others of their project.
STRANGE = 0.65
ALIKE = 0.80


@dataclass(frozen=True)
class Measure:
    """A measure of a clip.

    ``column`` is its field in `core.project.records.Clip`. Those of the stage ``cut`` come with cutting; a new cut that
    sounds otherwise voids those of the others. Below ``bad`` its ``flag`` is raised and its ``light`` is red, from
    ``good`` on it is green, both in the column's unit; without a name there is none. The page shows it with ``digits``
    after the point, divided by ``shown_per``.
    """

    column: str
    stage: Literal["cut", "sound", "likeness", "naturalness"]
    flag: str = ""
    bad: float = 0.0
    light: str = ""
    good: float = 0.0
    digits: int = 0
    shown_per: float = 1.0


MEASURES = (
    Measure("snr_db", "sound", "noisy", 15.0, "snr", 25.0),  # a quiet room gives 30 and more
    # Raised from there to -23 LUFS, the microphone's own noise comes along.
    Measure("loudness_lufs", "cut", "quiet", -42.0, "loudness", -35.0),
    # Telephones end at 3,400 Hz, the training sound at 11,025 Hz.
    Measure("bandwidth_hz", "sound", "narrow", 6_000.0, "bandwidth", 7_500.0, digits=1, shown_per=1000.0),
    Measure("speaker_similarity", "likeness", "other_voice", STRANGE, "likeness", ALIKE, digits=2),
    # DNSMOS; white noise at 10 dB or a bathroom bring clean speech down to 2.
    Measure("naturalness", "naturalness", "unnatural", 2.0, "naturalness", 2.6, digits=1),
    *(Measure(column, "cut") for column in ("peak_dbfs", "gain_db", "clipped_fraction", "lead_s", "tail_s")),
)
OF_CUT = tuple(measure.column for measure in MEASURES if measure.stage == "cut")
VOIDED_BY_CUT = (*(measure.column for measure in MEASURES if measure.stage != "cut"), "voice")
