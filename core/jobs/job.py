"""Job: a folder that says what to do, a child process that does it, and its state as it can be read."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from core import REPOSITORY
from core.damage import DamagedFile, UnixTime, check_file, read_all, read_record
from core.files import TEMP_PREFIX, Place, open_regular, read_json, rename_to_free, subfolders, write_atomic, write_json
from core.jobs import events, fork_server, locks
from core.jobs import queue as waiting
from core.jobs.args.base import JobArgs
from core.jobs.args.kinds import from_disk
from core.jobs.locks import busy as busy  # what a job refuses with is found where jobs are
from core.jobs.view import Fold
from core.jobs.view import JobView as JobView  # a job hands it out, so it is found here too
from core.text import as_title

# A job needs no password, and is one process: it would wait for others that a launcher had told of.
_NOT_INHERITED = ("VOICEWRIGHT_PASSWORD", "WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
_MOST_SPEC_BYTES = 16 << 20
_MOST_LOG_BYTES = 1 << 30  # of events: a hundred times the longest training there may be


@dataclass(frozen=True)
class Spec:
    """What ``job.json`` says: the task's module, what it is told, the person's words for it, when it was made."""

    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    args: JobArgs
    title: str = ""
    at: UnixTime = 0.0


def _with_args(_: Path, raw: dict[str, Any]) -> dict[str, Any]:
    return {**raw, "args": from_disk(str(raw["kind"]), raw["arguments"])}


# A cache of what was already read from disk, not state: dropping it costs one re-read.
_folds: OrderedDict[tuple[Path, int], Fold] = OrderedDict()
_folds_lock = threading.Lock()
_MAX_FOLDS = 64


class Job:
    """A folder: ``job.json`` (of which the title alone may change), ``lock``, ``events.jsonl``, ``worker.log``, and the
    marks ``stop`` and ``dismissed``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name

    @classmethod
    def create(
        cls,
        parent: Path,
        args: JobArgs,
        *,
        title: str = "",
        name: str = "",
        files: Mapping[str, str] | None = None,
    ) -> Job:
        """Make the folder ``parent/<id>`` and freeze what is to be done into its ``job.json``.

        The folder appears when all of it is written.

        Args:
            parent: folder that holds jobs of this sort (``project.jobs`` or ``project.runs``).
            args: what is to be done.
            title: what a person calls it.
            name: wished folder name; made from the time and kind if empty.
            files: further files of the folder, text by name.
        """
        draft = cls._draft(parent, args, title, files or {})
        return cls(rename_to_free(draft.path, _folder_name(name, args.kind)))

    @classmethod
    def begin(
        cls,
        parent: Path,
        args: JobArgs,
        other_locks: Iterable[Path] = (),
        *,
        title: str = "",
        name: str = "",
        files: Mapping[str, str] | None = None,
        queue: Path | None = None,
        wait: bool = False,
    ) -> Job:
        """Make a job and start it under its own lock and ``other_locks``; further arguments as `create` has them.

        Args:
            queue: folder of those who wait for locks (`core.jobs.queue`): nobody starts before them.
            wait: wait there for ``other_locks`` where they are held.

        Raises:
            Busy: one of the locks is held. No other process ever sees a folder of what was refused.
        """
        draft = cls._draft(parent, args, title, files or {})
        handles: list[int] = []
        try:
            handles, missing = waiting.acquire(draft.path / "lock", list(other_locks), draft.holder(), queue, wait)
            job = cls(rename_to_free(draft.path, _folder_name(name, args.kind)))
        except BaseException:
            locks.release(handles)
            shutil.rmtree(draft.path, ignore_errors=True)
            raise
        try:
            # A lock is on the file, not on its name, so it has moved along; what it says of its holder has not.
            for handle in handles:
                locks.write_holder(handle, job.holder())
            job._spawn(handles, queue, missing)
        except BaseException:
            shutil.rmtree(job.path, ignore_errors=True)
            raise
        finally:
            locks.release(handles)
        return job

    @classmethod
    def _draft(cls, parent: Path, args: JobArgs, title: str, files: Mapping[str, str]) -> Job:
        """A whole job in a hidden folder."""
        parent.mkdir(exist_ok=True)  # not those above: a late request makes no folder of a deleted project anew
        draft = Path(tempfile.mkdtemp(prefix=TEMP_PREFIX, dir=parent))
        try:
            for name, text in files.items():
                write_atomic(draft / name, text)
            about = {"kind": args.kind, "title": title, "at": time.time(), "arguments": args.model_dump(mode="json")}
            write_json(draft / "job.json", about)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        return cls(draft)

    def spec(self) -> Spec:
        """The content of ``job.json``.

        Raises:
            DamagedFile: it cannot be read.
        """
        path = self.path / "job.json"
        return read_record(path, Spec, self.thing, self.path, most_bytes=_MOST_SPEC_BYTES, complete=_with_args)

    @property
    def thing(self) -> str:
        """What it is to a person where it cannot be read: a run, or another job."""
        return "run" if self.path.parent.name == "runs" else "job"

    def check(self) -> Job:
        """Make sure that what a page reads of it can be read; returns itself.

        Raises:
            DamagedFile: one of its files cannot.
        """
        self.spec()
        for path, most_bytes in ((self.events_path, _MOST_LOG_BYTES), (self.path / "lock", _MOST_SPEC_BYTES)):
            check_file(path, self.thing, self.path, most_bytes=most_bytes)
        return self

    events_path = Place("events.jsonl")  # the event log
    log_path = Place("worker.log")  # everything the child printed
    stop_path = Place("stop")  # there once Stop was pressed
    _dismissed_path = Place("dismissed")

    def alive(self) -> bool:
        """Whether a process holds the job's lock."""
        return locks.is_locked(self.path / "lock")

    @property
    def has_run_here(self) -> bool:
        """Whether it was ever started on this computer: its lock goes along with no copy (`core.project.contents`)."""
        return (self.path / "lock").exists()

    def rename(self, title: str) -> None:
        """Let a person call it otherwise; an empty title changes nothing."""
        title = as_title(title)
        if title:
            self.spec()  # what cannot be read is not written over
            with self._place_kept():
                write_json(self.path / "job.json", {**read_json(self.path / "job.json"), "title": title})

    @property
    def dismissed(self) -> bool:
        """Whether a person is done with how it ended; a resumed one is shown again."""
        return self._dismissed_path.exists()

    def dismiss(self) -> None:
        """Note that a person is done with how it ended."""
        with self._place_kept():
            self._dismissed_path.touch()

    @contextlib.contextmanager
    def _place_kept(self) -> Iterator[None]:
        """Files may change without the job counting as newer: jobs are sorted by when something in their folder did."""
        about = self.path.stat()
        yield
        os.utime(self.path, ns=(about.st_atime_ns, about.st_mtime_ns))

    def start(self, *other_locks: Path, queue: Path | None = None, wait: bool = False) -> None:
        """Take the job's lock and every one of ``other_locks`` (the GPU's, the project's), then start the child.

        ``queue`` and ``wait`` are as in `begin`.

        Raises:
            Busy: one of the locks is held; names the job that holds it. Nothing was started.
        """
        handles, missing = waiting.acquire(self.path / "lock", list(other_locks), self.holder(), queue, wait)
        try:
            for mark in (self.stop_path, self._dismissed_path):
                mark.unlink(missing_ok=True)  # of last time
            self._spawn(handles, queue, missing)
        finally:
            locks.release(handles)

    def holder(self) -> dict[str, Any]:
        """What its locks say of it."""
        spec = self.spec()
        return {"kind": spec.kind, "title": spec.title, "path": str(self.path)}

    def _spawn(self, handles: list[int], line: Path | None = None, missing: Sequence[Path] = ()) -> None:
        """Start the child, which inherits the locks; for ``missing`` ones it waits first."""
        events.end_torn_line(self.events_path)
        events.append(self.events_path, events.Launched())
        arguments: list[str | int] = [str(self.path), *handles]
        if line is not None and missing:
            ticket, handle = waiting.draw(line, self.holder(), missing)
            handles.append(handle)
            events.append(self.events_path, events.State(state="waiting"))
            arguments += ["--turn", str(ticket), handle, *map(str, missing)]
        environment = worker_environment()
        with open(self.log_path, "ab") as log:
            if fork_server.fork(arguments, environment, log.fileno()):
                return
            process = subprocess.Popen(
                [sys.executable, "-m", "core.jobs.worker", *map(str, arguments)],
                cwd=REPOSITORY,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=handles,
            )
        # Reap it, so that a dead worker never lingers as a zombie.
        threading.Thread(target=process.wait, daemon=True).start()

    def read(self) -> JobView:
        """The job as it stands; cheap enough for every tick of a page."""
        # Asked before the log is read: a job that finishes in between has its last event in the log.
        alive = self.alive()
        # The inode tells a folder apart from an earlier one of the same name.
        key = (self.path, (self.path / "job.json").stat().st_ino)
        with _folds_lock:
            fold = _folds.pop(key, None) or self.fold()
            _folds[key] = fold
            while len(_folds) > _MAX_FOLDS:
                _folds.popitem(last=False)
            fold.update()
            view = fold.snapshot()
            if fold.outcome:
                view.status = fold.outcome
            elif alive:
                view.status = fold.state
            else:
                view.status = "interrupted" if fold.is_launched else "new"
            return view

    def fold(self) -> Fold:
        """Of its events, before any is read."""
        spec = self.spec()
        return Fold(self.path, spec.kind, spec.title, spec.at)

    def stop(self) -> None:
        """Ask the task to save what it has and end; it looks at least once a second."""
        self.stop_path.touch()

    def stop_requested(self) -> bool:
        """Whether Stop was pressed."""
        return self.stop_path.exists()

    def force_stop(self) -> None:
        """Kill the child's whole process group at once; one that is still starting ends before it does anything."""
        lock = self.path / "lock"
        if not self.alive():
            return
        if "pid" not in locks.holder(lock):
            self.stop()  # the child looks for it right after saying its pid: it sees this, or the pid is there by now
        if pid := locks.holder(lock).get("pid"):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(pid), signal.SIGKILL)

    def wait(self, timeout_s: float = 600.0) -> JobView:
        """Block until no process is at work on it (for tests and the command line)."""
        until = time.monotonic() + timeout_s
        while self.alive() and time.monotonic() < until:
            time.sleep(0.05)
        return self.read()

    def log_tail(self, lines: int = 40) -> str:
        """The last lines of the child's output."""
        try:
            with open_regular(self.log_path) as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - 16_384))
                return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""


def worker_environment() -> dict[str, str]:
    """What a worker is told of this process's environment."""
    return {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}


def jobs_in(*parents: Path, damage: list[DamagedFile] | None = None, live: bool = False) -> list[Job]:
    """All jobs in these folders, newest first by when something in their folder last came or went.

    What is damaged is passed over, and added to ``damage`` if that is given. With ``live`` only those that a process
    holds: the others are not opened, so that a page can ask each second.
    """
    folders = (path for parent in parents for path in subfolders(parent))
    if live:
        folders = (path for path in folders if locks.is_locked(path / "lock"))
    jobs = read_all((Job(path) for path in folders), lambda job: (_changed_at(job.path), job.check()), damage)
    return [job for _, job in sorted(jobs, key=lambda entry: entry[0], reverse=True)]


def newest_of_kinds(kinds: Collection[str], *parents: Path) -> Job | None:
    """The first of `jobs_in` whose kind is one of these; of the others no more is read than their kind."""

    def opened(folder: Path) -> Job | None:
        job = Job(folder)
        return job.check() if job.spec().kind in kinds else None

    folders = sorted((path for parent in parents for path in subfolders(parent)), key=_changed_at, reverse=True)
    return next((job for folder in folders for job in read_all([folder], opened) if job), None)


def _changed_at(folder: Path) -> float:
    with contextlib.suppress(OSError):  # deleted meanwhile
        return folder.stat().st_mtime
    return 0.0


def _folder_name(name: str, kind: str) -> str:
    return name or f"{time.strftime('%Y%m%d-%H%M%S')}-{kind}-{secrets.token_hex(2)}"
