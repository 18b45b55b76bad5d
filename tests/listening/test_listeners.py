"""Hidden checks: who does not listen is named, whoever does is not, and left-out votes are counted in sight."""

from __future__ import annotations

import random

import pytest

from core.checkpoint_ref import CheckpointRef
from core.listening.candidates import REAL
from core.listening.listeners import (
    LEAST_BETWEEN,
    MOST_BETWEEN,
    check_of,
    counted,
    due_check,
    listeners,
    trust,
    trusted_names,
)
from core.project.records import Vote
from core.project.workspace import Project

A, B = CheckpointRef("run", 10), CheckpointRef("run", 20)


def _same(choice: str, listener: str = "ana") -> Vote:
    return Vote("p", A, A, choice, 0.0, "One.", listener)


def _real(choice: str, listener: str = "ana", *, on: str = "left") -> Vote:
    sides = (REAL, A) if on == "left" else (A, REAL)
    return Vote("p", *sides, choice, 0.0, "One.", listener)


def test_checks_are_told_from_votes() -> None:
    assert [check_of(vote) for vote in (_same("left"), _real("left"), Vote("p", A, B, "left", 0.0))] == [
        *("same", "real", "")
    ]


@pytest.mark.parametrize("choice", ["left", "right", "same"])
def test_who_always_gives_the_same_answer_is_left_out(choice: str) -> None:
    checks = [_same(choice), _real(choice), _real(choice, on="right")] * 4
    votes = [Vote(str(n), A, B, choice, 0.0, "", "ana") for n in range(6)]
    ana = listeners([*checks, *votes])[0]
    assert ana.is_left_out and (ana.votes, ana.same, ana.real) == (6, 4, 8)
    assert counted([*checks, *votes]) == []
    assert len(counted([*checks, *votes], ["ana"])) == 6


def test_who_errs_now_and_then_is_not_left_out() -> None:
    checks = [_same("same"), _real("left"), _same("same"), _real("right", on="right"), _same("left"), _real("same")]
    assert not listeners(checks)[0].is_left_out
    three_failures = [_same("left"), _same("right"), _real("right")]
    assert not listeners(three_failures)[0].is_left_out  # too few to say


def test_one_careless_listener_costs_the_others_nothing() -> None:
    careful = [_same("same", "ben"), _real("left", "ben")] * 3 + [Vote("v", A, B, "left", 0.0, "", "ben")]
    careless = [_same("left"), _real("right")] * 4 + [Vote("w", A, B, "right", 0.0, "", "ana")]
    assert [vote.pair for vote in counted([*careful, *careless])] == ["v"]


def test_checks_come_now_and_then_and_nobody_can_tell_when() -> None:
    chance, kinds, gaps = random.Random(1), [], []
    for _ in range(600):
        kinds.append(due_check(kinds, chance, True))
        if kinds[-1]:
            gaps.append(len(kinds))
            assert kinds.count("same") - kinds.count("real") in (-1, 0, 1)
    between = [later - earlier - 1 for earlier, later in zip(gaps, gaps[1:], strict=False)]
    assert set(between) == set(range(LEAST_BETWEEN, MOST_BETWEEN + 1))
    assert "real" not in {due_check(kinds[:n], chance, False) for n in range(100)}


def test_trust_is_kept_and_taken_back(project: Project) -> None:
    assert trusted_names(project) == []
    trust(project, "Ana")
    trust(project, "Ben")
    trust(project, "Ana", on=False)
    assert trusted_names(project) == ["Ben"]
