"""Sweep: several runs that differ in one setting, one after the other in the queue, to be compared under Listen."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.engines.options import TrainConfig
from core.errors import DiskFull, UserError
from core.jobs.job import Job
from core.project.workspace import Project
from core.training.cost import Cost, estimate
from core.training.presets import preset
from core.training.room import expected_bytes
from core.training.start import start_training

MOST_RUNS = 8


@dataclass(frozen=True)
class SweepRun:
    """One run: the value it has, its settings that differ from the preset's, what it will take; ``bytes`` at most."""

    value: float
    changes: Mapping[str, Any]
    cost: Cost
    bytes: int


@dataclass(frozen=True)
class Sweep:
    """Runs that differ in ``field`` alone, and what they take together; ``seconds`` None where that is not known."""

    field: str
    runs: tuple[SweepRun, ...]

    @property
    def seconds(self) -> float | None:
        """Of all of them, one after the other."""
        times = [run.cost.seconds for run in self.runs]
        return None if None in times else math.fsum(time for time in times if time is not None)

    @property
    def bytes(self) -> int:
        """Of disk, at most; each keeps its checkpoints."""
        return sum(run.bytes for run in self.runs)


def sweep_fields(config: TrainConfig) -> list[str]:
    """Settings of which several values are worth trying: those that an engine's options name, if they have effect."""
    names = []
    for name in type(config).form_fields():
        field, _, value = str(_extra(type(config), name).get("only_with", "")).partition("=")
        if _extra(type(config), name).get("sweep") and (not field or getattr(config, field) == value):
            names.append(name)
    return names


def proposed_values(config: TrainConfig, field: str) -> list[float]:
    """Half of what is set, that, and twice as much, as far as the setting allows."""
    value = getattr(config, field)
    kind = type(value)
    candidates = [kind(value / 2), value, kind(value * 2)]
    return [candidate for candidate in dict.fromkeys(candidates) if _is_allowed(config, field, candidate)]


def plan_sweep(
    project: Project, preset_id: str, changes: Mapping[str, Any], base_id: str, field: str, values: Sequence[float]
) -> Sweep:
    """What runs with these values of a setting would take; starts nothing.

    What is set in proportion to it (an adapter's strength to its rank) goes along.

    Args:
        project: whose voice it is.
        preset_id, changes: the settings that all of them share.
        base_id: what they are trained on; the path of a local folder as well.
        field: one of `sweep_fields`.
        values: two or more; one that comes twice counts once.

    Raises:
        UserError: ``sweep.field``, ``sweep.values``, and what `core.training.config.make_config` says of a value.
        DiskFull: ``sweep.no_room``: all of them together do not fit.
    """
    settings = preset(preset_id)
    config = settings.config(dict(changes))
    model, distinct = type(config), list(dict.fromkeys(values))
    if field not in sweep_fields(config):
        raise UserError("sweep.field", "Values of “{field}” cannot be tried in turn.", "Reload the page.", field=field)
    if not 2 <= len(distinct) <= MOST_RUNS:
        raise UserError(
            "sweep.values",
            "{count} values are not enough to compare, or too many.",
            "Write two to {most} different ones, with a space between them.",
            count=len(distinct),
            most=MOST_RUNS,
        )
    companion = str(_extra(model, field).get("in_proportion", ""))
    runs = []
    for value in distinct:
        own: dict[str, Any] = {**changes, field: value}
        if companion:
            own[companion] = getattr(config, companion) * value / getattr(config, field)
        run_config = settings.config(own)
        cost = estimate(project, run_config, None if base_id.startswith("/") else base_id)
        runs.append(SweepRun(value, own, cost, expected_bytes(project, run_config, base_id)))
    sweep = Sweep(field, tuple(runs))
    free_bytes = shutil.disk_usage(project.path).free
    if sweep.bytes > free_bytes:
        raise DiskFull(
            "sweep.no_room",
            "{count} runs take up to {needed_mb} MB, and {free_mb} MB are free.",
            "Try fewer values, or free some space.",
            count=len(runs),
            needed_mb=sweep.bytes >> 20,
            free_mb=free_bytes >> 20,
        )
    return sweep


def start_sweep(
    project: Project,
    dataset_id: str,
    preset_id: str,
    sweep: Sweep,
    base_id: str,
    titles: Sequence[str],
    *,
    device: str = "auto",
) -> list[Job]:
    """Put the runs into the queue, each under its title; where one is refused, none stays there.

    Raises:
        Busy, DiskFull, UserError: as of `core.training.start.start_training`.
    """
    jobs: list[Job] = []
    try:
        for run, title in zip(sweep.runs, titles, strict=True):
            changes = dict(run.changes)
            jobs.append(
                start_training(project, dataset_id, preset_id, changes, title, base_id, device=device, wait=True)
            )
    except BaseException:
        for job in jobs:
            job.stop()
        raise
    return jobs


def _is_allowed(config: TrainConfig, field: str, value: float) -> bool:
    try:
        type(config).model_validate({**config.model_dump(), field: value})
    except ValueError:
        return False
    return True


def _extra(model: type[TrainConfig], name: str) -> Mapping[str, Any]:
    extra = model.model_fields[name].json_schema_extra
    return extra if isinstance(extra, dict) else {}
