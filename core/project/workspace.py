"""The workspace and its projects: every path on disk is a property here."""

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
from core.jobs.job import Job, busy, jobs_in
from core.project.records import Source
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
    return UserError("project.missing", "There is no project “{slug}”.", "Choose one on the Home page.", slug=slug_)


def _name(text: str) -> str:
    name = as_title(text)
    if not name:
        raise UserError("project.no_name", "The project has no name.", "Type a name, such as the speaker's.")
    return name


class Project:
    """One voice in the making. Every path of it is a property here."""

    def __init__(self, workspace: Workspace, slug_: str) -> None:
        self.workspace = workspace
        self.slug = slug_
        self.path = inside(workspace.projects_folder, slug_)

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

    @property
    def database(self) -> Path:
        """The file its records are in."""
        return self.path / "project.db"

    @property
    def sources(self) -> Path:
        """Decoded recordings, ``<id>.flac``."""
        return self.path / "sources"

    @property
    def clips(self) -> Path:
        """Cut clips, ``<id>.wav``."""
        return self.path / "clips"

    @property
    def uploads(self) -> Path:
        """Where a file lies between upload and decoding."""
        return self.path / "uploads"

    @property
    def datasets(self) -> Path:
        """Frozen datasets, each named by its content."""
        return self.path / "datasets"

    @property
    def features(self) -> Path:
        """Cached training features."""
        return self.path / "features"

    @property
    def runs(self) -> Path:
        """Training runs, each a job folder."""
        return self.path / "runs"

    @property
    def reports(self) -> Path:
        """Reports, a folder for each run."""
        return self.path / "reports"

    @property
    def spoken(self) -> Path:
        """Sentences of runs that checkpoints of others have spoken: ``<whose>/<run>/<step>/<number>.wav``."""
        return self.path / "listening" / "spoken"

    @property
    def jobs(self) -> Path:
        """All other jobs."""
        return self.path / "jobs"

    @property
    def takes(self) -> Path:
        """What was spoken on the Speak page."""
        return self.path / "takes"

    @property
    def documents(self) -> Path:
        """Long texts of the studio, each a folder, and the list of pronunciations."""
        return self.path / "documents"

    @property
    def voices(self) -> Path:
        """Voices that were saved under a name, ``<id>.json``."""
        return self.path / "voices"

    @property
    def exports(self) -> Path:
        """Exported voices."""
        return self.path / "exports"

    def source_file(self, source_id: str) -> Path:
        """The decoded recording of a source."""
        return inside(self.sources, f"{source_id}.flac")

    def denoised_file(self, source_id: str) -> Path:
        """The copy of a recording with its noise taken away, if somebody asked for one."""
        return inside(self.sources, f"{source_id}.cleaned.flac")

    def sound_file(self, source: Source) -> Path:
        """What clips of a recording are cut from: the recording, or the cleaned copy where that is chosen."""
        return self.denoised_file(source.id) if source.use == "cleaned" else self.source_file(source.id)

    def source_files(self, source_id: str) -> list[Path]:
        """All files of a recording: itself, and what was made from it (frames, speech, cleaned copy)."""
        return sorted(self.source_file(source_id).parent.glob(f"{source_id}.*"))

    def clip_file(self, clip_id: str) -> Path:
        """The audio of a clip."""
        return inside(self.clips, f"{clip_id}.wav")

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
        return next((job for job in self.all_jobs() if job.spec().kind in kinds), None)

    def running(self) -> Job | None:
        """A job of this project that is at work now; one that waits for its turn if none is."""
        live = jobs_in(self.jobs, self.runs, live=True)
        return next((job for job in live if job.read().status != "waiting"), live[0] if live else None)


class Workspace:
    """The folder that holds projects, models, the trash and the GPU lock."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def projects_folder(self) -> Path:
        """All projects."""
        return self.path / "projects"

    @property
    def models(self) -> Path:
        """Downloaded base models and recognition models."""
        return self.path / "models"

    @property
    def voices(self) -> Path:
        """Voices that were brought in; they speak in every project."""
        return self.path / "voices"

    @property
    def voices_trash(self) -> Path:
        """Those of them that a person deleted."""
        return self.voices / ".trash"

    @property
    def trash(self) -> Path:
        """Deleted projects, kept until the person empties it."""
        return self.path / "trash"

    @property
    def gpu_lock(self) -> Path:
        """Held by the one job that may use the card."""
        return self.path / "gpu.lock"

    @property
    def queue(self) -> Path:
        """Tickets of the jobs that wait for the card."""
        return self.path / "queue"

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
