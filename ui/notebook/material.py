"""Material of the notebook: the project from the drive, a file, or new; what it is made of; its base and preset."""

from __future__ import annotations

import shutil
from pathlib import Path

from core import transfer
from core.demo import RECORDING, RIGHTS
from core.engines.registry import bases
from core.errors import UserError
from core.files import TEMP_PREFIX, slug
from core.jobs.args.projects import UnpackProjectArgs
from core.project.engine import start_download
from core.project.workspace import Project
from core.sync.fetch import fetch
from core.training.presets import Preset, machine_preset
from ui.notebook import pictures
from ui.notebook.cell import Cell, Wish


def material(wish: Wish) -> tuple[Path | None, str]:
    """What a project without recordings is made of, and why that may be used: the demo's, if nothing is named."""
    if _is_project_file(wish):  # never the demo's recording in somebody's project
        return None, ""
    if wish.source:
        return Path(wish.source).expanduser(), wish.rights
    return RECORDING, RIGHTS


def open_project(cell: Cell) -> Project:
    """The project that is here; else the one on the drive, the one in the file, or a new one.

    Raises:
        Cancelled, UserError: it did not come in.
    """
    wish, workspace = cell.wish, cell.workspace
    name = slug(wish.project, "project")
    if (workspace.projects_folder / name).exists():
        present = workspace.project(name)
        if _has_come(cell, present):
            return present
        shutil.rmtree(present.path)

    def tell(done: int, total: int) -> None:
        cell.check_stop()
        t = cell.t
        text = t("notebook.fetched", done=t.megabytes(done), total=t.megabytes(total))
        cell.show("fetched", pictures.paragraph(text))

    if wish.drive and (project := fetch(workspace, wish.drive, name, tell)):
        return project
    return (
        _from_file(cell, name) if _is_project_file(wish) else workspace.create(wish.project, wish.speech, wish.engine)
    )


def base_of(cell: Cell, project: Project) -> str:
    """Id of the base that is trained further."""
    return cell.wish.base or bases(project.info.engine).default


def preset_of(project: Project) -> Preset:
    """The settings that suit the card."""
    return machine_preset(project.info.engine)


def fetch_base(cell: Cell, project: Project) -> None:
    """Fetch the base, where that is still to be done; its licence is asked for by name.

    Raises:
        UserError: ``notebook.license``. Cancelled, UserError: it was not fetched.
    """
    models, base_id = bases(project.info.engine), base_of(cell, project)
    if base_id not in models.catalog or models.is_made(base_id):
        return
    state = models.state(cell.workspace.models, base_id)
    if state.needs_license and not state.license_accepted:
        if not cell.wish.accept_license:
            raise UserError(
                "notebook.license",
                "“{label}” comes under the {license}: {url}",
                "Read it; then set ACCEPT_LICENSE = True at the top, and run that cell and all below it again.",
                label=state.base.label,
                license=state.base.license,
                url=state.base.license_url,
            )
        models.accept_license(cell.workspace.models, base_id)
    if state.status != "ready":
        cell.follow(start_download(project, base_id))


def _is_project_file(wish: Wish) -> bool:
    return wish.source.endswith(transfer.SUFFIX)


def _from_file(cell: Cell, name: str) -> Project:
    workspace, source = cell.workspace, Path(cell.wish.source).expanduser()
    if not source.is_file():
        raise UserError(
            "prepare.nothing",
            "There is no file {path}.",
            "Name a recording or a data set that is there.",
            path=str(source),
        )
    workspace.path.mkdir(parents=True, exist_ok=True)
    file = workspace.path / f"{TEMP_PREFIX}{name}{transfer.SUFFIX}"
    shutil.copyfile(source, file)
    project = transfer.bring(workspace, file, f"{cell.wish.project}{transfer.SUFFIX}")
    cell.follow(next(iter(project.all_jobs())))
    return project


def _has_come(cell: Cell, project: Project) -> bool:
    """Whether a project that comes as a file is whole here; what was broken off is to be brought once more."""
    job = project.latest(UnpackProjectArgs.kind)
    if job is None:
        return True
    if job.alive():
        cell.follow(job)
    return job.read().status == "done" or bool(project.store.sources() or project.store.count())
