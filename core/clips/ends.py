"""Clips that begin or end inside a word: found, extended to the nearest quiet, and taken back as one change."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import Any, Literal

import numpy as np

from core.audio.silence import LevelCurve, levels
from core.clips import edit, searches
from core.clips.searches import Progress, no_progress
from core.clips.undo_edit import undo_edit
from core.engines.registry import info
from core.errors import UserError
from core.jobs.args.clips import FindCutWordsArgs
from core.jobs.job import Job
from core.measures.endings import Ends, cut_words, nearest_quiet
from core.project.records import Clip, ClipFilter, Word
from core.project.workspace import Project

ACTION = "ends"  # what such a change is called, with the moment it was made
MOST_AT_ONCE = 200
_REACH_S = 2.0  # quiet that is further away belongs to another sentence
_LEAST_S = 1.0  # of a clip whose neighbour takes a word of it

_End = tuple[str, Literal["start", "end"]]


@dataclass(frozen=True)
class OpenClip:
    """A clip that is cut inside a word, at which ends, and the bounds that would end it in quiet.

    ``start_s`` and ``end_s`` are those it has where no quiet is near. ``moves`` are all ends that would move, by clip
    and side: a neighbour that has the other half of the word comes along.
    """

    clip: Clip
    cut: Ends
    start_s: float
    end_s: float
    moves: dict[_End, float]


def open_clips(project: Project) -> list[OpenClip]:
    """The approved clips that begin or end inside a word, as far as they are known, in order.

    Of no more than `searches.AT_ONCE` clips they are found now, and kept until something of the project changes. Of
    more they are those the last finished job found, as long as they and the clips beside them lie as they did.
    """
    if not searches.needs_job(project):
        return project.figures.kept_while_unchanged("open_clips", lambda: list(_find(project)))
    job = searches.last(project, FindCutWordsArgs)
    return project.figures.kept_while_unchanged(
        "open_clips", lambda: _from_last_job(project), also=job.id if job else ""
    )


def search(project: Project, job: Job, progress: Progress) -> int:
    """Look for them and keep what was found with the job; returns how many."""
    results = list(_find(project, progress))
    searches.keep(job, [_finding(project, entry) for entry in results])
    return len(results)


def _finding(project: Project, entry: OpenClip) -> dict[str, Any]:
    """What is written down of an open clip: where all clips lie that it would move, and where to."""
    clips = project.store.clips_by_id([entry.clip.id, *(clip_id for clip_id, _ in entry.moves)]).values()
    return {
        "clip": entry.clip.id,
        "bounds": {clip.id: [clip.start_s, clip.end_s] for clip in clips},
        "cut": asdict(entry.cut),
        "start_s": entry.start_s,
        "end_s": entry.end_s,
        "moves": [[*end, at_s] for end, at_s in entry.moves.items()],
    }


def _from_last_job(project: Project) -> list[OpenClip]:
    """What the last job wrote down, without clips that are no longer what they were, or beside which another is not."""
    findings = searches.findings(project, FindCutWordsArgs)
    try:
        clips = project.store.clips_by_id({clip_id for finding in findings for clip_id in finding["bounds"]})
        return [
            OpenClip(
                clips[finding["clip"]],
                Ends(**finding["cut"]),
                float(finding["start_s"]),
                float(finding["end_s"]),
                {(clip_id, side): float(at_s) for clip_id, side, at_s in finding["moves"]},
            )
            for finding in findings
            if all(
                clip_id in clips and [clips[clip_id].start_s, clips[clip_id].end_s] == bounds
                for clip_id, bounds in finding["bounds"].items()
            )
            and clips[finding["clip"]].status == "approved"
        ]
    except (KeyError, TypeError, ValueError):  # another version's
        return []


def extend(project: Project, clip_ids: Collection[str]) -> int:
    """Extend these open clips to the nearest quiet, as one change that `undo` takes back; returns how many.

    Raises:
        UserError: ``ends.gone``: none of them is open, or no quiet is near. As of `edit.recut`.
        Busy: the project's recordings are being cut.
    """
    matches = [entry for entry in open_clips(project) if entry.clip.id in clip_ids and entry.moves]
    if not matches:
        raise UserError(
            "ends.gone", "These clips end in quiet by now, or there is none near.", "Look at the clips there are now."
        )
    action = f"{ACTION} {time.time():.3f}"
    count = 0
    for source_id, group in groupby(matches[:MOST_AT_ONCE], key=lambda entry: entry.clip.source_id):
        moves, moved_count = _together(list(group))
        clips = [project.store.clip(clip_id) for clip_id in dict.fromkeys(clip_id for clip_id, _ in moves)]
        bounds = {
            clip.id: (moves.get((clip.id, "start"), clip.start_s), moves.get((clip.id, "end"), clip.end_s))
            for clip in clips
        }
        edit.recut(project, source_id, bounds, action)
        count += moved_count
    return count


def undoable(project: Project) -> str:
    """The last such change, as `undo` takes it; "" if there is none."""
    return max(project.store.last_edited(f"{ACTION} ").values(), default="")


def undo(project: Project, action: str) -> int:
    """Take back what one `extend` did, in all recordings; returns in how many.

    Raises:
        UserError: ``edit.nothing_to_undo``.
        Busy: the project's recordings are being cut.
    """
    source_ids = [source_id for source_id, name in project.store.last_edited(f"{ACTION} ").items() if name == action]
    if not source_ids:
        raise UserError("edit.nothing_to_undo", "There is nothing left to undo here.")
    for source_id in source_ids:
        undo_edit(project, source_id)
    return len(source_ids)


def _together(group: Sequence[OpenClip]) -> tuple[dict[_End, float], int]:
    """The moves of several clips of one recording; of two that want the same end elsewhere the shorter way is taken."""
    moves: dict[_End, float] = {}
    count = 0
    for entry in sorted(group, key=lambda entry: entry.clip.start_s - entry.start_s + entry.end_s - entry.clip.end_s):
        if all(moves.get(end, at_s) == at_s for end, at_s in entry.moves.items()):
            moves |= entry.moves
            count += 1
    return moves, count


def level_curve(project: Project, source_id: str) -> LevelCurve | None:
    """How loud a recording is along its time, in single precision; None where its sound is missing (told elsewhere)."""
    try:
        curve = levels(project.sound_file(project.store.source(source_id)))
    except (OSError, RuntimeError):
        return None
    return replace(curve, dbfs=np.asarray(curve.dbfs, np.float32))  # once: half precision is slow to work with


def _find(project: Project, progress: Progress = no_progress) -> Iterable[OpenClip]:
    longest = info(project.info.engine).clip_seconds[1]
    count, total = 0, project.figures.count(ClipFilter())
    for source in project.store.sources():
        clips = project.store.clips(ClipFilter(source_id=source.id))  # of all states: each may be a neighbour
        ids = {clip.id for clip in clips if clip.status == "approved"}
        curve = level_curve(project, source.id) if ids else None
        if curve is not None:
            words = [word for word in project.store.words(source.id) if word.probability is not None]
            yield from _of_recording(curve, clips, words, ids, longest)
        count += len(clips)
        progress("cut_words", min(count, total), total)


def _of_recording(
    curve: LevelCurve, clips: Sequence[Clip], words: Sequence[Word], ids: Collection[str], longest: float
) -> Iterable[OpenClip]:
    first = 0
    for index, clip in enumerate(clips):
        while first < len(words) and words[first].end_s < clip.start_s - _REACH_S - 1:
            first += 1
        near = []
        for word in words[first:]:
            if word.start_s > clip.end_s + _REACH_S + 1:
                break
            near.append(word)
        if clip.id not in ids:
            continue
        cut = cut_words(curve.dbfs, clip.start_s, clip.end_s, near or None, curve.frame_s)
        if cut:
            before = clips[index - 1] if index else None
            after = clips[index + 1] if index + 1 < len(clips) else None
            yield _open_clip(curve, clip, cut, before, after, near, longest)


def _open_clip(
    curve: LevelCurve,
    clip: Clip,
    cut: Ends,
    before: Clip | None,
    after: Clip | None,
    words: Sequence[Word],
    longest: float,
) -> OpenClip:
    reach = min(_REACH_S, longest - clip.seconds)
    start_s, end_s = clip.start_s, clip.end_s
    moves: dict[_End, float] = {}
    if cut.start and reach > 0:
        limit = max(clip.start_s - reach, before.start_s + _LEAST_S if before else 0.0)
        place = nearest_quiet(curve.dbfs, clip.start_s, clip.end_s, "start", limit_s=limit, words=words,
                              frame_s=curve.frame_s)  # fmt: skip
        if place is not None:
            start_s = moves[clip.id, "start"] = place
            if before and before.end_s > place:
                moves[before.id, "end"] = place
    reach = min(_REACH_S, longest - (clip.end_s - start_s))
    if cut.end and reach > 0:
        limit = min(clip.end_s + reach, after.end_s - _LEAST_S if after else curve.seconds)
        place = nearest_quiet(curve.dbfs, clip.start_s, clip.end_s, "end", limit_s=limit, words=words,
                              frame_s=curve.frame_s)  # fmt: skip
        if place is not None:
            end_s = moves[clip.id, "end"] = min(place, curve.seconds)
            if after and after.start_s < end_s:
                moves[after.id, "start"] = end_s
    return OpenClip(clip, cut, start_s, end_s, moves)
