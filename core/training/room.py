"""Disk space of a run: what it takes at most, and a guard that pauses it before the disk is full. Imports no torch."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Literal

from core.engines.options import TrainConfig
from core.engines.registry import bases
from core.errors import DiskFull
from core.project.usage import disk_bytes
from core.project.workspace import Project

_BASE_BYTES = 500 * 2**20  # features, samples, adapters
# What learns lies in a checkpoint once, in its state three times (two moments, the weights beside their mean); while
# one is written the two states before it are still there.
_COPIES = 10
_RESERVE_BYTES = 128 * 2**20  # for what else is written meanwhile, by other jobs too
_RESERVE_SHARE = 0.05  # of a small disk
_LOOK_S = 5.0  # between two looks at the disk

Level = Literal["enough", "little", "low"]


def expected_bytes(project: Project, config: TrainConfig, base_id: str) -> int:
    """How much disk a run takes at most.

    Raises:
        UserError: ``base.unknown``.
    """
    models = bases(project.info.engine)
    return _BASE_BYTES + _COPIES * models.weights_bytes(models.place(project.workspace.models, base_id), config)


def check_room(project: Project, config: TrainConfig, base_id: str) -> None:
    """Refuse a run that will not fit.

    Raises:
        DiskFull: ``train.no_room``.
    """
    required_bytes = expected_bytes(project, config, base_id)
    free_bytes = shutil.disk_usage(project.path).free
    if free_bytes < required_bytes:
        raise DiskFull(
            "train.no_room",
            "Only {free_mb} MB are free where the project lies; training needs {needed_mb} MB.",
            "Delete old runs or free some space, then start again.",
            free_mb=free_bytes // 2**20,
            needed_mb=required_bytes // 2**20,
        )


class DiskGuard:
    """How much room is left for the next checkpoint; a look at the disk at most every five seconds.

    Before the first checkpoint nothing is known of its size, so nothing is said: `check_room` has seen to that.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.free_bytes = self.required_bytes = 0
        self._looked_at = -_LOOK_S

    def on_checkpoint(self, folder: Path) -> None:
        """Learn from a checkpoint just written how much the next will take: itself, and half as much to be safe."""
        reserve = min(_RESERVE_BYTES, int(_RESERVE_SHARE * shutil.disk_usage(self.folder).total))
        self.required_bytes = int(1.5 * disk_bytes([folder])) + reserve

    def level(self) -> Level | None:
        """``low`` where a run should save and pause, ``little`` below three times that; None between looks."""
        now = time.monotonic()
        if not self.required_bytes or now - self._looked_at < _LOOK_S:
            return None
        self._looked_at = now
        self.free_bytes = shutil.disk_usage(self.folder).free
        if self.free_bytes < self.required_bytes:
            return "low"
        return "little" if self.free_bytes < 3 * self.required_bytes else "enough"
