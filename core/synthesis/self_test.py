"""Self test of a voice: its start, the table it left, and what that table means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.engines.registry import light
from core.files import read_json
from core.jobs.args import SelfTestArgs
from core.jobs.job import Job
from core.project.workspace import Project
from core.synthesis.start import complete_voice, sample_text
from core.text import clean_text

TABLE = "self_test.json"
_MOST_BYTES = 1 << 20
_MOST_ERRORS = 0.5  # a share of characters from which on nobody would understand it
_MORE_ERRORS = 0.3  # than the way before
_LEAST_LIKENESS = 0.6  # of a voice to its own recording; other people's are mostly below


@dataclass(frozen=True)
class WayRow:
    """A way the sentence was spoken, and what was measured of it; None where it could not be."""

    way: str
    likeness: float | None = None
    errors: float | None = None
    mel_distance: float | None = None
    equals: str = ""
    is_equal: bool = True
    problem: str = ""


def has_self_test(engine: str) -> bool:
    """Whether an engine can be tested this way."""
    return light(engine).has_self_test


def start_self_test(project: Project, args: SelfTestArgs) -> Job:
    """Let a voice say a sentence by every way, in a job that may wait.

    Raises:
        Busy: another one is at work or waits. UserError: as of `core.synthesis.start.start_speak`.
    """
    args = complete_voice(project, args)
    text = clean_text(args.text) or sample_text(project, args.checkpoint, args.language)
    return project.start_job(args.having(text=text), title=args.voice, gpu=True, wait=True)


def read_table(job: Job) -> list[WayRow]:
    """The rows so far; none where there is no table yet, or it cannot be read."""
    try:
        rows = read_json(job.path / TABLE, _MOST_BYTES)["rows"]
        return [WayRow(**{name: row[name] for name in WayRow.__dataclass_fields__ if name in row}) for row in rows]
    except (OSError, ValueError, TypeError, KeyError):
        return []


def verdict(rows: Sequence[Mapping[str, Any]]) -> str:
    """The key of the sentence that says what is wrong, the first thing on the way from recording to export; or good."""
    table = {str(row["way"]): row for row in rows}

    def errors(way: str) -> float:
        return float(table.get(way, {}).get("errors") or 0.0)

    if errors("vocoder") > errors("recording") + _MORE_ERRORS:
        return "vocoder"
    if errors("base") > _MOST_ERRORS:
        return "base"
    if errors("checkpoint") > max(errors("base") + _MORE_ERRORS, _MOST_ERRORS):
        return "checkpoint"
    if table.get("export", {}).get("problem"):
        return "export_failed"
    if not table.get("export", {}).get("is_equal", True):
        return "export_differs"
    likeness = table.get("checkpoint", {}).get("likeness")
    return "unlike" if likeness is not None and likeness < _LEAST_LIKENESS else "good"
