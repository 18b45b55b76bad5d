"""Letters of a dataset that its base lacks, each named before a run: a model would take them for spaces in silence."""

from __future__ import annotations

import csv
import functools
from pathlib import Path

from core.engines.light import MissingLetter
from core.engines.registry import bases, light
from core.errors import UserError
from core.project.workspace import Project


def missing_letters(project: Project, dataset_id: str, base_id: str) -> tuple[MissingLetter, ...] | None:
    """What of a dataset's texts a base lacks; None where that is no question of this engine, or cannot be told yet."""
    path = project.datasets / dataset_id / "metadata.csv"
    try:
        base = bases(project.info.engine).place(project.workspace.models, base_id)
        versions = path.stat().st_mtime_ns, base.stat().st_mtime_ns if base.exists() else 0
        return _missing(project.info.engine, project.info.language, path, base, versions)
    except (OSError, ValueError, UserError):  # what is wrong with a base or a dataset is said in its own place
        return None


@functools.lru_cache(maxsize=16)
def _missing(
    engine: str, language: str, path: Path, base: Path, _versions: tuple[int, int]
) -> tuple[MissingLetter, ...] | None:
    ask = light(engine).missing_letters
    if ask is None:
        return None
    with open(path, newline="", encoding="utf-8") as file:
        texts = [row[1] for row in csv.reader(file, delimiter="|", quoting=csv.QUOTE_NONE) if len(row) > 1]
    return tuple(ask(base, texts, language))
