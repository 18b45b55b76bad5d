"""Claims of an answer: a number or a finding that was not given is marked, wherever it stands."""

from __future__ import annotations

import pytest

from core.coach.claims import unsupported

FACTS = [
    "The error has not fallen for 5 checks. Checkpoint 1,200 is the best so far.",
    "O erro caiu 12,5% até agora; a taxa é 0.0002.",
]


@pytest.mark.parametrize(
    "answer",
    [
        "It has not improved for 5 checks [F1].",
        "Keep 1,200, or as others write, 1.200 or 1200 [F1].",
        "Down 12.5% (12,5 %), at a rate of 0,0002 [F2].",
        "1. Stop.\n2. Keep it.\n3) Listen.",
        "XTTS-v2 and F5 are names, not numbers.",
    ],
)
def test_what_the_facts_hold_is_not_marked(answer: str) -> None:
    assert unsupported(answer, FACTS, 2) == []


@pytest.mark.parametrize(
    ("answer", "marked"),
    [
        ("It will be done after 300 more updates.", ["300"]),
        ("Down 12.6%.", ["12.6"]),
        ("See [F3] and [F0].", ["[F3]", "[F0]"]),
        ("1. Wait 10 minutes.\n2. Then 5 more.", ["10"]),
        ("Use 1,200.5 or 5.", ["1,200.5"]),
    ],
)
def test_what_they_do_not_is(answer: str, marked: list[str]) -> None:
    assert [answer[span.start : span.end] for span in unsupported(answer, FACTS, 2)] == marked
