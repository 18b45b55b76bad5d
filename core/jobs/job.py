"""A job: a folder that says what to do, a child process that does it, and what can be read of it."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core.errors import Busy
from core.files import free_name, read_json, write_json
from core.jobs import events, locks

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass
class JobView:
    """What a page shows of a job, folded from its events and its lock.

    ``status`` is one of new, running, done, cancelled, failed, interrupted.
    ``metrics`` holds ``(step, values)`` in step order, later values of a repeated step replacing earlier ones.
    """

    id: str
    kind: str
    title: str
    path: Path
    status: str = "new"
    stage: str = ""
    done: float = 0
    total: float = 0
    item: str = ""
    eta_s: float | None = None
    created_at: float = 0
    started_at: float | None = None
    finished_at: float | None = None
    code: str = ""
    text: str = ""
    hint: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    metrics: dict[int, dict[str, float]] = field(default_factory=dict)
    checkpoints: dict[int, str] = field(default_factory=dict)
    samples: dict[tuple[int, int], events.Sample] = field(default_factory=dict)
    warnings: list[events.Warning] = field(default_factory=list)

    @property
    def active(self) -> bool:
        """Whether a process is at work on it."""
        return self.status == "running"

    @property
    def fraction(self) -> float:
        """How much of the current stage is done, 0 to 1."""
        return min(1.0, self.done / self.total) if self.total > 0 else 0.0


class _Fold:
    """Folds a growing event log into a view; keeps what it has read, so a poll reads only what is new."""

    def __init__(self, job: Job) -> None:
        self.reader = events.EventReader(job.path / "events.jsonl")
        spec = job.spec()
        self.view = JobView(
            id=job.id, kind=spec["kind"], title=spec.get("title", ""), path=job.path, created_at=spec.get("at", 0.0)
        )
        self.outcome = ""
        self.launched = False

    def update(self) -> None:
        for event in self.reader.read():
            self._apply(event)

    def snapshot(self) -> JobView:
        """A copy that a page can go through while another thread reads on."""
        view = self.view
        return replace(
            view,
            metrics=dict(view.metrics),
            checkpoints=dict(view.checkpoints),
            samples=dict(view.samples),
            warnings=list(view.warnings),
        )

    def _apply(self, event: events.Event) -> None:
        view = self.view
        if isinstance(event, events.Launched):
            self.outcome, self.launched, view.finished_at = "", True, None
            view.code = view.text = view.hint = view.stage = ""
            view.done = view.total = 0
            view.values, view.result = {}, {}
        elif isinstance(event, events.Started):
            view.started_at = event.at
            if event.step is None:
                return
            # A resumed task repeats the steps after its last complete state: what was said of them is void.
            view.metrics = {step: values for step, values in view.metrics.items() if step <= event.step}
            view.checkpoints = {step: path for step, path in view.checkpoints.items() if step <= event.step}
            view.samples = {key: sample for key, sample in view.samples.items() if key[0] <= event.step}
        elif isinstance(event, events.Progress):
            view.stage, view.done, view.total = event.stage, event.done, event.total
            view.item, view.eta_s = event.item, event.eta_s
        elif isinstance(event, events.Metrics):
            view.metrics.setdefault(event.step, {}).update(event.values)
        elif isinstance(event, events.Checkpoint):
            view.checkpoints[event.step] = event.path
        elif isinstance(event, events.Sample):
            view.samples[(event.step, event.sentence)] = event
        elif isinstance(event, events.Warning):
            view.warnings.append(event)
        elif isinstance(event, events.Finished):
            self.outcome, view.finished_at = event.outcome, event.at
            view.code, view.text, view.hint = event.code, event.text, event.hint
            view.values, view.result, view.eta_s = event.values, event.result, None


# A cache of what was already read from disk, not state: dropping it costs one re-read.
_folds: OrderedDict[tuple[Path, int], _Fold] = OrderedDict()
_folds_lock = threading.Lock()
_FOLDS_KEPT = 64


class Job:
    """One job folder: ``job.json`` (never changes), ``lock``, ``events.jsonl``, ``worker.log``, ``stop``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name

    @classmethod
    def create(cls, parent: Path, kind: str, arguments: dict[str, Any], *, title: str = "", name: str = "") -> Job:
        """Make the folder ``parent/<id>`` and freeze what is to be done into its ``job.json``.

        Args:
            parent: folder that holds jobs of this sort (``project.jobs`` or ``project.runs``).
            kind: the module in ``core.tasks`` that does it.
            arguments: JSON values handed to the task.
            title: what a person calls it.
            name: wished folder name; made from the time and kind if empty.
        """
        parent.mkdir(parents=True, exist_ok=True)
        wanted = name or f"{time.strftime('%Y%m%d-%H%M%S')}-{kind}-{secrets.token_hex(2)}"
        path = parent / free_name(parent, wanted)
        path.mkdir()
        write_json(path / "job.json", {"kind": kind, "title": title, "at": time.time(), "arguments": arguments})
        return cls(path)

    def spec(self) -> dict[str, Any]:
        """The content of ``job.json``."""
        return dict(read_json(self.path / "job.json"))

    @property
    def events_path(self) -> Path:
        """The event log."""
        return self.path / "events.jsonl"

    @property
    def log_path(self) -> Path:
        """Everything the child printed."""
        return self.path / "worker.log"

    def alive(self) -> bool:
        """Whether a process holds the job's lock."""
        return locks.is_locked(self.path / "lock")

    def start(self, *others: Path) -> None:
        """Take the job's lock and every lock in ``others`` (the GPU's, the project's), then start the child.

        Raises:
            Busy: one of the locks is held; names the job that holds it. Nothing was started.
        """
        spec = self.spec()
        me = {"kind": spec["kind"], "title": spec.get("title", ""), "path": str(self.path)}
        held: list[int] = []
        try:
            for lock in (self.path / "lock", *others):
                handle = locks.try_lock(lock, me)
                if handle is None:
                    raise busy(locks.holder(lock))
                held.append(handle)
            (self.path / "stop").unlink(missing_ok=True)
            events.append(self.events_path, events.Launched())
            with open(self.log_path, "ab") as log:
                process = subprocess.Popen(
                    [sys.executable, "-m", "core.jobs.worker", str(self.path), *map(str, held)],
                    cwd=REPOSITORY,
                    env={name: value for name, value in os.environ.items() if name != "VOICEWRIGHT_PASSWORD"},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=held,
                )
        finally:
            for handle in held:
                os.close(handle)
        # Reap it, so that a dead worker never lingers as a zombie.
        threading.Thread(target=process.wait, daemon=True).start()

    def read(self) -> JobView:
        """The job as it stands; cheap enough for every tick of a page."""
        # Asked before the log is read: a job that finishes in between has its last event in the log.
        alive = self.alive()
        # The inode tells a folder apart from an earlier one of the same name.
        key = (self.path, (self.path / "job.json").stat().st_ino)
        with _folds_lock:
            fold = _folds.pop(key, None) or _Fold(self)
            _folds[key] = fold
            while len(_folds) > _FOLDS_KEPT:
                _folds.popitem(last=False)
            fold.update()
            view = fold.snapshot()
            if fold.outcome:
                view.status = fold.outcome
            elif alive:
                view.status = "running"
            else:
                view.status = "interrupted" if fold.launched else "new"
            return view

    def stop(self) -> None:
        """Ask the task to save what it has and end; it looks at least once a second."""
        (self.path / "stop").touch()

    def stop_requested(self) -> bool:
        """Whether Stop was pressed."""
        return (self.path / "stop").exists()

    def force_stop(self) -> None:
        """Kill the child's whole process group at once."""
        pid = locks.holder(self.path / "lock").get("pid")
        if pid and self.alive():
            try:
                os.killpg(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                return

    def wait(self, timeout_s: float = 600.0) -> JobView:
        """Block until no process is at work on it (for tests and the command line)."""
        until = time.monotonic() + timeout_s
        while self.alive() and time.monotonic() < until:
            time.sleep(0.05)
        return self.read()

    def log_tail(self, lines: int = 40) -> str:
        """The last lines of the child's output."""
        try:
            with open(self.log_path, "rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - 16_384))
                return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""


def busy(holder: dict[str, Any]) -> Busy:
    """The refusal that names the job in the way; ``holder`` is what its lock or its ``job.json`` says."""
    kind, title = str(holder.get("kind", "")), str(holder.get("title", ""))
    return Busy(
        "job.busy",
        "“{job}” is still running.",
        "Wait until it is done, or stop it first.",
        job=title or kind.replace("_", " ") or "another job",
        kind=kind,
        title=title,
        path=str(holder.get("path", "")),
    )


def jobs_in(*parents: Path) -> list[Job]:
    """All jobs in these folders, newest first by name."""
    found = [Job(path.parent) for parent in parents if parent.is_dir() for path in parent.glob("*/job.json")]
    return sorted(found, key=lambda job: job.path.stat().st_mtime, reverse=True)
