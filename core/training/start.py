"""Starting a training, and going on with one. Imports no torch."""

from __future__ import annotations

from typing import Any

from core.damage import reading
from core.engines.registry import bases
from core.engines.session import STATE
from core.errors import UserError
from core.files import free_name, slug
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.project.trash import contents as trash_contents
from core.project.workspace import Project
from core.text import as_title
from core.training.config import config_text, read_config
from core.training.presets import preset
from core.training.room import check_room
from core.training.run import CONFIG, Run

_LEAVING_S = 20.0


def start_training(
    project: Project,
    dataset_id: str,
    preset_id: str,
    overrides: dict[str, Any] | None = None,
    name: str = "",
    base_id: str = "",
    *,
    device: str = "auto",
    wait: bool = False,
) -> Job:
    """Freeze the settings into a new run folder and start training in a child process.

    Args:
        project: whose voice it is.
        dataset_id: a folder of ``project.datasets``.
        preset_id: see `core.training.presets`.
        overrides: settings that differ from the preset's.
        name: what the person calls the run.
        base_id: a base model's id, or the path of a local folder; the engine's first if empty.
        device: ``auto``, ``cuda`` or ``cpu``.
        wait: where the card is taken, or the project trains already, wait for it in the queue.

    Raises:
        Busy: a training runs already, or the card is taken.
        DiskFull: there is no room for checkpoints.
        UserError: an unknown preset or setting, or no such dataset.
    """
    models, folder = bases(project.info.engine), project.workspace.models
    base_id = base_id or models.default
    config = preset(preset_id).config(overrides)
    if not dataset_id or not (project.datasets / dataset_id / "metadata_train.csv").exists():
        raise UserError(
            "train.no_dataset",
            "There is no dataset “{id}”.",
            "Freeze a dataset on the Dataset page first.",
            id=dataset_id,
        )
    if not models.is_made(base_id):  # a job does that
        models.folder(folder, base_id)  # in the click, not minutes later
    check_room(project, config, base_id)
    title = as_title(name) or preset_id
    about = {"preset": preset_id, "dataset": dataset_id, "base": base_id}
    frozen = config_text(config, engine=project.info.engine, **about, language=project.info.language)
    return project.start_job(
        TrainArgs(**about, device=device, project=project.slug),
        title=title,
        gpu=True,
        name=_unused_name(project, slug(title, "run")),
        files={CONFIG: frozen},
        wait=wait,
    )


def _unused_name(project: Project, name: str) -> str:
    """A name that no run ever had as far as votes and the trash tell: what belongs to that run is not this one's."""
    names = {ref.run_id for vote in project.store.votes() for ref in (vote.left, vote.right)}
    names |= {place.split("/")[1] for entry in trash_contents(project) for place in entry.places if "/" in place}
    return free_name(project.runs, name, names)


def resume(project: Project, run_id: str, *, wait: bool = False) -> Job:
    """Go on with a run that was stopped, failed, or was interrupted, from its newest complete state.

    With ``wait`` it takes a place in the queue where the card is taken, or the project trains already.

    Raises:
        Busy: it, or another training, is running.
        UserError: ``train.already_done``, ``train.no_state``.
    """
    run = Run(project, run_id)
    view = run.read()
    status = view.job.status
    if status == "done" and view.step >= view.total:
        raise UserError(
            "train.already_done",
            "“{run}” has had all its updates.",
            "Listen to its checkpoints, or start a new run.",
            run=run.title,
        )
    if view.state_lost:
        # It would begin at the beginning, and clear away every later checkpoint as another course's.
        raise UserError(
            "train.no_state",
            "“{run}” cannot go on: none of its checkpoints holds the {file} that this takes.",
            "Start a new run. The checkpoints stay: listen to them and export the best.",
            run=run.title,
            file=STATE,
        )
    with reading(run.path / CONFIG, "run", run.path):
        read_config(run.path / CONFIG)  # one of a newer version would be trained on with other settings than its own
    check_room(project, view.config, run.base_id)
    if not view.job.active:
        # It has said its last word; its process may need another moment to go.
        run.job.wait(_LEAVING_S)
    project.launch(run.job, gpu=True, wait=wait)
    return run.job
