"""Arguments of trainings, and of jobs that lead to one."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from core.jobs.args.base import JobArgs
from core.jobs.args.sources import ImportArgs


class TrainArgs(JobArgs):
    """A run to be trained; its settings stand in ``config.yaml`` beside.

    Args:
        dataset: id of a frozen dataset.
        base: id or folder of a base model.
        preset: where the settings came from.
        device: ``auto``, ``cuda`` or ``cpu``.
        project: the project's folder when the run was begun; trackers go on knowing the run by it.
    """

    kind = "train"
    dataset: str = Field(pattern=r"^[^/]*$")
    base: str
    preset: str = ""
    device: str = "auto"
    project: str = ""


class MeasurePaceArgs(JobArgs):
    """A few updates to be timed, as a run with this preset and these changes would make them."""

    kind = "measure_pace"
    dataset: str = Field(pattern=r"^[^/]*$")
    base: str
    preset: str
    changes: dict[str, Any] = {}
    device: str = "auto"


class TryBatchesArgs(MeasurePaceArgs):
    """Batches to be tried, as a run with this preset and these changes would have them."""

    kind = "try_batches"


class FineTuneArgs(JobArgs):
    """Recordings that become a training, with nothing asked on the way.

    Args:
        recordings: what is brought in first.
        model: the recogniser that writes down what is said; empty for the usual one of the language.
        run: the run's folder, ``name`` its title.
        preset, settings, base, device: of the training, as for `core.training.start.start_training`.
    """

    kind = "finetune"
    recordings: ImportArgs
    model: str = ""
    run: str = ""
    name: str = ""
    preset: str = ""
    settings: dict[str, Any] = {}
    base: str = ""
    device: str = "auto"


class DemoArgs(JobArgs):
    """The demo; ``device`` is what it trains on."""

    kind = "demo"
    device: str = "auto"
