"""Disk space of an export, the same for every engine: the base's weights twice, and what lies beside them."""

from __future__ import annotations

import shutil
from pathlib import Path

from core.errors import DiskFull

_BESIDE_BYTES = 100_000_000


def check_export_room(weights: Path, parent: Path) -> None:
    """Refuse an export of a base with these weights into a folder below ``parent`` that will not fit.

    Raises:
        DiskFull: ``export.no_room``.
    """
    size = 2 * weights.stat().st_size + _BESIDE_BYTES
    free = shutil.disk_usage(parent).free
    if free < size:
        raise DiskFull(
            "export.no_room",
            "The export needs {needed_mb} MB, but only {free_mb} MB are free.",
            "Free some space, then export again.",
            needed_mb=size // 1_000_000,
            free_mb=free // 1_000_000,
        )
