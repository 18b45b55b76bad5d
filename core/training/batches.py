"""Batches that were tried on a card: kept beside the preset, and what a run is changed by them. Imports no torch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.damage import UnixTime, read_record
from core.engines.session import BatchTrial
from core.errors import UserError
from core.files import slug, write_json
from core.jobs.args.training import TryBatchesArgs
from core.project.workspace import Workspace
from core.system import hardware

_ALIKE = 0.97  # of the best pace: who is that quick with less memory is taken


@dataclass(frozen=True)
class TriedBatches:
    """What was tried for a preset on a card; ``base`` is the base model's id, ``at`` Unix time."""

    preset: str
    card: str
    base: str
    at: UnixTime
    clips: int
    trials: tuple[BatchTrial, ...]

    @property
    def best(self) -> BatchTrial | None:
        """The quickest, and of those that are about as quick the one that takes the least memory."""
        best_pace = max((trial.clips_per_s for trial in self.trials), default=0.0)
        candidates = [trial for trial in self.trials if trial.fits and trial.clips_per_s >= _ALIKE * best_pace]
        return min(candidates, key=lambda trial: (trial.memory_mb, -trial.clips_per_s), default=None)

    @property
    def changes(self) -> dict[str, Any]:
        """Settings by which a run with the preset makes the same updates the quickest way."""
        if (best := self.best) is None:
            return {}
        return {
            "batch_size": best.micro_batch,
            "accumulation": best.accumulation,
            "gradient_checkpointing": best.checkpointing,
            "precision": best.precision,
            "auto_batch": False,
        }


def card_name() -> str:
    """The card that is used, or ``cpu``."""
    cards = hardware.cards()
    return cards[0].name if cards else "cpu"


def keep(workspace: Workspace, args: TryBatchesArgs, clips: int, trials: Sequence[BatchTrial]) -> TriedBatches:
    """Keep what was tried for a preset on this machine's card; the last time counts."""
    batches = TriedBatches(args.preset, card_name(), args.base, time.time(), clips, tuple(trials))
    write_json(_path(workspace, args.preset), asdict(batches))
    return batches


def tried_batches(workspace: Workspace, preset_id: str) -> TriedBatches | None:
    """What was tried for a preset on this machine's card; None where nothing was, or it cannot be read."""
    path = _path(workspace, preset_id)
    try:
        return read_record(path, TriedBatches, "preset", path) if path.exists() else None
    except UserError:
        return None


def _path(workspace: Workspace, preset_id: str) -> Path:
    return workspace.path / "batches" / f"{preset_id}-{slug(card_name(), 'card')}.json"
