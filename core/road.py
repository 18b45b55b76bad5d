"""The road of a project as steps with their true state, derived from what is on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.workspace import Project

KEYS = ("sources", "segments", "transcripts", "review", "dataset", "train", "listen", "speak")


@dataclass(frozen=True)
class StepState:
    """One step. ``state`` is empty, partial or done; ``done`` of ``total`` items; ``seconds`` of material."""

    key: str
    state: str
    done: int = 0
    total: int = 0
    seconds: float = 0.0


def steps(project: Project) -> list[StepState]:
    """All steps in order. Cheap enough for every tick of a page."""
    totals = project.store.totals()
    reviewed = totals.approved + totals.rejected
    datasets = _folders(project.datasets, "report.json")
    runs = _folders(project.runs, "job.json")
    votes = len(project.store.votes())
    takes = len(list(project.takes.glob("*.json"))) if project.takes.is_dir() else 0
    exports = _folders(project.exports, "manifest.json")
    return [
        StepState("sources", "done" if totals.sources else "empty", totals.sources, totals.sources, totals.source_s),
        StepState("segments", "done" if totals.clips else "empty", totals.clips, totals.clips, totals.clip_s),
        _of("transcripts", totals.transcribed, totals.clips),
        _of("review", reviewed, totals.clips),
        StepState("dataset", "done" if datasets else "empty", datasets, datasets),
        StepState("train", "done" if runs else "empty", runs, runs),
        StepState("listen", "done" if votes else "empty", votes, votes),
        StepState("speak", "done" if takes or exports else "empty", takes + exports, takes + exports),
    ]


def _of(key: str, done: int, total: int) -> StepState:
    state = "empty" if not done else "done" if done >= total else "partial"
    return StepState(key, state, done, total)


def _folders(parent: Path, marker: str) -> int:
    return len(list(parent.glob(f"*/{marker}")))
