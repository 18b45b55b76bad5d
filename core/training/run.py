"""A training run as a page sees it: what is read of it, and the requests to it. Imports no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.damage import Count, DamagedFile, check_file, read_all, read_once, read_record, reading
from core.engines.options import MOST_STEPS, TrainConfig
from core.errors import UserError
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job, JobView, jobs_in
from core.project.workspace import Project
from core.training import requests
from core.training.checkpoints import Checkpoints
from core.training.config import read_config
from core.training.sample_measures import CER, LIKENESS

CONFIG = "config.yaml"
FITS = "fits.json"  # what was tried before the run, if that was wished
_MOST_CONFIG_BYTES, _MOST_REQUESTS_BYTES = 1 << 16, 16 << 20

# Said of every update: its time at once, its loss perhaps an update later.
_UPDATE_METRICS = {"loss", "steps_per_s"}

Points = list[tuple[int, float]]


@dataclass(frozen=True)
class SampleView:
    """One held-out sentence spoken by one checkpoint."""

    step: int
    sentence: int
    text: str
    path: Path
    seconds: float


@dataclass(frozen=True)
class RunView:
    """What a page shows of a run. Points are ``(step, value)`` in step order; losses are per audio code."""

    job: JobView
    config: TrainConfig
    about: dict[str, Any]
    step: int = 0
    train: Points = field(default_factory=list)
    val: Points = field(default_factory=list)
    lr: Points = field(default_factory=list)
    sample_cer: Points = field(default_factory=list)
    """Shares of characters that were misheard in the samples of checkpoints, as measured while it trained."""
    sample_likeness: Points = field(default_factory=list)
    checkpoints: list[tuple[int, Path]] = field(default_factory=list)
    samples: dict[int, list[SampleView]] = field(default_factory=dict)
    steps_per_s: float | None = None
    eval_s: float | None = None
    """Seconds that a check on unseen sentences takes."""
    memory_mb: float | None = None
    eta_s: float | None = None
    real_time_factor: float | None = None
    """Seconds that speaking takes for each second of sound, of the newest samples."""
    pending: list[str] = field(default_factory=list)
    """What a person asked of it that is still to be done, such as "save" (`core.training.requests`)."""
    pinned_steps: set[int] = field(default_factory=set)
    """Steps a person wants kept."""
    state_lost: bool = False
    """Whether there are checkpoints, but none to go on from."""

    @property
    def total(self) -> int:
        """How many updates the run is meant to have."""
        return self.config.max_steps

    @property
    def resumable(self) -> bool:
        """Whether Resume makes sense."""
        has_ended = self.job.status in ("cancelled", "failed", "interrupted")
        return not self.state_lost and (has_ended or (self.job.status == "done" and self.step < self.total))


class Run:
    """One training run: a job folder in ``project.runs`` with ``config.yaml``, ``checkpoints/`` and ``samples/``."""

    def __init__(self, project: Project, run_id: str) -> None:
        job = project.job(run_id)
        if not isinstance(job.spec().args, TrainArgs):
            raise UserError("train.no_run", "“{id}” is not a training run.", "Reload the page.", id=run_id)
        self._open(project, job)

    @classmethod
    def of(cls, project: Project, job: Job) -> Run:
        """The run of a job, with all its files looked at.

        Raises:
            DamagedFile: one of them cannot be read.
        """
        run = cls.__new__(cls)
        run._open(project, job)
        with reading(job.path / "job.json", "run", job.path):
            if not isinstance(job.spec().args, TrainArgs):
                raise TypeError("kind")
        for name, most_bytes in ((CONFIG, _MOST_CONFIG_BYTES), (requests.FILE, _MOST_REQUESTS_BYTES)):
            check_file(job.path / name, "run", job.path, most_bytes=most_bytes)
        _, frozen = _read_frozen(job.path / CONFIG)
        with reading(job.path / CONFIG, "run", job.path):
            _ = frozen["dataset"]
        _fits(job.path)
        return run

    def _open(self, project: Project, job: Job) -> None:
        self.project = project
        self.job = job
        self.id = job.id
        self.path = job.path
        self.checkpoints = Checkpoints(job.path)

    @property
    def _args(self) -> TrainArgs:
        args = self.job.spec().args
        assert isinstance(args, TrainArgs)
        return args

    @property
    def title(self) -> str:
        """What a person called it."""
        return self.job.spec().title or self.id

    @property
    def base_id(self) -> str:
        """The base model it is trained on."""
        return self._args.base

    @property
    def dataset(self) -> Path:
        """The frozen dataset it is trained on."""
        return self.project.datasets / self._args.dataset

    def checkpoint(self, step: int) -> Path:
        """The folder of a checkpoint.

        Raises:
            UserError: ``train.no_checkpoint``.
        """
        if step not in self.checkpoints.steps():
            raise UserError(
                "train.no_checkpoint",
                "“{run}” has no checkpoint at step {step}.",
                "Choose another one.",
                run=self.title,
                step=step,
            )
        return self.checkpoints.folder(step)

    def stop(self) -> None:
        """Ask it to save and end."""
        self.job.stop()

    def sample(self) -> None:
        """Have the voice as it is now saved and speak the test sentences.

        Raises:
            UserError: ``train.not_running``; `save`, `pause` and `resume` as well.
        """
        self._request("sample")

    def save(self) -> None:
        """Have a checkpoint saved after the update at work."""
        self._request("save")

    def pause(self) -> None:
        """Have it wait after the update at work; it keeps the card's memory."""
        self._request("pause")

    def resume(self) -> None:
        """End a pause; a run that has ended goes on by `core.training.start.resume`."""
        self._request("resume")

    def change_steps(self, steps: int) -> None:
        """Train to another length, running or when it is resumed; the learning rate's decline follows.

        Raises:
            UserError: ``train.bad_steps``.
        """
        view = self.read()
        done_steps = max([view.step if view.job.active else 0, *self.checkpoints.steps()])
        if not done_steps < steps <= MOST_STEPS:
            raise UserError(
                "train.bad_steps",
                "“{run}” cannot end at update {steps}: it has had {had} already, and may have at most {most}.",
                "Choose a number between the two.",
                run=self.title,
                steps=steps,
                had=done_steps,
                most=MOST_STEPS,
            )
        requests.append(self.path, "steps", steps)

    def keep(self, step: int) -> None:
        """Never let the checkpoint of a step be cleared away.

        Raises:
            UserError: ``train.no_checkpoint``.
        """
        self.checkpoint(step)
        requests.append(self.path, "keep", step)

    def _request(self, do: requests.Do) -> None:
        if not self.job.alive():
            raise UserError("train.not_running", "“{run}” is not running.", "Resume it first.", run=self.title)
        requests.append(self.path, do)

    def read(self, job: JobView | None = None) -> RunView:
        """The run as it stands; costs what was appended since the last call, or nothing where ``job`` is known."""
        job = job or self.job.read()
        config, about = _read_frozen(self.path / CONFIG)
        config = as_trained(config, self.path)
        metrics = sorted(job.metrics.items())
        samples: dict[int, list[SampleView]] = {}
        for _, sample in sorted(job.samples.items()):
            view = SampleView(sample.step, sample.sentence, sample.text, self.path / sample.path, sample.seconds)
            samples.setdefault(sample.sentence, []).append(view)
        return RunView(
            job=job,
            config=config,
            about=about,
            step=max((step for step, values in metrics if not _UPDATE_METRICS.isdisjoint(values)), default=0),
            train=_points(metrics, "loss"),
            val=_points(metrics, "val_loss"),
            lr=_points(metrics, "lr"),
            sample_cer=_points(metrics, CER),
            sample_likeness=_points(metrics, LIKENESS),
            checkpoints=[(step, self.path / path) for step, path in sorted(job.checkpoints.items())],
            samples=samples,
            steps_per_s=_last(metrics, "steps_per_s"),
            eval_s=_last(metrics, "eval_s"),
            memory_mb=_last(metrics, "memory_mb"),
            real_time_factor=_last(metrics, "sample_real_time_factor"),
            eta_s=job.eta_s if job.active else None,
            pending=[*requests.pending(self.path, job.launched_at, len(job.answers))] if job.active else [],
            pinned_steps=requests.pinned_steps(self.path),
            state_lost=not job.active and self.checkpoints.state_lost(),
        )


def as_trained(config: TrainConfig, run: Path) -> TrainConfig:
    """The config with the number of updates that was last asked for, and the batch that was found to fit."""
    steps, fits = requests.planned_steps(run), _fits(run)
    updates: dict[str, Any] = {} if steps is None else {"max_steps": steps}
    if fits:
        updates |= {"batch_size": fits.micro_batch, "accumulation": fits.accumulation}
        updates |= {"gradient_checkpointing": fits.checkpointing}
    return config.model_copy(update=updates) if updates else config


@dataclass(frozen=True)
class _Fits:
    """What a trial found to fit, as far as it changes the config."""

    micro_batch: Count
    accumulation: Count
    checkpointing: bool


def _fits(run: Path) -> _Fits | None:
    path = run / FITS
    return read_record(path, _Fits, "run", run) if os.path.lexists(path) else None


def runs(project: Project, damage: list[DamagedFile] | None = None) -> list[Run]:
    """All training runs of a project, newest first; damaged ones are passed over, and added to ``damage``."""
    jobs = jobs_in(project.runs, damage=damage)
    newest_first = sorted(jobs, key=lambda job: job.spec().at, reverse=True)
    return read_all(newest_first, lambda job: Run.of(project, job), damage)


def _read_frozen(path: Path) -> tuple[TrainConfig, dict[str, Any]]:
    return read_once(_config, path, kind="run", thing=path.parent)


def _config(path: Path, _version: tuple[int, int, int]) -> tuple[TrainConfig, dict[str, Any]]:
    try:
        return read_config(path, newer=True)
    except UserError as error:  # it was checked before it was frozen
        raise TypeError(str(error.values.get("key", "settings"))) from error


def _points(metrics: list[tuple[int, dict[str, float]]], name: str) -> Points:
    return [(step, values[name]) for step, values in metrics if name in values]


def _last(metrics: list[tuple[int, dict[str, float]]], name: str) -> float | None:
    return next((values[name] for _, values in reversed(metrics) if name in values), None)
