"""Prerequisites of a run, looked at before Start: dataset, letters, memory, disk, base; each with a light.

Of every engine by the contract alone. Quick enough for a page: nothing large is read.
"""

from __future__ import annotations

import csv
import functools
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from core.dataset.freeze import datasets
from core.engines.manifest import changed_files
from core.engines.options import TrainConfig
from core.engines.registry import bases, texts
from core.errors import UserError
from core.project.workspace import Project
from core.system import hardware
from core.training.cost import estimate
from core.training.letters import missing_letters
from core.training.presets import Preset
from core.training.room import expected_bytes

Key = Literal["dataset", "letters", "memory", "disk", "base"]
Level = Literal["good", "fair", "bad"]
_FEW_CLIPS, _FEW_S = 2, 300.0  # to run at all; below so much speech a voice stays rough
_REPORTED_SHARE = 0.92  # a card of "8 GB" reports a little less
_SHOWN_DIGITS = 12
_MOST_NAMED = 30


@dataclass(frozen=True)
class Prerequisite:
    """One of them. ``verdict`` names its sentence (``prerequisites.<key>_<verdict>``), ``values`` fill it."""

    key: Key
    level: Level
    verdict: str
    values: dict[str, str | float] = field(default_factory=dict)


def prerequisites(
    project: Project, dataset_id: str, base_id: str, preset: Preset, config: TrainConfig
) -> list[Prerequisite]:
    """All of them, in the order a person can put them right.

    Args:
        project: whose run.
        dataset_id: a frozen dataset.
        base_id: of the catalogue, or the path of a folder; empty if none is named yet.
        preset: where the settings came from.
        config: the settings.
    """
    base = _base(project, base_id)
    is_damaged = base.verdict in ("changed", "broken")
    return [
        _dataset(project, dataset_id),
        Prerequisite("letters", "fair", "unknown") if is_damaged else _letters(project, dataset_id, base_id),
        _memory(project, base_id, preset, config),
        _disk(project, base_id, config),
        base,
    ]


def _dataset(project: Project, dataset_id: str) -> Prerequisite:
    frozen = next((data for data in datasets(project) if data.id == dataset_id), None)
    if frozen is None or frozen.train < _FEW_CLIPS:
        return Prerequisite("dataset", "bad", "none", {"least": _FEW_CLIPS})
    values: dict[str, str | float] = {"train": frozen.train, "val": frozen.val, "seconds": frozen.seconds}
    if frozen.seconds < _FEW_S:
        return Prerequisite("dataset", "fair", "little", values)
    return Prerequisite("dataset", "fair" if not frozen.val else "good", "good" if frozen.val else "unchecked", values)


def _letters(project: Project, dataset_id: str, base_id: str) -> Prerequisite:
    """Whether the base reads every letter of the dataset's texts; how many texts would be left out else."""
    missing = missing_letters(project, dataset_id, base_id)
    if missing is not None:
        unread_count = sum(letter.texts for letter in missing if not letter.read_as and not letter.is_learnt)
        values: dict[str, str | float] = {
            "letters": " ".join(letter.character for letter in missing[:_MOST_NAMED]),
            "texts": unread_count,
        }
        verdict = "lost" if unread_count else "helped" if missing else "good"
        return Prerequisite("letters", "bad" if unread_count else "fair" if missing else "good", verdict, values)
    unreadable = _unreadable(project, dataset_id, base_id)
    if unreadable is None:
        return Prerequisite("letters", "fair", "unknown")
    return Prerequisite(
        "letters", "bad" if unreadable else "good", "lost_texts" if unreadable else "good", {"texts": unreadable}
    )


def _unreadable(project: Project, dataset_id: str, base_id: str) -> int | None:
    path = project.datasets / dataset_id / "metadata.csv"
    try:
        base = bases(project.info.engine).place(project.workspace.models, base_id)
        versions = path.stat().st_mtime_ns, base.stat().st_mtime_ns if base.exists() else 0
        return _count_unreadable(project.info.engine, project.info.language, path, base, versions)
    except (OSError, ValueError, UserError):  # what is wrong with a base or a dataset is said in its own place
        return None


@functools.lru_cache(maxsize=16)
def _count_unreadable(engine: str, language: str, path: Path, base: Path, _versions: tuple[int, int]) -> int:
    problem = texts(engine).check(base, language)
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.reader(file, delimiter="|", quoting=csv.QUOTE_NONE)
        return sum(problem(row[1]) is not None for row in rows if len(row) > 1)


def _memory(project: Project, base_id: str, preset: Preset, config: TrainConfig) -> Prerequisite:
    cards = hardware.cards()
    cost = estimate(project, config, base_id if base_id in bases(project.info.engine).catalog else None).memory_gb
    if not cards:
        verdict = "slow" if preset.min_vram_gb else "processor"
        return Prerequisite("memory", "fair", verdict, {"gb": preset.min_vram_gb})
    card = cards[0]
    cost = cost if cost is not None else preset.min_vram_gb * _REPORTED_SHARE
    values: dict[str, str | float] = {"card": card.name, "gb": cost, "total": card.total_gb, "free": card.free_gb}
    if card.total_gb < cost and not config.auto_batch:
        return Prerequisite("memory", "bad", "small", values)
    if card.total_gb < cost:
        return Prerequisite("memory", "fair", "tried", values)
    return Prerequisite("memory", *(("fair", "taken") if card.free_gb < cost else ("good", "good")), values)


def _disk(project: Project, base_id: str, config: TrainConfig) -> Prerequisite:
    try:
        disk_bytes = expected_bytes(project, config, base_id)
    except UserError:
        return Prerequisite("disk", "fair", "unknown")
    free = shutil.disk_usage(project.path).free
    values: dict[str, str | float] = {"gb": disk_bytes / 1e9, "free": free / 1e9}
    return Prerequisite("disk", "bad" if free < disk_bytes else "good", "full" if free < disk_bytes else "good", values)


def _base(project: Project, base_id: str) -> Prerequisite:
    """Whether the base is there, is what came, and all is known of it."""
    models, folder = bases(project.info.engine), project.workspace.models
    if not base_id:
        return Prerequisite("base", "bad", "unnamed")
    values: dict[str, str | float] = {"label": models.label(base_id)}
    if models.is_made(base_id):
        return Prerequisite("base", "good", "made", values)
    if base_id in models.catalog and models.state(folder, base_id).status != "ready":
        verdict = "missing" if models.license_accepted(folder, base_id) else "license"
        return Prerequisite("base", "bad", verdict, values)
    place = models.place(folder, base_id)
    if names := changed_files(place):
        return Prerequisite("base", "bad", "changed", {**values, "files": ", ".join(names)})
    try:
        if models.questions(place):
            return Prerequisite("base", "bad", "unasked", values)
        models.folder(folder, base_id)
    except UserError as error:
        return Prerequisite("base", "bad", "unread" if error.code == "base.unread" else "broken", values)
    digest = models.sha256(place)[:_SHOWN_DIGITS]
    return Prerequisite("base", "good", "known" if digest else "own", {**values, "sha256": digest})
