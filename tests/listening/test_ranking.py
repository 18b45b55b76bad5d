"""The ranking: what votes say of each checkpoint, how sure that is, and the pair that is suggested next."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from core.checkpoint_ref import CheckpointRef
from core.listening import strength
from core.listening.candidates import REAL, Candidate, Sentence
from core.listening.ranking import RunVotes, _run_votes, ranking, run_votes, suggest
from core.listening.strength import MOST_VOTES, Comparison, gain, strengths, votes_to_decide
from core.project.records import Vote
from core.project.workspace import Project

SENTENCES = {Sentence(0, "One."): Path("0.wav"), Sentence(1, "Two."): Path("1.wav")}


def _candidate(name: str, step: int = 1, condition: str = "d") -> Candidate:
    return Candidate(CheckpointRef(name, step), name.upper(), (condition,), SENTENCES)


def _votes(*results: tuple[str, str, str], step: int = 1) -> list[Vote]:
    return [
        Vote(str(number), CheckpointRef(left, step), CheckpointRef(right, step), choice, float(number))
        for number, (left, right, choice) in enumerate(results)
    ]


def test_a_run_is_judged_by_votes_against_the_base_and_other_runs_each_counted_once() -> None:
    base, own, later, other = (CheckpointRef(*ref) for ref in (("a", 0), ("a", 20), ("a", 40), ("b", 20)))
    pairs = ((base, own, "right"), (own, later, "left"), (later, other, "right"), (other, own, "same"))
    votes = [Vote(str(n), left, right, choice, float(n)) for n, (left, right, choice) in enumerate(pairs)]
    counts = _run_votes(votes)
    assert (counts["a"], counts["b"]) == (RunVotes(1, 3), RunVotes(1, 2))


def test_a_hidden_check_against_the_real_recording_is_no_vote_on_a_run(project: Project) -> None:
    for number, (left, right) in enumerate(((("a", 20), ("b", 20)), (("a", 20), (REAL.run_id, 0)))):
        vote = Vote(str(number), CheckpointRef(*left), CheckpointRef(*right), "right", float(number))
        project.store.add_vote(vote)
    assert run_votes(project) == {"a": RunVotes(0, 1), "b": RunVotes(1, 1)}


def test_wins_losses_and_ties_are_counted_and_the_surest_comes_first() -> None:
    votes = _votes(("a", "b", "left"), ("b", "a", "right"), ("a", "c", "same"), ("b", "c", "right"))
    rows = ranking([_candidate(name) for name in "abcd"], votes).rows
    assert [(row.title, row.wins, row.losses, row.ties) for row in rows] == [
        ("A", 2, 0, 1),
        ("C", 1, 0, 1),
        ("D", 0, 0, 0),
        ("B", 0, 3, 0),
    ]
    assert all(row.low < row.share < row.high for row in rows)
    assert sum(row.best for row in rows) == pytest.approx(1)


def test_without_votes_all_are_equal_and_nothing_is_decided() -> None:
    assert ranking([], []).rows == ()
    table = ranking([_candidate(name) for name in "ab"], [])
    assert [row.share for row in table.rows] == [0.5, 0.5] and table.winner is None
    assert ranking([_candidate("a")], []).winner is None


def test_strengths_are_the_most_likely_ones() -> None:
    comparisons = [Comparison(0, 1, "first")] * 6 + [Comparison(1, 0, "first")] * 2 + [Comparison(0, 2, "tie")] * 3
    state = strengths(3, comparisons)

    def density(mean: np.ndarray, log_tie: float) -> float:
        total = -float((mean**2).sum()) / 2 / 1.2**2 - (log_tie - np.log(0.5)) ** 2 / 2
        for entry in comparisons:
            half = (mean[entry.first] - mean[entry.second]) / 2
            weights = {"first": np.exp(half), "second": np.exp(-half), "tie": np.exp(log_tie)}
            total += np.log(weights[entry.preferred] / sum(weights.values()))
        return total

    log_tie = float(np.log(state.tie_rate))
    peak = density(state.mean, log_tie)
    for place in range(3):
        for shift in (-1e-3, 1e-3):
            moved = state.mean.copy()
            moved[place] += shift
            assert density(moved, log_tie) < peak
    assert density(state.mean, log_tie + 1e-3) < peak > density(state.mean, log_tie - 1e-3)


def test_a_clear_result_is_decided_and_an_even_one_is_not_worth_more_votes() -> None:
    clear = _votes(*[("a", other, "left") for other in "bc" for _ in range(12)])
    table = ranking([_candidate(name) for name in "abc"], clear)
    assert table.winner == CheckpointRef("a", 1) and table.votes_left == 0
    few = ranking([_candidate(name) for name in "abc"], clear[:3])
    assert few.winner is None and 1 <= (few.votes_left or 0) <= MOST_VOTES
    even = [Comparison(0, 1, "first"), Comparison(0, 1, "second")] * 40
    assert votes_to_decide(strengths(2, even)) is None


def test_votes_on_what_is_gone_are_left_out() -> None:
    table = ranking([_candidate("a"), _candidate("b")], _votes(("a", "gone", "left"), ("a", "b", "right")))
    assert (table.votes, [(row.title, row.wins) for row in table.rows]) == (1, [("B", 1), ("A", 0)])


def test_the_base_is_one_voice_in_all_runs_of_its_condition() -> None:
    pool = [_candidate("x", 0), _candidate("x", 5), _candidate("y", 0), _candidate("y", 5)]
    votes = [Vote("1", CheckpointRef("x", 5), CheckpointRef("x", 0), "left", 1.0)]
    share = {row.checkpoint: row.share for row in ranking(pool, votes).rows}
    assert share[CheckpointRef("x", 0)] == share[CheckpointRef("y", 0)] < share[CheckpointRef("y", 5)]


def test_the_next_pair_is_one_that_may_be_the_best_and_was_heard_least() -> None:
    pool = [_candidate(name) for name in "abcd"]
    lost = _votes(*[("a", "d", "left"), ("b", "d", "left"), ("c", "d", "left")] * 4)
    for seed in range(5):
        left, right, _ = suggest(pool, lost, random.Random(seed)) or pytest.fail("nothing")
        assert "D" not in (left.run_title, right.run_title)
    state = strengths(3, [Comparison(0, 1, "tie")] * 4)
    assert gain(state, 0, 1) < gain(state, 0, 2) == pytest.approx(gain(state, 1, 2), rel=0.1)


def test_the_same_votes_give_the_same_figures_and_none_is_infinite() -> None:
    comparisons = [Comparison(0, 1, "first")] * 500
    one = strengths(2, comparisons)
    strength._estimate.cache_clear()
    other = strengths(2, comparisons)
    assert one is not other
    assert np.isfinite(one.mean).all() and (one.best == other.best).all() and one.decided
