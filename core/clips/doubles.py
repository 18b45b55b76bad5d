"""Clips that hold the same sound as another one of the project: brought in twice, or cut from two copies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from core.audio.silence import LevelCurve
from core.clips import searches
from core.clips.ends import level_curve
from core.clips.searches import APPROVED, Progress, no_progress
from core.jobs.args.clips import FindDoublesArgs
from core.jobs.job import Job
from core.measures.duplicates import SHORTEST_S, is_same_sound, near_pairs, outline
from core.measures.endings import Levels
from core.project.records import ClipFilter
from core.project.workspace import Project

REASON = "duplicate"  # why such a clip is rejected
_CURVES = 4  # recordings' levels in memory at once


@dataclass(frozen=True)
class Double:
    """A clip, and an earlier one that holds the same sound; by their ids."""

    clip_id: str
    first_id: str


@dataclass(frozen=True, slots=True)
class _Piece:
    """Where the levels of a clip lie: frames of its recording."""

    clip_id: str
    source_id: str
    first: int
    last: int


def doubles(project: Project) -> list[Double]:
    """The approved clips whose sound an earlier one of them has already, as far as it is known.

    Of no more than `searches.AT_ONCE` clips they are found now, and kept until the project changes. Of more they are
    those the last finished job found, as long as both clips are still approved.
    """
    if not searches.needs_job(project):
        return project.figures.kept_while_unchanged("doubles", lambda: find(project))
    results = [Double(*map(str, ids)) for ids in searches.findings(project, FindDoublesArgs)]
    ids = project.store.ids_among(APPROVED, {clip_id for pair in results for clip_id in (pair.clip_id, pair.first_id)})
    return [double for double in results if {double.clip_id, double.first_id} <= ids]


def search(project: Project, job: Job, progress: Progress) -> int:
    """Look for them and keep what was found with the job; returns how many."""
    results = find(project, progress)
    searches.keep(job, [(double.clip_id, double.first_id) for double in results])
    return len(results)


def find(project: Project, progress: Progress = no_progress) -> list[Double]:
    """Look through the levels of all approved clips, a recording at a time.

    Of each clip 33 numbers are kept (`core.measures.duplicates.outline`); a tree of them tells which lie near each
    other, and only those are compared.
    """
    pieces: list[_Piece] = []
    outlines: list[npt.NDArray[np.float32]] = []
    total = project.figures.count(APPROVED)
    done = 0
    for source in project.store.sources():
        clips = project.store.clips(ClipFilter("approved", source.id))
        curve = level_curve(project, source.id) if clips else None
        for clip in clips:
            if curve is None:  # its sound is missing, which is told elsewhere
                break
            piece = _Piece(clip.id, source.id, *(round(at / curve.frame_s) for at in (clip.start_s, clip.end_s)))
            levels = curve.dbfs[piece.first : piece.last]
            if clip.seconds >= SHORTEST_S and len(levels) * curve.frame_s >= SHORTEST_S:
                pieces.append(piece)
                outlines.append(outline(levels, curve.frame_s))
        done += len(clips)
        progress("doubles_read", min(done, total), total)
    pairs = sorted(_near(outlines, progress))
    same = _same(project, pieces, pairs, progress)
    originals: dict[int, int] = {}
    for first, second in pairs:
        if (first, second) in same and first not in originals and second not in originals:
            originals[second] = first
    return [Double(pieces[second].clip_id, pieces[first].clip_id) for second, first in originals.items()]


def _near(outlines: list[npt.NDArray[np.float32]], progress: Progress) -> Iterator[tuple[int, int]]:
    for number, pairs in near_pairs(outlines):
        yield from pairs
        progress("doubles_near", number, len(outlines))


def _same(
    project: Project, pieces: list[_Piece], pairs: list[tuple[int, int]], progress: Progress
) -> set[tuple[int, int]]:
    """Which pairs hold the same sound; recording by recording, so that the levels of a few are in memory at once."""

    @lru_cache(maxsize=_CURVES)
    def curve_of(source_id: str) -> LevelCurve | None:
        return level_curve(project, source_id)

    def levels(piece: _Piece) -> Levels | None:
        curve = curve_of(piece.source_id)
        return curve.dbfs[piece.first : piece.last] if curve else None

    same = set()
    order = sorted(pairs, key=lambda pair: (pieces[pair[0]].source_id, pieces[pair[1]].source_id, pair))
    for number, pair in enumerate(order, 1):
        first, second = (levels(pieces[index]) for index in pair)
        if first is not None and second is not None and is_same_sound(first, second):
            same.add(pair)
        if number % 50 == 0 or number == len(order):
            progress("doubles_compare", number, len(order))
    return same
