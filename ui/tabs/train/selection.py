"""Selection: what is chosen on the left of the train tab, as the address keeps it."""

from __future__ import annotations

from dataclasses import dataclass

from core.dataset.freeze import DatasetInfo, datasets
from core.engines.registry import bases
from core.project.workspace import Project
from core.training.presets import Preset, machine_preset, presets
from core.training.run import Run, runs
from ui.page import view_of


@dataclass(frozen=True)
class Selection:
    """What is chosen on the left; the address keeps it, so a reload does too."""

    base: str
    dataset: str
    preset: Preset
    run: Run | None
    overlay: list[str]
    all_runs: list[Run]
    all_datasets: list[DatasetInfo]

    @classmethod
    def read(cls, project: Project, query: str) -> Selection:
        """From the address, or what suits best where it is silent or out of date."""
        view, frozen, all_runs = view_of(query), datasets(project), runs(project)
        engine = project.info.engine
        by_id = {preset.id: preset for preset in presets(engine)}
        base = view.get("base", "")
        return cls(
            base if base in _bases(project) else _default_base(project),
            next((data.id for data in frozen if data.id == view.get("dataset")), frozen[0].id if frozen else ""),
            by_id.get(view.get("preset", "")) or machine_preset(engine),
            next((run for run in all_runs if run.id == view.get("run")), _at_work(all_runs)),
            [id_ for id_ in view.get("overlay", "").split(",") if id_],
            all_runs,
            frozen,
        )


def _bases(project: Project) -> list[str]:
    return [*bases(project.info.engine).catalog, "folder"]


def _default_base(project: Project) -> str:
    if runs(project):
        last = runs(project)[0].base_id
        return last if last in _bases(project) else "folder"
    models = bases(project.info.engine)
    return models.small if project.info.demo else models.default


def _at_work(all_runs: list[Run]) -> Run | None:
    """What a person comes to see: the run that is at work, be it resumed or with others behind it, else the last."""
    at_work = (run for run in all_runs if run.job.read().status in ("running", "paused"))
    return next(at_work, max(all_runs, key=_last_sign, default=None))


def _last_sign(run: Run) -> float:
    """When something was last heard of a run, as Unix time in seconds."""
    try:
        return run.job.events_path.stat().st_mtime
    except OSError:
        return run.job.read().created_at
