"""A page of a large project's clips: the filter, order and page in SQL, against reading all clips and sorting them.

    python -m benchmarks.clips                   # 50,000 clips

Writes benchmarks/results/clips.json.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from functools import partial
from pathlib import Path

from benchmarks import machine, write_results
from benchmarks.events import median_ms
from core.project.records import Clip, ClipFilter, Source
from core.project.schema import connect
from core.project.stats import Figures
from core.project.store import Store

STATES, SORTS = ("all", "new", "approved", "low"), ("time", "confidence", "length")
SOURCES, PAGE = 20, 20


def big_store(path: Path, clips: int = 50_000) -> Store:
    """A store of so many clips, of twenty recordings and in all states."""
    store, chance = Store(path), random.Random(1)
    for number in range(SOURCES):
        source = f"s{number:02d}"
        store.add_source(Source(source, source))
        store.replace_clips(source, [_clip(f"{source}-{n:05d}", source, n, chance) for n in range(clips // SOURCES)])
    return store


def _clip(clip_id: str, source: str, number: int, chance: random.Random) -> Clip:
    return Clip(
        clip_id,
        source,
        number * 6.0,
        number * 6.0 + chance.uniform(3, 11),
        text=f"This is sentence {number} of recording {source}, as it was said.",
        status=chance.choice(["new", "approved", "rejected"]),
        confidence=chance.random(),
        mismatch=chance.choice([None, chance.random()]),
        text_flags=chance.choice(["", "", "mismatch", "unsure mismatch"]),
        sound_flags=chance.choice(["", "", "", "noisy"]),
    )


def review_page(store: Store, clip_filter: ClipFilter, place: int) -> tuple[int, int, int]:
    """Ask what the review page asks for to show the clip at a place of a filter: it, its neighbours, all counts.

    Returns:
        how many clips there are, how many before it, and how many of the seven behind it.
    """
    clip = store.clips(clip_filter, place, 1)[0]
    counts = (
        store.count(clip_filter),
        store.count_before(clip_filter, clip),
        len(store.walk(clip_filter, clip, limit=7)),
    )
    store.walk(clip_filter, clip, forward=False), Figures(store.path).flag_counts("flagged")
    return counts


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=int, default=50_000)
    count = parser.parse_args().clips
    where = machine()
    with tempfile.TemporaryDirectory() as folder:
        store, place = big_store(Path(folder) / "project.db", count), count // 4
        pages = {
            f"{state} by {sort}": median_ms(partial(store.clips, ClipFilter(state, sort=sort), place, PAGE), 5)
            for state in STATES
            for sort in SORTS
        }
        # A text with letters beyond ASCII in every other clip, and a search that goes through all of them.
        with connect(store.path) as db:
            db.execute("UPDATE clips SET text = replace(text, 'sentence', 'oração é Água') WHERE rowid % 2")
        searches = {
            text: median_ms(partial(store.clips, ClipFilter(search=text), 0, PAGE), 5)
            for text in ("AGUA", "água 2499", "not said")
        }
        flagged = ClipFilter("flagged", sort="confidence", flag="mismatch")
        review = median_ms(lambda: review_page(store, flagged, count // 50), 5)
        whole = median_ms(
            lambda: sorted(store.clips(ClipFilter()), key=lambda clip: clip.confidence)[place : place + PAGE], 3
        )
    worst = max(pages.values())
    figures = {
        "machine": where,
        "clips": count,
        "page_ms": pages,
        "worst_page_ms": worst,
        "search_ms": searches,
        "review_ms": review,
        "all_and_sort_ms": whole,
        "ratio": whole / worst,
    }
    write_results("clips", figures)
    print(f"slowest page {worst:.0f} ms, all clips read and sorted {whole:.0f} ms ({whole / worst:.0f} times as long)")
    print(f"slowest page of a search {max(searches.values()):.0f} ms")
    print(f"a flagged clip with its neighbours and counts {review:.0f} ms")


if __name__ == "__main__":
    main()
