"""Dataset report: what a dataset made now would hold, what not and why, and how good it looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.dataset.checks import Limits, check
from core.dataset.coverage import Coverage, coverage
from core.dataset.grades import Grade, grades
from core.dataset.split import Sides, earlier_sides, validation
from core.engines.registry import info
from core.engines.session import Exclusion
from core.project.engine import reading_stamp, text_check
from core.project.records import Clip, ClipFilter
from core.project.workspace import Project


@dataclass(frozen=True)
class Report:
    """What freezing would use and drop: the one count of what is trained on.

    ``waiting`` and ``rejects`` count clips that were not asked about: nobody has approved them. ``coverage`` is None
    where the usual letters of the language are not known.
    """

    clips: tuple[Clip, ...]
    exclusions: tuple[Exclusion, ...]
    seconds: float
    train: int
    val: int
    validation_ids: frozenset[str]
    waiting: int
    rejects: int
    seed: int
    coverage: Coverage | None
    grades: tuple[Grade, ...]


def report(project: Project, seed: int = 0) -> Report:
    """Check every approved clip and say what a dataset made now would hold. Reads the database and file sizes.

    Made anew only when the database, the clips' files, the base model or the frozen datasets have changed.
    """
    folders = (project.clips, project.datasets)
    mtimes = tuple(folder.stat().st_mtime_ns if folder.exists() else 0 for folder in folders)
    depends = (seed, project.info.language, reading_stamp(project), mtimes)
    return project.figures.kept_while_unchanged("dataset_report", lambda: _report(project, seed), depends)


def _report(project: Project, seed: int) -> Report:
    bounds, text_problem = limits(project), text_check(project)
    usable: list[Clip] = []
    exclusions: list[Exclusion] = []
    for clip in project.store.clips(ClipFilter("approved")):
        # Not `project.clip_file`: resolving 50,000 paths takes seconds, and these ids come from our own database.
        exclusion = check(clip, project.clips / f"{clip.id}.wav", bounds, text_problem)
        if exclusion:
            exclusions.append(exclusion)
        else:
            usable.append(clip)
    totals = project.figures.totals()
    return summarize(
        usable,
        exclusions,
        waiting=totals.clips - totals.approved - totals.rejected,
        rejects=totals.rejected,
        seed=seed,
        earlier=earlier_sides(project.datasets),
        language=project.info.language,
    )


def limits(project: Project) -> Limits:
    """What a clip must be like for the project's engine."""
    engine = info(project.info.engine)
    return Limits(*engine.clip_seconds, engine.clip_rate)


def summarize(
    usable: Sequence[Clip],
    exclusions: Sequence[Exclusion],
    *,
    waiting: int = 0,
    rejects: int = 0,
    seed: int = 0,
    earlier: Sides = Sides(),
    language: str = "",
) -> Report:
    """The report over clips that were already checked."""
    held_out = frozenset(validation(usable, seed, earlier))
    present = coverage((clip.text for clip in usable), language) if usable else None
    return Report(
        clips=tuple(usable),
        exclusions=tuple(exclusions),
        seconds=sum(clip.seconds for clip in usable),
        train=len(usable) - len(held_out),
        val=len(held_out),
        validation_ids=held_out,
        waiting=waiting,
        rejects=rejects,
        seed=seed,
        coverage=present,
        grades=grades(usable, present),
    )
