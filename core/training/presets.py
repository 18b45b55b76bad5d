"""Training presets by card size: one YAML file each in a folder of the engine's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from core.damage import DamagedFile, read_all, read_once
from core.engines import registry
from core.engines.options import TrainConfig
from core.errors import UserError
from core.files import read_text
from core.system import hardware
from core.training.config import make_config

_NOT_PRESETS = {"sentences"}
_MOST_BYTES = 1 << 16
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
    is_suggested: bool = True

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
        return make_config({**self.values, **(overrides or {})}, self.id.partition("-")[0])


def presets(engine: str, damage: list[DamagedFile] | None = None) -> list[Preset]:
    """All presets of an engine, for the smallest card first; unreadable ones are passed over, or into ``damage``."""
    folder = registry.light(engine).presets
    paths = [path for path in sorted(folder.glob("*.yaml")) if path.stem not in _NOT_PRESETS]
    readable = read_all(paths, lambda path: read_once(_preset, path, engine, kind="preset"), damage)
    return sorted(readable, key=lambda preset: (not preset.is_suggested, preset.min_vram_gb))


def _preset(path: Path, engine: str, _version: tuple[int, int, int]) -> Preset:
    raw = yaml.safe_load(read_text(path, _MOST_BYTES))
    values = dict(raw["settings"])
    try:
        make_config(values, engine)
    except UserError as error:
        raise TypeError(str(error.values.get("key", "settings"))) from error
    return Preset(f"{engine}-{path.stem}", float(raw["min_vram_gb"]), values, bool(raw.get("suggested", True)))


def preset(preset_id: str) -> Preset:
    """One preset.

    Raises:
        UserError: ``train.no_preset``.
    """
    all_presets = [preset for engine in registry.engines() for preset in presets(engine.name)]
    for candidate in all_presets:
        if candidate.id == preset_id:
            return candidate
    raise UserError(
        "train.no_preset",
        "There is no preset “{id}”.",
        "Choose one of: {valid}.",
        id=preset_id,
        valid=", ".join(candidate.id for candidate in all_presets),
    )


def machine_preset(engine: str, device: str = "auto") -> Preset:
    """The preset for this machine's first card, or for the processor where there is none or ``device`` is ``cpu``."""
    cards = () if device == "cpu" else hardware.cards()
    return choose(cards[0].total_gb if cards else None, engine)


def choose(vram_gb: float | None, engine: str) -> Preset:
    """The preset for a card with ``vram_gb`` of memory, or for the processor if there is None.

    A card smaller than every preset's gets the smallest card's preset: it may still fit.
    """
    all_presets = presets(engine)
    if vram_gb is None:
        return all_presets[0]
    cards = [candidate for candidate in all_presets if candidate.min_vram_gb > 0 and candidate.is_suggested]
    fitting = [candidate for candidate in cards if candidate.min_vram_gb * _REPORTED_SHARE <= vram_gb]
    return fitting[-1] if fitting else (cards or all_presets)[0]
