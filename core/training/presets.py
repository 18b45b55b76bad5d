"""Training presets by card size, one YAML file each in `presets/<engine>/`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from core.errors import UserError
from core.training.config import TrainConfig, make_config

FOLDER = Path(__file__).resolve().parents[2] / "presets"
_NOT_PRESETS = {"sentences"}
# A card of "8 GB" reports a little less, and the desktop keeps some.
_REPORTED_SHARE = 0.92


@dataclass(frozen=True)
class Preset:
    """A named set of settings. The page shows the texts under ``presets.<id>.label`` and ``.description``.

    ``min_vram_gb`` is the size of card it is made for; 0 is for the processor. One that is not ``suggested`` must be
    wished for.
    """

    id: str
    min_vram_gb: float
    values: dict[str, Any]
    suggested: bool = True

    @property
    def label_key(self) -> str:
        """Key of its name."""
        return f"presets.{self.id}.label"

    @property
    def description_key(self) -> str:
        """Key of its one-sentence description."""
        return f"presets.{self.id}.description"

    def config(self, overrides: dict[str, Any] | None = None) -> TrainConfig:
        """Its settings with some changed."""
        return make_config({**self.values, **(overrides or {})})


def presets(engine: str = "xtts", folder: Path = FOLDER) -> list[Preset]:
    """All presets of an engine, for the smallest card first."""
    found = []
    for path in (folder / engine).glob("*.yaml"):
        if path.stem not in _NOT_PRESETS:
            raw = yaml.safe_load(path.read_text(encoding="utf-8"))
            suggested = bool(raw.get("suggested", True))
            found.append(Preset(f"{engine}-{path.stem}", float(raw["min_vram_gb"]), dict(raw["settings"]), suggested))
    return sorted(found, key=lambda preset: (not preset.suggested, preset.min_vram_gb))


def preset(preset_id: str) -> Preset:
    """One preset.

    Raises:
        UserError: ``train.no_preset``.
    """
    engine = preset_id.partition("-")[0]
    known = presets(engine) if engine.isidentifier() else []
    for one in known:
        if one.id == preset_id:
            return one
    raise UserError(
        "train.no_preset",
        "There is no preset “{id}”.",
        "Choose one of: {valid}.",
        id=preset_id,
        valid=", ".join(one.id for one in known or presets()),
    )


def choose(vram_gb: float | None, engine: str = "xtts") -> Preset:
    """The preset for a card with ``vram_gb`` of memory, or for the processor if there is None.

    A card smaller than every preset's gets the smallest card's preset: it may still fit.
    """
    known = presets(engine)
    if vram_gb is None:
        return known[0]
    cards = [one for one in known if one.min_vram_gb > 0 and one.suggested]
    fitting = [one for one in cards if one.min_vram_gb * _REPORTED_SHARE <= vram_gb]
    return fitting[-1] if fitting else cards[0]
