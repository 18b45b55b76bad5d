"""What a page may ask of the toy engine."""

from __future__ import annotations

from pathlib import Path

from core.engines.bases import Base, BaseModels
from core.engines.light import LightEngine, Reading, TextCheck, TextProblem
from core.engines.options import TrainConfig
from voicewright_toy.options import ToySpeakingOptions, ToyTrainConfig

TONE = "tone.json"
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz .,!?'")


class ToyBases(BaseModels):
    """One base: a tuning fork."""

    default = small = "tuning-fork"
    required_files = (TONE,)
    catalog = {"tuning-fork": Base("tuning-fork", "Tuning fork", (TONE,), "", "", 1, "Public domain", "")}

    def is_trained(self, base: Base | None, folder: Path) -> bool:
        """It hums as it should."""
        return True

    def weights_bytes(self, folder: Path, config: TrainConfig) -> int:
        """Next to nothing."""
        return 8


class ToyTexts:
    """It hums letters, in lower case."""

    def read(self, base: Path, text: str, language: str) -> Reading:
        """The letters that it hums."""
        strange = "".join(sorted(set(text.lower()) - LETTERS))
        return Reading(text.lower(), bool(strange), strange)

    def check(self, base: Path, language: str) -> TextCheck:
        """No digits: there is no tone for them."""

        def problem(text: str) -> TextProblem | None:
            strange = self.read(base, text, language).unknown
            return TextProblem("unknown_characters", {"characters": strange}) if strange else None

        return problem


LIGHT = LightEngine(
    bases=ToyBases(),
    texts=ToyTexts(),
    options=ToyTrainConfig,
    presets=Path(__file__).parent / "presets",
    speaking=ToySpeakingOptions,
)
