"""Candidates for comparison: checkpoints with samples, and the sentences two of them have in common."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

from core.checkpoint_ref import CheckpointRef
from core.project.workspace import Project
from core.training.run import Run, runs


@dataclass(frozen=True, order=True)
class Sentence:
    """A held-out sentence: its number in the run and its text."""

    number: int
    text: str


@dataclass(frozen=True)
class Candidate:
    """A checkpoint that has spoken.

    ``condition`` is what else decides how it sounds (data set with the reference, base, language, seed): only
    candidates of the same condition are compared.
    """

    checkpoint: CheckpointRef
    run_title: str
    condition: tuple[str, ...]
    samples: dict[Sentence, Path]


def candidates(project: Project) -> list[Candidate]:
    """Every checkpoint with at least one sample on disk; newest run first, then by step."""
    return [candidate for run in runs(project) for candidate in _of_run(run)]


def comparable(left: Candidate, right: Candidate) -> list[Sentence]:
    """Sentences that both have spoken with the same reference and seed; empty if there is nothing to compare."""
    a, b = left.checkpoint, right.checkpoint
    if a == b or left.condition != right.condition or (a.step == 0 and b.step == 0):
        return []  # step 0 is the base voice itself, the same in every run
    return sorted(left.samples.keys() & right.samples.keys())


def sentences(
    project: Project, left: CheckpointRef | None = None, right: CheckpointRef | None = None
) -> list[Sentence]:
    """Sentences that two checkpoints share; unless both are given, all that any two share."""
    pool = [entry for entry in candidates(project) if not left or not right or entry.checkpoint in (left, right)]
    return sorted({sentence for a, b in itertools.combinations(pool, 2) for sentence in comparable(a, b)})


def _of_run(run: Run) -> list[Candidate]:
    view = run.read()
    about, seed = view.about, str(view.config.seed)
    condition = (str(about.get("dataset", "")), str(about.get("base", "")), str(about.get("language", "")), seed)
    by_step: dict[int, dict[Sentence, Path]] = {}
    # One whose checkpoint was cleared away can be heard on the Train page, but not be had any more.
    pruned_steps = view.job.pruned
    for samples in view.samples.values():
        for sample in samples:
            if sample.step not in pruned_steps and sample.path.exists():
                by_step.setdefault(sample.step, {})[Sentence(sample.sentence, sample.text)] = sample.path
    return [Candidate(CheckpointRef(run.id, step), run.title, condition, by_step[step]) for step in sorted(by_step)]
