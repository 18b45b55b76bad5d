"""The verdict: what the numbers show is said, chance is not taken for more, and votes outweigh."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from core.evaluation.scores import Score
from core.evaluation.statistics import estimate
from core.evaluation.verdict import Verdict, decide


def voice(
    number: int, *, cer: float = 0.05, likeness: float = 0.7, faults: float = 0.0, count: int = 20, noise: float = 0.02
) -> list[Score]:
    """A voice's scores of some sentences, scattered around these means."""
    chance = np.random.default_rng(number)
    return [
        Score(
            f"{number}-{line}",
            "short",
            f"Sentence {line}.",
            measured="1 tiny",
            cer=float(np.clip(cer + chance.normal(0, noise), 0, 1)),
            likeness=float(likeness + chance.normal(0, noise)),
            faults=("last_cut",) if chance.random() < faults else (),
        )
        for line in range(count)
    ]


def keys(verdict: Verdict) -> Sequence[str]:
    return [reason.key for reason in verdict.reasons]


def test_the_earliest_of_those_that_are_as_good_is_kept_and_what_came_after_it_is_told() -> None:
    verdict = decide(
        {
            0: voice(0),
            300: voice(1, likeness=0.76),
            600: voice(2, likeness=0.83),
            900: voice(3, likeness=0.83, faults=0.5),
        }
    )
    assert (verdict.kind, verdict.step) == ("keep", 600)
    assert keys(verdict) == ["clear_same", "like_more", "ends", "later_like_same", "later_ends_less"]
    more = verdict.reasons[1].values
    assert more["before"] == pytest.approx(0.7, abs=0.02) and more["now"] == pytest.approx(0.83, abs=0.02)


def test_a_voice_that_becomes_less_clear_than_it_becomes_alike_is_not_kept() -> None:
    verdict = decide({0: voice(0), 100: voice(1, cer=0.3, likeness=0.74), 200: voice(2, cer=0.6, likeness=0.72)})
    assert (verdict.kind, verdict.step, verdict.help) == ("base", 100, "help_clear")
    assert keys(verdict)[0] == "clear_less"


def test_where_nothing_differs_none_of_many_is_better_by_chance() -> None:
    kept = 0
    for trial in range(20):
        runs = {step: voice(100 * trial + step, noise=0.04, faults=0.1) for step in range(0, 12)}
        kept += decide(runs).kind == "keep"
    assert kept <= 2


def test_a_few_sentences_tell_nothing() -> None:
    assert decide({0: voice(0, count=3), 10: voice(1, count=3, likeness=0.9)}).kind == "few"
    assert decide({10: voice(1)}).kind == decide({}).kind == decide({0: voice(0)}).kind == "few"


def test_an_interval_is_of_sentences_and_not_of_their_repetitions() -> None:
    once = estimate({f"{n}": [float(n % 2)] for n in range(10)})
    often = estimate({f"{n}": [float(n % 2)] * 50 for n in range(10)})
    assert once == often and once is not None and once.low < 0.3 < 0.7 < once.high and once.count == 10
    assert estimate({}) is None and estimate({"a": []}) is None
