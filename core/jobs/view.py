"""Job view: what a page shows of a job, folded from its events."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core.jobs import events


@dataclass
class JobView:
    """What a page shows of a job, folded from its events and its lock.

    ``status`` is one of new, waiting, running, paused, done, cancelled, failed, interrupted.
    ``place`` and ``behind`` say where in the queue a waiting job stands and who is at work (kind, title, path).
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
    launched_at: float = 0
    started_at: float | None = None
    finished_at: float | None = None
    code: str = ""
    text: str = ""
    hint: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    metrics: dict[int, dict[str, float]] = field(default_factory=dict)
    checkpoints: dict[int, str] = field(default_factory=dict)
    pruned: set[int] = field(default_factory=set)
    samples: dict[tuple[int, int], events.Sample] = field(default_factory=dict)
    warnings: list[events.Warning] = field(default_factory=list)
    answers: list[events.Answer] = field(default_factory=list)
    place: int = 0
    behind: dict[str, str] = field(default_factory=dict)

    @property
    def active(self) -> bool:
        """Whether a process is there for it: at work, paused, or waiting for its turn."""
        return self.status in ("running", "paused", "waiting")

    def count(self, name: str) -> float:
        """A number of the result; 0 where it tells none of that name."""
        value = self.result.get(name, 0)
        return value if isinstance(value, int | float) else 0

    @property
    def fraction(self) -> float:
        """How much of the current stage is done, 0 to 1."""
        return min(1.0, self.done / self.total) if self.total > 0 else 0.0


class Fold:
    """Folds a growing event log into a view; keeps what it has read, so a poll reads only what is new."""

    def __init__(self, path: Path, kind: str, title: str, created_at: float) -> None:
        self.reader = events.EventReader(path / "events.jsonl")
        self.view = JobView(id=path.name, kind=kind, title=title, path=path, created_at=created_at)
        self.outcome = ""
        self.is_launched = False
        self.state = "running"  # what a live process last said of itself
        self.warning_keys: set[str] = set()

    def update(self) -> None:
        """Take in what was appended."""
        for event in self.reader.read():
            self.apply(event)

    def snapshot(self) -> JobView:
        """A copy that a page can go through while another thread reads on."""
        view = self.view
        return replace(
            view,
            metrics=dict(view.metrics),
            checkpoints=dict(view.checkpoints),
            pruned=set(view.pruned),
            samples=dict(view.samples),
            warnings=list(view.warnings),
            answers=list(view.answers),
        )

    def apply(self, event: events.Event) -> None:
        """Take in one event."""
        view = self.view
        if isinstance(event, events.Launched):
            self._on_launch(event.at)
        elif isinstance(event, events.State):
            self.state, view.place, view.behind = event.state, event.place, event.behind
        elif isinstance(event, events.Started):
            view.started_at = event.at
            if event.step is not None:
                self._on_resume(event.step)
        elif isinstance(event, events.Progress):
            view.stage, view.done, view.total = event.stage, event.done, event.total
            view.item, view.eta_s = event.item, event.eta_s
        elif isinstance(event, events.Metrics):
            view.metrics.setdefault(event.step, {}).update(event.values)
        elif isinstance(event, events.Checkpoint):
            view.checkpoints[event.step] = event.path
            view.pruned.discard(event.step)
        elif isinstance(event, events.Pruned):
            view.checkpoints.pop(event.step, None)
            view.pruned.add(event.step)
        elif isinstance(event, events.Sample):
            view.samples[(event.step, event.sentence)] = event
        elif isinstance(event, events.Answer):
            view.answers.append(event)
        elif isinstance(event, events.Warning):
            self._on_warning(event)
        elif isinstance(event, events.Finished):
            self.outcome, view.finished_at = event.outcome, event.at
            view.code, view.text, view.hint = event.code, event.text, event.hint
            view.values, view.result, view.eta_s = event.values, event.result, None

    def _on_launch(self, at: float) -> None:
        view = self.view
        view.launched_at = at
        self.outcome, self.is_launched, self.state = "", True, "running"
        view.finished_at = view.eta_s = None
        view.code = view.text = view.hint = view.stage = view.item = ""
        view.done, view.total, view.place = 0, 0, 0
        view.values, view.result, view.behind, view.answers = {}, {}, {}, []

    def _on_resume(self, at: int) -> None:
        """A resumed task repeats the steps after its last complete state: what was said of them is void."""
        view = self.view
        view.metrics = {step: values for step, values in view.metrics.items() if step <= at}
        view.checkpoints = {step: path for step, path in view.checkpoints.items() if step <= at}
        view.samples = {key: sample for key, sample in view.samples.items() if key[0] <= at}

    def _on_warning(self, event: events.Warning) -> None:
        # A resumed task comes by the same things again.
        same = json.dumps([event.code, event.values], sort_keys=True)
        if same not in self.warning_keys:
            self.warning_keys.add(same)
            self.view.warnings.append(event)
