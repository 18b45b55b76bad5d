"""The files of XTTS base models: where they lie, whether they are whole, how they get there. Light: no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.files import read_json


def is_starter(folder: Path) -> bool:
    """Whether a base folder is the small one made for tests and the demo."""
    return (folder / "starter.json").is_file()


def starter_facts(folder: Path) -> dict[str, Any]:
    """What ``starter.json`` says; ``trained`` is False where the weights are random."""
    return dict(read_json(folder / "starter.json"))
