"""Cost estimate of a run (seconds, memory), by earlier runs on this machine or a few updates that were timed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from core.engines.options import TrainConfig
from core.jobs.args.training import MeasurePaceArgs
from core.project.workspace import Project
from core.training.pace import Pace
from core.training.run import RunView, runs


@dataclass(frozen=True)
class Cost:
    """``seconds`` and ``memory_gb`` as far as they are known; ``updates`` of ``clips`` clips each.

    ``is_probe``: by a few updates alone, without what speaking takes.
    """

    updates: int
    clips: int
    seconds: float | None = None
    memory_gb: float | None = None
    is_probe: bool = False


def estimate(project: Project, config: TrainConfig, base_id: str | None) -> Cost:
    """What training with ``config`` on ``base_id`` should take, by the newest ended run of that base that got going.

    ``None`` stands for a local folder, whichever: a run on one is a fair guess for another. An update's time goes with
    the clips it learns from; memory is only known for the same batch size.
    """
    clips = config.clips_per_update
    for run in runs(project):
        if not (Path(run.base_id).is_absolute() if base_id is None else run.base_id == base_id):
            continue
        view = run.read()
        if view.job.active or not view.steps_per_s:
            continue
        return Cost(config.max_steps, clips, _seconds(view, config), _memory(view, config))
    for job, args in project.jobs_of(MeasurePaceArgs):
        is_same = Path(args.base).is_absolute() if base_id is None else args.base == base_id
        probe = job.read()
        if is_same and probe.status == "done" and probe.count("step_s") and probe.count("clips"):
            pace = Pace(step_s=probe.count("step_s") * clips / probe.count("clips"), eval_s=probe.count("eval_s"))
            return Cost(config.max_steps, clips, pace.eval_s + pace.left_s(config, 0, 0.0), is_probe=True)
    return Cost(config.max_steps, clips)


def _seconds(view: RunView, config: TrainConfig) -> float:
    """Reckoned as the run itself does, with what it checks and speaks before the first update."""
    assert view.steps_per_s is not None
    step_s = config.clips_per_update / view.config.clips_per_update / view.steps_per_s
    pace = Pace(step_s=step_s, eval_s=view.eval_s or 0.0)
    took = [sample.took_s for sample in view.job.samples.values()]
    sample_s = fmean(took) * config.sample_sentences if took else 0.0
    return pace.eval_s + sample_s + pace.left_s(config, 0, sample_s)


def _memory(view: RunView, config: TrainConfig) -> float | None:
    same = (view.config.batch_size, view.config.gradient_checkpointing, view.config.precision) == (
        config.batch_size,
        config.gradient_checkpointing,
        config.precision,
    )
    return view.memory_mb / 1024 if same and view.memory_mb else None
