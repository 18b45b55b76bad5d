"""The workspace and its projects: what they are called, their records, and their jobs."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field

from core.damage import DamagedFile, UnixTime, read_all, read_record, reading
from core.engines import registry
from core.errors import UserError
from core.files import TEMP_PREFIX, free_name, inside, read_json, rename_to_free, slug, subfolders, write_json
from core.jobs import locks, queue
from core.jobs.args.base import JobArgs
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job, busy, jobs_in, newest_of_kinds
from core.project.paths import ProjectPaths, WorkspacePaths
from core.project.schema import begin_anew
from core.project.stats import Figures
from core.project.store import Store
from core.text import as_title

A = TypeVar("A", bound=JobArgs)


@dataclass(frozen=True)
class ProjectInfo:
    """What ``project.json`` says. ``created`` is Unix time in seconds."""

    name: str
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*$")]
    engine: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,32}$")]
    created: UnixTime
    rights: str = ""
    demo: bool = False


_MOST_BYTES = 1 << 20  # of a project.json


def _missing(slug_: str) -> UserError:
    return UserError("project.missing", "There is no project “{slug}”.", "Choose one on the Projects page.", slug=slug_)


def _name(text: str) -> str:
    name = as_title(text)
    if not name:
        raise UserError("project.no_name", "The project has no name.", "Type a name, such as the speaker's.")
    return name


class Project(ProjectPaths):
    """One voice in the making."""

    def __init__(self, workspace: Workspace, slug_: str) -> None:
        super().__init__(inside(workspace.projects_folder, slug_))
        self.workspace = workspace
        self.slug = slug_

    @property
    def info(self) -> ProjectInfo:
        """Name, language, engine, as last written.

        Raises:
            DamagedFile: ``project.json`` cannot be read.
            UserError: ``project.missing``.
        """
        if not self.path.exists():
            raise _missing(self.slug)
        return read_record(self._file, ProjectInfo, "project", self.path, most_bytes=_MOST_BYTES)

    @property
    def _file(self) -> Path:
        return self.path / "project.json"

    def change(self, **fields: Any) -> ProjectInfo:
        """Rewrite ``project.json`` with some fields changed (rename, rights note).

        What a newer version has written there stays.

        Raises:
            UserError: ``project.no_name``.
        """
        if "name" in fields:
            fields["name"] = _name(fields["name"])
        write_json(self._file, {**self.info.__dict__, **read_json(self._file), **fields})
        return self.info

    @property
    def store(self) -> Store:
        """What its database holds."""
        return Store(self.database)

    @property
    def figures(self) -> Figures:
        """The project in numbers."""
        return Figures(self.database)

    def start_job(
        self,
        args: JobArgs,
        *,
        title: str = "",
        gpu: bool = False,
        name: str = "",
        files: Mapping[str, str] | None = None,
        wait: bool = False,
    ) -> Job:
        """Create and start a job of this project; at most one of a kind runs in a project at a time.

        Args:
            args: what is to be done.
            title: the person's own words for it (a run's name, a text); empty if the kind says it all.
            gpu: whether it also needs the (one) graphics card, or the processor in its place.
            name: wished folder name; training runs take the name the person chose.
            files: further files of its folder, text by name.
            wait: take a place in the queue where the card, or its kind, is taken.

        Raises:
            Busy: a job of this kind, or another job on the card, is running or waits for it.
        """
        parent = self.runs if isinstance(args, TrainArgs) else self.jobs
        folder_name = slug(name) if name else ""
        line, other_locks = self.workspace.queue, self._locks(args.kind, gpu)
        return Job.begin(parent, args, other_locks, title=title, name=folder_name, files=files, queue=line, wait=wait)

    def launch(self, job: Job, *, gpu: bool, wait: bool = False) -> None:
        """Start or resume a job's child under the project's lock of its kind and, if asked, the card's.

        With ``wait`` it takes a place in the queue where one of them is taken.
        """
        job.start(*self._locks(job.spec().kind, gpu), queue=self.workspace.queue, wait=wait)

    def _locks(self, kind: str, gpu: bool) -> list[Path]:
        return [self.path / "locks" / kind, *([self.workspace.gpu_lock] if gpu else [])]

    def job(self, job_id: str) -> Job:
        """A job or run by its id."""
        for parent in (self.jobs, self.runs):
            try:
                path = inside(parent, job_id)
            except ValueError:
                break
            if (path / "job.json").exists():
                return Job(path)
        raise UserError("job.missing", "There is no job “{id}”.", "Reload the page.", id=job_id)

    def force_stop(self, job: Job) -> None:
        """Kill a job at once; with one that starts others, every part at work: each is a process group of its own."""
        job.force_stop()
        if job.spec().kind not in ("demo", "finetune"):
            return
        job.wait(5)  # so that it starts no further part
        for part in self.all_jobs():
            if part.alive() and part.spec().at >= job.spec().at:
                part.force_stop()

    def all_jobs(self, damage: list[DamagedFile] | None = None) -> list[Job]:
        """Jobs and runs, newest first; what is damaged is passed over, and added to ``damage`` if that is given."""
        return jobs_in(self.jobs, self.runs, damage=damage)

    def jobs_of(self, model: type[A]) -> Iterator[tuple[Job, A]]:
        """The jobs with arguments of this sort, newest first, each with these."""
        for job in self.all_jobs():
            if isinstance(args := job.spec().args, model):
                yield job, args

    def latest(self, *kinds: str) -> Job | None:
        """The newest job of one of these kinds."""
        return newest_of_kinds(kinds, self.jobs, self.runs)

    def running(self, besides: Job | None = None) -> Job | None:
        """A job of this project, ``besides`` another, that is at work now; one that waits for its turn if none is."""
        live = [job for job in jobs_in(self.jobs, self.runs, live=True) if not besides or job.path != besides.path]
        return next((job for job in live if job.read().status != "waiting"), live[0] if live else None)


class Workspace(WorkspacePaths):
    """The folder that holds projects, models, the trash and the GPU lock."""

    def on_card(self) -> dict[str, Any]:
        """Who uses the card now, or is next to (kind, title, path of the job); empty if it is free."""
        if locks.is_locked(self.gpu_lock):
            return locks.holder(self.gpu_lock)
        waiting = queue.tickets(self.queue, [self.gpu_lock])
        return waiting[0].holder if waiting else {}

    def running(self) -> list[tuple[Project, Job]]:
        """The job at work in each project that has one, or that waits there, as `Project.running` says."""
        jobs = ((project, project.running()) for project in self.projects())
        return [(project, job) for project, job in jobs if job is not None]

    def waiting(self) -> list[tuple[Project, Job]]:
        """The jobs that wait for their turn, the next one first, each with its project."""
        jobs = (Job(Path(str(ticket.holder.get("path", "")))) for ticket in queue.tickets(self.queue))
        return [
            (Project(self, job.path.parent.parent.name), job)
            for job in jobs
            if job.path.is_relative_to(self.projects_folder) and (job.path / "job.json").exists()
        ]

    def projects(self, damage: list[DamagedFile] | None = None) -> list[Project]:
        """All projects, newest first; what is damaged is passed over, and added to ``damage`` if that is given."""
        dated_projects = read_all(subfolders(self.projects_folder), self._open_dated, damage)
        return [project for _, project in sorted(dated_projects, key=lambda entry: entry[0], reverse=True)]

    def project(self, slug_: str) -> Project:
        """A project by its folder name.

        Raises:
            DamagedFile: its ``project.json`` cannot be read.
            UserError: ``project.missing``.
        """
        if not slug_ or slug_ != Path(slug_).name or slug_.startswith("."):
            raise _missing(slug_)
        path = self.projects_folder / slug_
        if not os.path.lexists(path):
            raise _missing(slug_)
        return self._open_dated(path)[1]

    def _open_dated(self, path: Path) -> tuple[float, Project]:
        with reading(path, "project", path):
            path.stat()  # a link may lead nowhere
            project = Project(self, path.name)
        return project.info.created, project

    def create(self, name: str, language: str = "en", engine: str = registry.DEFAULT, *, demo: bool = False) -> Project:
        """Make an empty project, whole or not at all; two of the same name get different folders.

        Raises:
            UserError: ``project.no_name``. OSError: it could not be written, and nothing is left of it.
        """
        name = _name(name)
        self.projects_folder.mkdir(parents=True, exist_ok=True)
        info = ProjectInfo(name=name, language=language, engine=engine, created=time.time(), demo=demo)
        draft = Path(tempfile.mkdtemp(prefix=TEMP_PREFIX, dir=self.projects_folder))
        try:
            begin_anew(draft / "project.db")
            write_json(draft / "project.json", info.__dict__)
            path = rename_to_free(draft, slug(name, "project"))
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        return Project(self, path.name)

    def delete(self, project: Project) -> Path:
        """Move a project into the trash and return where it lies.

        Raises:
            Busy: a job of it is running.
        """
        if running := project.running():
            raise busy(running.holder())
        self.trash.mkdir(parents=True, exist_ok=True)
        target = self.trash / free_name(self.trash, project.slug)
        project.path.rename(target)
        return target

    def trash_names(self) -> list[str]:
        """Folder names in the trash, newest first."""
        folders = [file.parent for file in self.trash.glob("*/project.json")]
        return [path.name for path in sorted(folders, key=lambda path: path.stat().st_ctime, reverse=True)]

    def restore(self, name: str) -> Project:
        """Bring a project back from the trash; ``name`` is its folder there.

        Raises:
            UserError: ``project.not_in_trash``.
        """
        if name not in self.trash_names():
            raise UserError("project.not_in_trash", "“{name}” is not in the trash.", "Reload the page.", name=name)
        source = self.trash / name
        self.projects_folder.mkdir(parents=True, exist_ok=True)
        target = free_name(self.projects_folder, name)
        source.rename(self.projects_folder / target)
        return Project(self, target)


def project_of(job: Job) -> Project:
    """A job's project by where the job lies now: it may have moved, or come back from the trash under another name.

    Raises:
        UserError: see `Workspace.project`.
    """
    folder = job.path.parents[1]
    return Workspace(folder.parents[1]).project(folder.name)
