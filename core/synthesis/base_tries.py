"""Tries of a base of which nobody knows how it was built: one sentence with every set of answers, to be heard."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.engines.questions import Question
from core.engines.registry import bases, language_code
from core.errors import UserError
from core.files import read_json
from core.jobs.args.bases import TryBaseArgs
from core.jobs.job import Job
from core.project.workspace import Project
from core.synthesis.start import best_references, sample_text

TRIES = "tries.json"
_MOST_BYTES = 1 << 20
_MOST_ERRORS = 0.5  # a share of characters from which on nobody would understand it


@dataclass(frozen=True)
class BaseTry:
    """A set of answers and what was measured of the sentence spoken with it; None where it could not be."""

    number: int
    answers: dict[str, str] = field(default_factory=dict)
    likeness: float | None = None
    errors: float | None = None
    problem: str = ""
    error: dict[str, Any] = field(default_factory=dict)  # the problem as `core.jobs.reporter.record_of` keeps it


def start_tries(project: Project, folder: Path, *, device: str = "auto") -> Job:
    """Speak a sentence with every set of answers, in a job that may wait.

    Raises:
        UserError: the folder is no base; ``base.nothing_asked``: all is known of it; ``speak.no_reference``.
        Busy: another one is at work or waits.
    """
    if not bases(project.info.engine).questions(folder):
        raise UserError(
            "base.nothing_asked", "All is known of the base in {folder}.", "It can be used.", folder=str(folder)
        )
    references = best_references(project)
    if not references:
        raise UserError(
            "speak.no_reference",
            "There is no reference recording to take the voice from.",
            "Approve a few clips, or choose some as reference.",
        )
    language = language_code(project.info.language, project.info.engine)
    args = TryBaseArgs(
        folder=folder,
        text=sample_text(project, None, language),
        language=language,
        reference_clip_ids=tuple(references),
        device=device,
    )
    return project.start_job(args, title=folder.name, gpu=True, wait=True)


def answer_sets(questions: Sequence[Question]) -> list[dict[str, str]]:
    """Every set of answers to some questions."""
    choices = [[(question.key, choice.value) for choice in question.choices] for question in questions]
    return [dict(answers) for answers in itertools.product(*choices)]


def tries_of(project: Project, folder: Path) -> tuple[Job, list[BaseTry]] | None:
    """The newest job that tried a folder, and its tries so far."""
    for job, args in project.jobs_of(TryBaseArgs):
        if args.folder == folder:
            return job, read_tries(job)
    return None


def read_tries(job: Job) -> list[BaseTry]:
    """The tries of a job so far; none where there are none yet, or they cannot be read."""
    try:
        rows = read_json(job.path / TRIES, _MOST_BYTES)["tries"]
        return [BaseTry(**{name: row[name] for name in BaseTry.__dataclass_fields__ if name in row}) for row in rows]
    except (OSError, ValueError, TypeError, KeyError):
        return []


def proposal(tries: Sequence[BaseTry]) -> BaseTry | None:
    """The try that a recogniser understands best; None where it understands none, or nobody listened."""
    clear = [attempt for attempt in tries if attempt.errors is not None and attempt.errors < _MOST_ERRORS]
    return min(clear, key=lambda attempt: (attempt.errors, -(attempt.likeness or 0.0)), default=None)


def use_try(project: Project, job_id: str, number: int) -> Path:
    """Write the answers of a try down in the base's folder; returns the folder.

    Raises:
        UserError: ``base.no_try``.
    """
    job = project.job(job_id)
    args = job.spec().args
    choice = next((attempt for attempt in read_tries(job) if attempt.number == number), None)
    if not isinstance(args, TryBaseArgs) or choice is None:
        raise UserError("base.no_try", "This try is no longer there.", "Let the sentence be spoken once more.")
    bases(project.info.engine).answer(project.workspace.models, args.folder, choice.answers)
    return args.folder
