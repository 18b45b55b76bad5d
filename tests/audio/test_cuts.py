"""Where too long stretches are divided, and what words say about it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from core.audio.options import SegmentOptions
from core.audio.silence import LevelCurve
from core.clips.boundaries import Places, after, divide, word_gaps
from core.clips.plan import plan
from core.project.records import Word


def _places(*pairs: tuple[int, float]) -> Places:
    return Places(np.array([at for at, _ in pairs], np.intp), np.array([cost for _, cost in pairs], np.float64))


def test_the_cheapest_way_through_is_found_not_the_cheapest_next_step() -> None:
    # 35 is the best place by itself, but only 50 leaves a cheap second cut.
    places = _places((35, 0), (50, 10), (80, 900), (90, 5))
    assert divide(0, 130, places, 30, 35) == []  # no way: a piece would be too long
    assert divide(0, 130, places, 30, 50) == [50, 90]


def test_dividing_agrees_with_trying_every_way() -> None:
    chance = np.random.default_rng(2)
    for _ in range(60):
        last = int(chance.integers(40, 160))
        frames = np.sort(chance.choice(np.arange(5, last - 4), 9, replace=False))
        places = Places(frames.astype(np.intp), chance.uniform(0, 400, 9))
        shortest, longest = 20, int(chance.integers(45, 70))
        found = divide(0, last, places, shortest, longest)
        ways = {
            way: _cost(way, places, last, shortest, longest)
            for count in range(10)
            for way in itertools.combinations(frames.tolist(), count)
        }
        best = min(ways.values())
        assert (ways[tuple(found)] == pytest.approx(best)) if np.isfinite(best) else found == []


def _cost(way: tuple[int, ...], places: Places, last: int, shortest: int, longest: int) -> float:
    edges = [0, *way, last]
    lengths = np.diff(edges)
    if (lengths > longest).any():
        return float("inf")
    even = min(last / -(-last // longest), 0.8 * longest)
    known = dict(zip(places.frames.tolist(), places.costs.tolist(), strict=True))
    uneven = 50 * np.square((lengths - even) / even).sum() + 1e9 * (lengths < shortest).sum()
    return float(uneven + sum(known[at] + 25 for at in way))


def test_pieces_are_even_where_nothing_speaks_against_it() -> None:
    flat = LevelCurve(np.full(3000, -20.0), 0.01, 30.0)
    lengths = [span.seconds for span in plan(flat, SegmentOptions()).spans]
    assert sum(lengths) == pytest.approx(30) and max(lengths) - min(lengths) < 1.1


@pytest.mark.parametrize(
    ("word", "following", "end"),
    [
        ("home.", "We", "sentence"), ("home.”", "We", "sentence"), ("really?!", "Yes", "sentence"),
        ("Inc.", "and", "clause"), ("home", "We", ""), ("well,", "we", "clause"), ("well;", "we", "clause"),
        ("3.5", "points", ""), ("so…", "anyway", "clause"), ("é.", "“Não", "sentence"), ("",  "a", ""),
        ("好。", "今", "sentence"), ("好，", "今", "clause"), ("です。」", "次", "sentence"), ("は、", "次", "clause"),
        ("है।", "वह", "sentence"), ("كيف؟", "أنا", "sentence"), ("نعم،", "أنا", "clause"), ("да!", "нет", "sentence"),
        ("네.", "저는", "sentence"), ("Straße.", "ja", "clause"), (" done.", " Next", "sentence"),
    ],
)  # fmt: skip
def test_sentences_and_clauses_end_in_the_writing_of_each_language(word: str, following: str, end: str) -> None:
    assert after(word, following) == end


def _talk(texts: list[str], gap_s: float = 0.2) -> tuple[LevelCurve, list[Word]]:
    """Words of 0.5 s with a gap after each, as levels and times."""
    words = [Word(n * (0.5 + gap_s), n * (0.5 + gap_s) + 0.5, text) for n, text in enumerate(texts)]
    dbfs = np.full(round(words[-1].end_s * 100), -60.0)
    for word in words:
        dbfs[round(word.start_s * 100) : round(word.end_s * 100)] = -20
    return LevelCurve(dbfs, 0.01, len(dbfs) / 100), words


def test_a_long_stretch_is_cut_after_sentences_then_clauses_then_in_long_gaps() -> None:
    texts = ["A"] * 30
    for ends, place in (({12: "end.", 14: "then,"}, 12), ({14: "then,"}, 14)):
        curve, words = _talk([ends.get(n, text) for n, text in enumerate(texts)])
        first = plan(curve, SegmentOptions(max_clip_s=14), None, words).spans[0]
        assert first.end_s == pytest.approx(words[place].end_s + 0.1, abs=0.03)
    curve, words = _talk(texts)
    shifted = [
        word if n <= 13 else Word(word.start_s + 0.25, word.end_s + 0.25, word.text) for n, word in enumerate(words)
    ]
    dbfs = np.insert(np.asarray(curve.dbfs), round(words[13].end_s * 100), np.full(25, -60.0))
    longer = LevelCurve(dbfs, 0.01, len(dbfs) / 100)
    first = plan(longer, SegmentOptions(max_clip_s=14), None, shifted).spans[0]
    assert first.end_s == pytest.approx(words[13].end_s + 0.225, abs=0.03)


def test_the_cut_lies_where_it_is_quietest_between_two_words() -> None:
    curve, words = _talk(["a", "b"], gap_s=0.4)
    dbfs = np.asarray(curve.dbfs).copy()
    dbfs[50:70] = -45  # a breath after the first word
    places = word_gaps(LevelCurve(dbfs, 0.01, curve.seconds), words)
    assert places.frames.tolist() == [pytest.approx(80, abs=3)]
    touching = [Word(0, 0.5, "a"), Word(0.5, 1.4, "b")]  # times without a gap, a little late
    dbfs = np.full(140, -20.0)
    dbfs[46:50] = -60
    assert 46 <= word_gaps(LevelCurve(dbfs, 0.01, 1.4), touching).frames[0] <= 50


def test_times_that_overlap_or_run_backwards_give_places_in_order() -> None:
    curve = LevelCurve(np.full(1000, -20.0), 0.01, 10.0)
    words = [Word(1, 3, "a"), Word(2, 2.5, "b"), Word(2.2, 2.3, "c"), Word(6, 7, "d")]
    assert (np.diff(word_gaps(curve, words).frames) > 0).all()


def test_a_pause_within_a_sentence_joins_and_one_after_it_separates() -> None:
    dbfs = np.concatenate([np.full(n, level) for n, level in ((400, -20.0), (70, -60.0), (400, -20.0))])
    curve = LevelCurve(dbfs, 0.01, 8.7)
    for text, clips in (("and", 1), ("and,", 1), ("end.", 2)):
        words = [Word(0.1, 3.9, text), Word(4.8, 8.6, "Then")]
        assert len(plan(curve, SegmentOptions(), None, words).spans) == clips
    assert len(plan(curve, SegmentOptions(use_words=False), None, [Word(0.1, 3.9, "and"), *words[1:]]).spans) == 2


def test_where_no_words_are_known_a_stretch_is_cut_at_its_valleys_all_the_same() -> None:
    curve, words = _talk(["a"] * 60)
    found = plan(curve, SegmentOptions(), None, words[:10])  # recognition stopped after 7 s
    assert sum(span.seconds for span in found.spans) == pytest.approx(curve.seconds, abs=0.1)
    borders = [span.end_s for span in found.spans[:-1]]
    assert all(not any(w.start_s < border < w.end_s for w in words) for border in borders)
