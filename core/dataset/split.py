"""Train/validation split: whole recordings if that comes out near a tenth, else connected stretches."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from core.project.records import Clip

VALIDATION_SHARE = 0.1
SHORTEST_S = 3.0  # as long as the shortest piece a voice is copied from while learning: less tells little of it
# Whole recordings are held out only if they come to between these shares of the clips.
_MIN_SHARE, _MAX_SHARE = 0.05, 0.2


def validation(clips: Sequence[Clip], seed: int = 0) -> set[str]:
    """Ids of the clips to validate on: about a tenth, at least one, never all, none that is very short.

    Neighbouring clips of one recording sound alike, so single clips drawn at random would make the error on "unseen"
    sentences look better than it is. Hence whole recordings, or one connected stretch of each recording.

    Args:
        clips: what will be trained on (what is dropped is no part of it), any order.
        seed: another seed draws other recordings or stretches; the same gives the same.
    """
    if len(clips) < 2:
        return set()
    fit = [clip for clip in clips if clip.seconds >= SHORTEST_S] or clips
    by_source: dict[str, list[Clip]] = defaultdict(list)
    for clip in sorted(fit, key=lambda clip: (clip.source_id, clip.start_s, clip.id)):
        by_source[clip.source_id].append(clip)
    recordings = _whole_sources(by_source, len(fit), seed)
    return recordings or _stretches(by_source, len(fit), seed)


def _whole_sources(by_source: dict[str, list[Clip]], total: int, seed: int) -> set[str]:
    val_ids: set[str] = set()
    target = VALIDATION_SHARE * total
    for source_id in sorted(by_source, key=lambda source_id: _rank(seed, source_id)):
        ids = {clip.id for clip in by_source[source_id]}
        if len(val_ids) < target and len(val_ids) + len(ids) <= _MAX_SHARE * total:
            val_ids |= ids
    return val_ids if len(val_ids) >= max(1.0, _MIN_SHARE * total) else set()


def _stretches(by_source: dict[str, list[Clip]], total: int, seed: int) -> set[str]:
    ids: set[str] = set()
    for source_id, clips in by_source.items():
        size = round(VALIDATION_SHARE * len(clips))
        if 0 < size < len(clips):
            begin = _rank(seed, source_id) % (len(clips) - size + 1)
            ids |= {clip.id for clip in clips[begin : begin + size]}
    if not ids:
        all_clips = [clip for clips in by_source.values() for clip in clips]
        ids = {all_clips[_rank(seed, "all") % total].id}
    return ids


def _rank(seed: int, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8], "big")
