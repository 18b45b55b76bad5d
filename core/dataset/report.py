"""Dataset report: what a dataset made now would hold, what not and why, and how good it looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.dataset.checks import Limits, check
from core.dataset.split import validation
from core.engines.base import Exclusion
from core.engines.registry import info
from core.project.engine import text_check
from core.project.records import LOW_CONFIDENCE, Clip, ClipFilter
from core.project.workspace import Project

_ENOUGH_S = (10 * 60.0, 30 * 60.0)  # below the first a voice is hardly learnt, from the second on it is learnt well
_SHORT_S, _LONG_S = 4.0, 8.0
_SENTENCE_END = tuple(".!?…。！？。;:।؟\"'”’»)")


@dataclass(frozen=True)
class Grade:
    """A traffic light of the report card: ``level`` is good, fair or poor, ``key`` and ``values`` make its sentence."""

    key: str
    level: str
    values: dict[str, float]


@dataclass(frozen=True)
class Report:
    """What freezing would use and drop. ``lengths`` are of the used clips, in seconds.

    ``waiting`` and ``rejects`` count clips that were not asked about: nobody has approved them.
    """

    clips: tuple[Clip, ...]
    exclusions: tuple[Exclusion, ...]
    seconds: float
    lengths: tuple[float, ...]
    train: int
    val: int
    validation_ids: frozenset[str]
    waiting: int
    rejects: int
    grades: tuple[Grade, ...]


def report(project: Project, seed: int = 0) -> Report:
    """Check every approved clip and say what a dataset made now would hold. Reads the database and file sizes."""
    bounds, text_problem = limits(project), text_check(project)
    usable: list[Clip] = []
    exclusions: list[Exclusion] = []
    for clip in project.store.clips(ClipFilter("approved")):
        exclusion = check(clip, _audio(project, clip), bounds, text_problem)
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
    )


def limits(project: Project) -> Limits:
    """What a clip must be like for the project's engine."""
    engine = info(project.info.engine)
    return Limits(*engine.clip_seconds, engine.clip_rate)


def summarize(
    usable: Sequence[Clip], exclusions: Sequence[Exclusion], *, waiting: int = 0, rejects: int = 0, seed: int = 0
) -> Report:
    """The report over clips that were already checked."""
    held_out = frozenset(validation(usable, seed))
    seconds = sum(clip.seconds for clip in usable)
    return Report(
        clips=tuple(usable),
        exclusions=tuple(exclusions),
        seconds=seconds,
        lengths=tuple(clip.seconds for clip in usable),
        train=len(usable) - len(held_out),
        val=len(held_out),
        validation_ids=held_out,
        waiting=waiting,
        rejects=rejects,
        grades=_grades(usable, seconds) if usable else (),
    )


def _audio(project: Project, clip: Clip) -> Path:
    # Not `project.clip_file`: resolving 50,000 paths takes seconds, and these ids come from our own database.
    return project.clips / f"{clip.id}.wav"


def _grades(clips: Sequence[Clip], seconds: float) -> tuple[Grade, ...]:
    count = len(clips)
    short = sum(clip.seconds < _SHORT_S for clip in clips)
    long = sum(clip.seconds > _LONG_S for clip in clips)
    unsure = sum(clip.confidence is not None and clip.confidence < LOW_CONFIDENCE for clip in clips)
    open_ends = sum(not clip.text.rstrip().endswith(_SENTENCE_END) for clip in clips)
    balance = min(short, long) / count
    return (
        Grade("amount", _level(seconds, *_ENOUGH_S), {"minutes": seconds / 60, "wanted": _ENOUGH_S[1] / 60}),
        # A model that never saw short clips learns one tempo of ending a sentence.
        Grade("mix", _level(balance, 0.02, 0.1), {"short": short, "long": long, "count": count}),
        Grade("sure", _level(-unsure / count, -0.15, -0.03), {"unsure": unsure, "count": count}),
        Grade("endings", _level(-open_ends / count, -0.5, -0.1), {"unended": open_ends, "count": count}),
    )


def _level(value: float, fair: float, good: float) -> str:
    return "good" if value >= good else "fair" if value >= fair else "poor"
