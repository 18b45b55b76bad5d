"""Engine of a project: which base it trains on, how its texts are read, a base's download."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from core.engines.hub import HUB
from core.engines.light import Reading, TextCheck
from core.engines.registry import bases, texts
from core.errors import UserError
from core.files import subfolders
from core.jobs.args.bases import DownloadBaseArgs, FetchBaseArgs, RewriteBaseArgs, TryBaseArgs
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.project.workspace import Project, Workspace


def usual_base(project: Project) -> str:
    """The base a project was trained on last, else the best that is there: its id, or a local folder."""
    for _, last in project.jobs_of(TrainArgs):
        return last.base
    models = bases(project.info.engine)
    ready = models.state(project.workspace.models, models.default).status == "ready"
    return models.default if ready and not project.info.demo else models.small


def known_bases(workspace: Workspace, engine: str) -> list[str]:
    """Ids of an engine's bases that are ready, and of folders that are as good: in the workspace's ``models``, or used
    by a job of any project. What is no longer there is left out."""
    models = bases(engine)
    ids = [id_ for id_ in models.catalog if models.state(workspace.models, id_).status == "ready"]
    folders = [str(folder.absolute()) for folder in subfolders(workspace.models) if folder.name not in models.catalog]
    for project in workspace.projects():
        with contextlib.suppress(UserError):  # a damaged one keeps the others from nothing
            if project.info.engine == engine:
                folders += _folders_of(project)
    for folder in dict.fromkeys(folders):
        with contextlib.suppress(UserError, OSError):
            ids.append(models.local(folder))
    return ids


def _folders_of(project: Project) -> list[str]:
    """Folders that its jobs took a base from."""
    jobs = [job.spec().args for job in project.all_jobs()]
    folders = [args.base for args in jobs if isinstance(args, TrainArgs) and Path(args.base).is_absolute()]
    return folders + [str(args.folder) for args in jobs if isinstance(args, TryBaseArgs | RewriteBaseArgs)]


def read_text(project: Project, text: str, language: str = "") -> Reading:
    """What the model will read of a text; ``language`` is the project's if empty."""
    return texts(project.info.engine).read(_vocabulary(project), text, language or project.info.language)


def reading_stamp(project: Project) -> tuple[str, int]:
    """Changes whenever texts may be judged otherwise: with another base, or when its folder changes."""
    folder = _vocabulary(project)
    return str(folder), folder.stat().st_mtime_ns if folder.exists() else 0


def text_check(project: Project) -> TextCheck:
    """Judges texts as the training of this project will."""
    return texts(project.info.engine).check(_vocabulary(project), project.info.language)


def _vocabulary(project: Project) -> Path:
    models = bases(project.info.engine)
    try:
        return models.place(project.workspace.models, usual_base(project))
    except UserError:  # an earlier run's base that is known no longer
        return models.place(project.workspace.models, models.small)


def start_fetch(project: Project, address: str, paths: Mapping[str, str], *, hub: str = HUB) -> Job:
    """Fetch a base that somebody has put on the hub; goes on where an earlier download was broken off.

    Raises:
        UserError: ``base.hub_address``, ``base.hub_file``. Busy: one is being fetched.
    """
    base = bases(project.info.engine).on_hub(address, paths)
    return project.start_job(FetchBaseArgs(address=address, paths=dict(paths), hub=hub), title=base.label)


def start_rewriting(project: Project, folder: Path, file: str) -> Job:
    """Make a folder's weights of one of its `BaseModels.unread_weights`, in a job that may read it.

    Raises:
        UserError: ``base.missing_file``. Busy: another one is at work.
    """
    if file not in bases(project.info.engine).unread_weights(folder):
        raise UserError(
            "base.missing_file",
            "The base model in {folder} has no {name}.",
            "Download the base again, or choose another folder.",
            folder=str(folder),
            name=file,
        )
    return project.start_job(RewriteBaseArgs(folder=folder, file=file), title=file)


def start_download(project: Project, base_id: str, *, hub: str = HUB) -> Job:
    """Fetch a base model, or make it, in a job of its own; goes on where an earlier one was broken off.

    Raises:
        UserError: ``base.license``, ``base.unknown``. Busy: a download of this project is running.
    """
    models = bases(project.info.engine)
    models.place(project.workspace.models, base_id)
    models.require_license(project.workspace.models, base_id)
    return project.start_job(DownloadBaseArgs(base_id=base_id, hub=hub), title=models.label(base_id))
