"""Train/validation split: connected stretches drawn by a hash of where they lie; a clip stays on the side it had."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from core.files import read_text
from core.folding import fold
from core.project.records import Clip

SHORTEST_S = 3.0  # as long as the shortest piece a voice is copied from while learning: less tells little of it
_STRETCH_S = 30.0  # neighbours sound alike: they are held out together, and one stretch of ten is
_MAX_SHARE = 0.2
_MOST_BYTES = 64 << 20
_MOST_DATASETS = 10  # looked at for the sides of earlier clips


@dataclass(frozen=True)
class Sides:
    """On which side clips of an earlier dataset were: the ids held out and those learnt from, and the texts of both."""

    val: frozenset[str] = frozenset()
    train: frozenset[str] = frozenset()
    val_texts: frozenset[str] = field(default=frozenset(), repr=False)
    train_texts: frozenset[str] = field(default=frozenset(), repr=False)


def validation(clips: Sequence[Clip], seed: int = 0, earlier: Sides = Sides()) -> set[str]:
    """Ids of the clips to validate on: about a tenth, at least one, never all, none that is very short.

    Each recording is divided into stretches of 30 s, and of each ten the one is held out that a hash of the seed, the
    recording and the place draws. So no clip that comes later moves another to the other side; where few clips make
    more or fewer necessary, those of an earlier dataset keep theirs. What is said in a clip that is learnt from is not
    validated on.

    Args:
        clips: what will be trained on (what is dropped is no part of it), any order.
        seed: another seed draws other stretches; the same gives the same.
        earlier: on which side clips were before.
    """
    if len(clips) < 2:
        return set()
    texts = {clip.id: fold(clip.text).strip() for clip in clips}
    known_train = {id_ for id_, text in texts.items() if id_ in earlier.train or text in earlier.train_texts}
    known_val = {id_ for id_, text in texts.items() if id_ in earlier.val or text in earlier.val_texts}
    known_train -= earlier.val
    known_val -= known_train
    fit = [clip for clip in clips if clip.seconds >= SHORTEST_S] or list(clips)
    fresh = sorted((clip for clip in fit if clip.id not in known_train | known_val), key=lambda c: _order(seed, c))
    sample = [clip.id for clip in fresh if _is_drawn(seed, clip)]
    limit = int(_MAX_SHARE * len(clips))
    val = known_val | set(sample[: max(0, limit - len(known_val))])
    val = _without_said(val, known_val, texts)
    if not val:
        # Those never learnt from come first, and of them the connected ones that come first by their hash.
        spare = [clip.id for clip in fresh] or [clip.id for clip in sorted(fit, key=lambda clip: _order(seed, clip))]
        val = {clip_id for clip_id, text in texts.items() if text and text == texts[spare[0]]}
        val = val if 0 < len(val) <= limit else {spare[0]}
    return val if len(val) < len(clips) else val - {max(val)}


def earlier_sides(datasets: Path) -> Sides:
    """The sides of clips in the datasets frozen last in this folder; where they differ the newest counts."""
    facts = [path for path in datasets.glob("*/dataset.json") if not path.parent.name.startswith(".")]
    times = {path.parent: path.stat().st_mtime_ns for path in facts}
    sides = Sides()
    for dataset in sorted(times, key=times.__getitem__, reverse=True)[:_MOST_DATASETS]:
        older = _sides(dataset, times[dataset])
        sides = Sides(
            sides.val | (older.val - sides.train),
            sides.train | (older.train - sides.val),
            sides.val_texts | (older.val_texts - sides.train_texts),
            sides.train_texts | (older.train_texts - sides.val_texts),
        )
    return sides


@lru_cache(maxsize=2 * _MOST_DATASETS)
def _sides(dataset: Path, _changed_ns: int) -> Sides:
    parts = []
    for name in ("val", "train"):
        try:
            lines = read_text(dataset / f"metadata_{name}.csv", _MOST_BYTES).splitlines()
        except (OSError, ValueError):
            return Sides()  # told where the dataset is shown
        rows = [line.split("|") for line in lines]
        parts.append((frozenset(row[0] for row in rows), frozenset(fold(row[1]) for row in rows if len(row) > 1)))
    (val, val_texts), (train, train_texts) = parts
    return Sides(val, train, val_texts, train_texts - val_texts)


def _without_said(val: set[str], known_val: set[str], texts: dict[str, str]) -> set[str]:
    """The ids without those whose text is also learnt from; one that was held out before takes the others along."""
    by_text: dict[str, list[str]] = defaultdict(list)
    for clip_id, text in texts.items():
        if text:
            by_text[text].append(clip_id)
    result = set(val)
    for clip_ids in by_text.values():
        if len(clip_ids) > 1 and result.intersection(clip_ids) and not result.issuperset(clip_ids):
            if known_val.intersection(clip_ids):
                result.update(clip_ids)
            else:
                result.difference_update(clip_ids)
    return result


def _is_drawn(seed: int, clip: Clip) -> bool:
    stretch = int(clip.start_s / _STRETCH_S)
    return _rank(seed, f"{clip.source_id}:{stretch // 10}") % 10 == stretch % 10


def _order(seed: int, clip: Clip) -> tuple[int, float, str]:
    return _rank(seed, f"{clip.source_id}:{int(clip.start_s / _STRETCH_S)}"), clip.start_s, clip.id


def _rank(seed: int, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8], "big")
