"""Clips that hold the same sound as another one of the project: brought in twice, or cut from two copies."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from core.clips.ends import level_curve
from core.measures.duplicates import SHORTEST_S, is_same_sound, near_pairs, outline
from core.measures.endings import Levels
from core.project.records import Clip, ClipFilter
from core.project.workspace import Project

REASON = "duplicate"  # why such a clip is rejected


@dataclass(frozen=True)
class Double:
    """A clip, and an earlier one that holds the same sound."""

    clip: Clip
    first: Clip


def doubles(project: Project, state: str = "approved") -> list[Double]:
    """The clips of a state whose sound an earlier one of them has already; kept until the project changes."""
    return project.figures.kept_while_unchanged(f"doubles-{state}", lambda: _find(project, state))


def _find(project: Project, state: str) -> list[Double]:
    clips: list[Clip] = []
    pieces: list[Levels] = []
    outlines = []
    for source_id, group in groupby(project.store.clips(ClipFilter(state)), key=lambda clip: clip.source_id):
        curve = level_curve(project, source_id)
        if curve is None:
            continue
        for clip in group:
            piece = curve.dbfs[round(clip.start_s / curve.frame_s) : round(clip.end_s / curve.frame_s)]
            if clip.seconds >= SHORTEST_S and len(piece) * curve.frame_s >= SHORTEST_S:
                clips.append(clip)
                pieces.append(piece)
                outlines.append(outline(piece, curve.frame_s))
    originals: dict[int, int] = {}
    for first, second in near_pairs(outlines):
        if first not in originals and second not in originals and is_same_sound(pieces[first], pieces[second]):
            originals[second] = first
    return [Double(clips[second], clips[first]) for second, first in originals.items()]
