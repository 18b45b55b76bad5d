"""Probe: a few real updates of a run before it begins, of which nothing stays but what they took. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.engines.base import Engine
from core.engines.options import TrainConfig
from core.engines.registry import get_engine
from core.engines.session import Features
from core.jobs.args.training import MeasurePaceArgs
from core.jobs.job import Job, busy
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.training.presets import preset


@dataclass(frozen=True)
class Probe:
    """What updates are made of."""

    engine: Engine[TrainConfig, Features, object]
    config: TrainConfig
    features: Features
    base: Path


def start_probe(project: Project, args: MeasurePaceArgs) -> Job:
    """Time a few updates, or try batches, in a job, which may wait.

    Raises:
        Busy: one of this kind is under way, or something else of the project that does not wait.
    """
    if (job := project.latest(args.kind)) and job.alive():
        raise busy(job.holder())
    return project.start_job(args, gpu=True, wait=True)


def prepare_probe(project: Project, args: MeasurePaceArgs, reporter: Reporter) -> Probe:
    """Prepare the clips as the run would; they stay prepared.

    Raises:
        UserError: the base or the dataset cannot be used. Cancelled: Stop was pressed.
    """
    config = preset(args.preset).config(args.changes)
    reporter.progress("load_engine", 0, 1)
    engine = get_engine(project.info.engine)
    base = engine.base_folder(project.workspace.models, args.base)
    features = engine.prepare(project.datasets / args.dataset, base, project.features, reporter, device=args.device)
    reporter.check_stop()
    reporter.progress("load_base", 0, 1)
    return Probe(engine, config, features, base)
