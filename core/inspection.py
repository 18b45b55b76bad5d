"""Damage report of a project and its workspace: setting a thing aside, restoring records from a backup."""

from __future__ import annotations

import contextlib
from pathlib import Path

from core.damage import RECORDS, DamagedFile, check_file, put_aside, read_all, reading
from core.dataset.freeze import datasets
from core.engines.registry import engines
from core.errors import UserError
from core.files import read_text
from core.jobs.job import Job, busy, jobs_in
from core.listening import notes
from core.project import backups, schema, trash
from core.project.backups import Copy
from core.project.workspace import Project, Workspace
from core.sources import reading as reading_aloud
from core.sources import recordings
from core.sources.collections import pending
from core.sources.links import playlist
from core.sources.links.cookies import MOST_LETTERS, cookies_file
from core.studio.documents import documents
from core.studio.pronunciation import pronunciations
from core.synthesis import exports
from core.synthesis.saved_voices import saved_voices
from core.synthesis.start import takes
from core.training.presets import presets
from core.training.run import runs


def of_workspace(workspace: Workspace) -> list[DamagedFile]:
    """Projects that cannot be opened, records among them, and what all projects share."""
    damage: list[DamagedFile] = []
    projects = workspace.projects(damage)
    read_all(projects, _check_records, damage)
    exports.imported_voices(workspace, damage)
    read_all([cookies_file(workspace)], _check_cookies, damage)
    for engine in engines():
        presets(engine.name, damage)
    return damage


def of_project(project: Project) -> list[DamagedFile]:
    """Everything in a project that cannot be read. Looks at every file a page reads: not for every second."""
    damage: list[DamagedFile] = []
    read_all([project], _check_records, damage)
    jobs = jobs_in(project.jobs, damage=damage)
    runs(project, damage)
    read_all([job for job in jobs if job.spec().kind == "list_link"], playlist.listing_of, damage)
    datasets(project, damage)
    takes(project, damage)
    exports.exports(project, damage)
    documents(project, damage)
    pronunciations(project, damage)
    saved_voices(project, damage)
    pending.pending_datasets(project, damage)
    notes.notes(project, damage)
    read_all([project], reading_aloud.stored_progress, damage)
    recordings.trash_entries(project, damage)
    trash.contents(project, damage)
    read_all(project.sources.glob("*.npz"), check_file, damage)
    return damage


def records_error(project: Project) -> UserError | None:
    """Why the project's records cannot be read: damaged, or of a newer version; None if they can."""
    try:
        project.figures.check()
    except UserError as error:
        return error
    return None


def copy_offered(project: Project) -> Copy | None:
    """The newest whole copy of the records."""
    return backups.newest_whole(project.database)


def put_thing_aside(workspace: Workspace, place: str) -> Path:
    """Move something damaged into the workspace's ``damaged`` folder; records begin anew and empty.

    Args:
        workspace: where it lies.
        place: the path of the thing as seen from the workspace; only what is damaged can be meant.

    Returns:
        Where it lies now.

    Raises:
        Busy: a job of it is running.
        UserError: ``damaged.gone``.
    """
    error = _damage_at(workspace, place)
    if error.kind == RECORDS:
        target = _records_aside(Project(workspace, error.thing.parent.name))
        schema.begin_anew(error.thing)
        return target
    locks = [error.thing, *(path.parent for path in error.thing.glob("*/*/lock"))]
    if live := next((job for job in map(Job, locks) if job.alive()), None):
        raise busy({"title": live.id})
    return put_aside(workspace.path, error.thing)


def restore_records(project: Project) -> Copy:
    """Put the newest whole copy in the place of damaged records, which are put aside; returns the copy.

    Raises:
        Busy: a job of the project is running.
        UserError: ``records.no_copy``, ``damaged.gone``: nothing is wrong with them.
    """
    if not isinstance(records_error(project), DamagedFile):
        raise _not_found(project.database.name)
    copy = copy_offered(project)
    if copy is None:
        raise UserError(
            "records.no_copy",
            "There is no whole copy of the records of “{project}”.",
            "Put them aside to go on with empty ones; the recordings stay on the disk.",
            project=project.info.name,
        )
    _records_aside(project)
    backups.restore(copy, project.database)
    schema.check(project.database)
    return copy


def _records_aside(project: Project) -> Path:
    if running := project.running():
        raise busy(running.holder())
    # The database last: until then its log still lies beside it.
    targets = [put_aside(project.workspace.path, part) for part in reversed(backups.parts(project.database))]
    return targets[-1] if targets else project.database


def _damage_at(workspace: Workspace, place: str) -> DamagedFile:
    path = workspace.path / place
    parts = Path(place).parts
    candidates = of_workspace(workspace)
    if len(parts) > 2 and parts[0] == workspace.projects_folder.name:
        with contextlib.suppress(UserError):  # then the project itself is meant, or nothing
            candidates += of_project(workspace.project(parts[1]))
    for error in candidates:
        if error.thing == path or error.thing.absolute() == path.absolute():
            return error
    raise _not_found(place)


def _not_found(place: str) -> UserError:
    return UserError(
        "damaged.gone", "Nothing is wrong with {path}, or it is no longer there.", "Reload the page.", path=place
    )


def _check_records(project: Project) -> None:
    """Raises `DamagedFile` if the records cannot be read; those of a newer version are not damaged."""
    error = records_error(project)
    if isinstance(error, DamagedFile):
        raise error


def _check_cookies(path: Path) -> None:
    check_file(path, "cookies", most_bytes=4 * MOST_LETTERS)
    with reading(path, "cookies"):
        if path.exists():
            read_text(path, 4 * MOST_LETTERS)
