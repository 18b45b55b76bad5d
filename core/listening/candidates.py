"""What can be compared: every checkpoint that has spoken, and the sentences two of them have in common."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.training.run import Run, runs
from core.workspace import Project


@dataclass(frozen=True, order=True)
class Sentence:
    """A held-out sentence: its number in the run and its text."""

    number: int
    text: str


@dataclass(frozen=True)
class Candidate:
    """A checkpoint that has spoken. ``name`` is what votes are kept under.

    ``condition`` is what else decides how it sounds (data set with the reference, base, language, seed): only
    candidates of the same condition are compared.
    """

    run_id: str
    step: int
    run_title: str
    condition: tuple[str, ...]
    samples: dict[Sentence, Path]

    @property
    def name(self) -> str:
        """``<run>:<step>``."""
        return f"{self.run_id}:{self.step}"

    @property
    def label(self) -> str:
        """What a person reads once names are shown."""
        return f"{self.run_title} · {self.step}"


def candidates(project: Project, run_id: str = "") -> list[Candidate]:
    """Every checkpoint with at least one sample on disk, of one run or of all; newest run first, then by step."""
    return [one for run in runs(project) if run_id in ("", run.id) for one in _of_run(run)]


def comparable(left: Candidate, right: Candidate) -> list[Sentence]:
    """Sentences that both have spoken with the same reference and seed; empty if there is nothing to compare."""
    if left.name == right.name or left.condition != right.condition or (left.step == 0 and right.step == 0):
        return []  # step 0 is the base voice itself, the same in every run
    return sorted(left.samples.keys() & right.samples.keys())


def sentences(project: Project, left: str = "", right: str = "", run_id: str = "") -> list[Sentence]:
    """Sentences that the two named candidates share; without names, all that any two share."""
    chosen = [one for one in candidates(project, run_id) if not left or not right or one.name in (left, right)]
    return sorted({sentence for a, b in itertools.combinations(chosen, 2) for sentence in comparable(a, b)})


def by_name(known: Sequence[Candidate]) -> dict[str, Candidate]:
    """Candidates under their names."""
    return {one.name: one for one in known}


def _of_run(run: Run) -> list[Candidate]:
    view = run.read()
    about, seed = view.about, str(view.config.seed)
    condition = (str(about.get("dataset", "")), str(about.get("base", "")), str(about.get("language", "")), seed)
    spoken: dict[int, dict[Sentence, Path]] = {}
    # One whose checkpoint was cleared away can be heard on the Train page, but not be had any more.
    gone = view.job.pruned
    for samples in view.samples.values():
        for sample in samples:
            if sample.step not in gone and sample.path.exists():
                spoken.setdefault(sample.step, {})[Sentence(sample.sentence, sample.text)] = sample.path
    return [Candidate(run.id, step, run.title, condition, spoken[step]) for step in sorted(spoken)]
