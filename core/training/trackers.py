"""Experiment trackers: a run's metrics and samples for TensorBoard and, where a project is named, Weights & Biases.

Both hang on the run's events, so nothing is measured twice; neither can stop a training.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from core.audio.samples import read
from core.engines.options import TrainConfig
from core.files import slug
from core.jobs import events
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.reasons import reason_of
from core.training.sample_measures import CER, LIKENESS

FOLDER = "tensorboard"
_SAMPLE_STEP = "sample_step"


class Tracker(Protocol):
    """Something that logs a run's events."""

    def log(self, event: events.Event) -> None:
        """One event, in order."""
        ...

    def close(self) -> None:
        """Write out what is left."""
        ...


class TensorBoard:
    """``tensorboard/`` in the run's folder: numbers by name, and what each checkpoint says as audio.

    A file that was begun anew at step N makes TensorBoard forget what earlier files say of N and later: what a resumed
    run repeats is shown once.
    """

    def __init__(self, run: Path) -> None:
        self.run = run
        self.writer: Any = None

    def log(self, event: events.Event) -> None:
        """One event, in order."""
        if isinstance(event, events.Started):
            if event.step is not None:
                self._open(event.step + 1)
        elif isinstance(event, events.Metrics):
            for name, value in event.values.items():
                self._open().add_scalar(name, value, event.step, event.at)
        elif isinstance(event, events.Sample):
            samples, rate = read(self.run / event.path)
            name = f"{event.sentence + 1}: {event.text}"[:100]
            self._open().add_audio(name, samples[None], event.step, rate, event.at)

    def close(self) -> None:
        """Write out what is left."""
        if self.writer is not None:
            self.writer.close()

    def _open(self, purge_step: int | None = None) -> Any:
        from torch.utils.tensorboard import SummaryWriter

        if purge_step is not None:
            self.close()
            self.writer = None
        if self.writer is None:
            # The first file has to say where it begins as well, else the second cannot void a part of it.
            folder, begin = str(self.run / FOLDER), purge_step or 0
            self.writer = SummaryWriter(folder, purge_step=begin, flush_secs=10)  # type: ignore[no-untyped-call]
        return self.writer


class WeightsAndBiases:
    """A run of the same name in the project that the settings name. Only numbers leave this computer, no sound."""

    def __init__(self, run: Path, project: str, config: TrainConfig) -> None:
        # By name: nobody has to have it.
        wandb = importlib.import_module("wandb")
        self.live = wandb.init(
            project=project, name=run.name, id=_run_id(run), resume="allow", dir=str(run), config=config.model_dump()
        )
        for name in (CER, LIKENESS):  # measured while later updates are told, which steps of its own do not allow
            self.live.define_metric(name, step_metric=_SAMPLE_STEP)

    def log(self, event: events.Event) -> None:
        """One event, in order."""
        if isinstance(event, events.Metrics):
            if event.values.keys() & {CER, LIKENESS}:
                self.live.log({**event.values, _SAMPLE_STEP: event.step})
            else:
                self.live.log(dict(event.values), step=event.step)

    def close(self) -> None:
        """Write out what is left."""
        self.live.finish()


def _run_id(run: Path) -> str:
    """What a run is known as at a place where runs of all projects lie, and deleted ones are remembered.

    Made of what was written down when it was begun, so that it stays when the project is moved or renamed.
    """
    spec = Job(run).spec()
    project = (spec.args.project if isinstance(spec.args, TrainArgs) else "") or run.parents[1].name
    return f"{slug(project)}-{slug(run.name)}-{round(spec.at * 1000)}"


def trackers_of(run: Path, config: TrainConfig, wandb_project: str, reporter: Reporter) -> Trackers:
    """TensorBoard where it is installed; Weights & Biases where a project is named."""
    trackers = Trackers(reporter)
    if importlib.util.find_spec("tensorboard") is not None:
        trackers.add("TensorBoard", "tensorboard", lambda: TensorBoard(run))
    if wandb_project:
        trackers.add("Weights & Biases", "wandb", lambda: WeightsAndBiases(run, wandb_project, config))
    return trackers


class Trackers:
    """All trackers of a run: one that fails is told of and left out from there on."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter
        self.trackers: dict[str, Tracker] = {}

    def add(self, name: str, package: str, make: Callable[[], Tracker]) -> None:
        """Add a tracker if its package is installed; say so if not."""
        if importlib.util.find_spec(package) is None:
            self.reporter.warning(
                "train.no_board",
                "{name} gets nothing: the package “{package}” is not installed.",
                "Install it where Voicewright is installed, or take the setting out.",
                name=name,
                package=package,
            )
            return
        self._try(name, lambda: self.trackers.update({name: make()}))

    def log(self, event: events.Event) -> None:
        """Hand an event to all of them."""
        for name, tracker in list(self.trackers.items()):
            self._try(name, lambda tracker=tracker: tracker.log(event))  # type: ignore[misc]

    def close(self) -> None:
        """Close all of them."""
        for name, tracker in list(self.trackers.items()):
            self._try(name, tracker.close)
        self.trackers.clear()

    def _try(self, name: str, do: Callable[[], object]) -> None:
        try:
            do()
        except Exception as error:
            # A foreign tool over a network, on a disk that may be full: whatever it is, the training goes on.
            self.trackers.pop(name, None)
            self.reporter.warning(
                "train.board_failed",
                "{name} gets nothing more: {what}.",
                "The training goes on; its own curves are complete.",
                name=name,
                what=reason_of(error),
            )
