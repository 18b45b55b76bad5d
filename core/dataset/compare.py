"""Comparing two frozen datasets: which clips came, which went, and what of the others changed."""

from __future__ import annotations

import bisect
import functools
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.dataset.freeze import DatasetInfo, frozen_texts, read_report

_NEAR = 100  # more clips than these never lie in the stretch of one
_SAME_PLACE = 0.5  # of the shorter of two clips, that both hold: one is the other, cut anew


@dataclass(frozen=True)
class Change:
    """One clip that differs: its ids and texts before and now, empty where it is not; ``sound`` says if that differs.

    ``seconds`` is its length now, or before if it went.
    """

    before_id: str
    now_id: str
    before_text: str
    now_text: str
    sound: bool
    seconds: float


@dataclass(frozen=True)
class Difference:
    """What differs between two datasets; ``same`` counts clips that do not, ``moved`` those on another side."""

    came: tuple[Change, ...]
    went: tuple[Change, ...]
    changed: tuple[Change, ...]
    moved: int
    same: int


@functools.lru_cache(maxsize=4)  # what is frozen never changes
def compare(before: DatasetInfo, now: DatasetInfo) -> Difference:
    """What came, went and changed from one dataset to the other.

    Raises:
        DamagedFile: a report cannot be read.
    """
    old, new = _clips(before), _clips(now)
    names = {clip_id: clip_id for clip_id in old.keys() & new.keys()}
    names |= _cut_anew([old[key] for key in old.keys() - names.keys()], [new[key] for key in new.keys() - names.keys()])
    changes = []
    moved = same = 0
    for old_id, new_id in sorted(names.items(), key=lambda pair: pair[1]):
        first, second = old[old_id], new[new_id]
        sound = first["sha256"] != second["sha256"]
        if sound or first["text"] != second["text"]:
            changes.append(Change(old_id, new_id, first["text"], second["text"], sound, _seconds(second)))
        else:
            same += 1
        moved += first["split"] != second["split"]
    new_ids = set(names.values())
    came = tuple(
        Change("", key, "", clip["text"], True, _seconds(clip)) for key, clip in new.items() if key not in new_ids
    )
    went = tuple(
        Change(key, "", clip["text"], "", True, _seconds(clip)) for key, clip in old.items() if key not in names
    )
    return Difference(came, went, tuple(changes), moved, same)


def _clips(info: DatasetInfo) -> dict[str, dict[str, Any]]:
    """What the report says of each used clip, with its text (earlier reports had none)."""
    texts = frozen_texts(info.path)
    return {clip["id"]: {**clip, "text": texts.get(clip["id"], "")} for clip in read_report(info)["used"]}


def _cut_anew(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> dict[str, str]:
    """Clips that took the place of others: of one recording, and mostly the same stretch of it."""
    by_source: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for clip in sorted(new, key=lambda clip: float(clip["start_s"])):
        by_source[clip["source_id"]].append(clip)
    # Clips of a recording lie one after the other, so their ends are in order as well.
    ends = {source_id: [float(clip["end_s"]) for clip in clips] for source_id, clips in by_source.items()}
    names: dict[str, str] = {}
    used_ids: set[str] = set()
    for clip in old:
        candidates = by_source[clip["source_id"]]
        begin = bisect.bisect_right(ends.get(clip["source_id"], []), clip["start_s"])
        near = [candidate for candidate in candidates[begin : begin + _NEAR] if candidate["start_s"] < clip["end_s"]]
        rest = [candidate for candidate in near if candidate["id"] not in used_ids]
        best = max(rest, key=lambda candidate: _shared(clip, candidate), default=None)
        if best is not None and _shared(clip, best) > _SAME_PLACE:
            names[clip["id"]] = best["id"]
            used_ids.add(best["id"])
    return names


def _shared(first: Mapping[str, Any], second: Mapping[str, Any]) -> float:
    overlap_s = min(first["end_s"], second["end_s"]) - max(first["start_s"], second["start_s"])
    return float(overlap_s / max(1e-6, min(_seconds(first), _seconds(second))))


def _seconds(clip: Mapping[str, Any]) -> float:
    return float(clip["end_s"] - clip["start_s"])
