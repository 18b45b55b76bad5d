"""How soon votes find the best checkpoint, and whether the intervals are right: ``python -m benchmarks.ranking``.

Listeners are simulated, since here the truth has to be known. Each of ``--runs`` projects has eight checkpoints whose
strengths are drawn anew; listeners vote by Davidson's model, of two equal ones one pair in five undecided. Two ways to
choose the next pair are compared: the app's, and the pair with the fewest votes (what it did before). Writes
benchmarks/results/ranking.json.

- ``clear``: the best is preferred to the second in four of five decided votes, the others lie close together.
- ``any``: strengths as the model supposes them before any vote; often the first two are nearly equal.
- ``hidden_checks``: five listeners of 60 votes each, one of whom is careless in one of four ways. How often the checks
  (`core.listening.listeners`) name the careless one, and how often one who attends. An attending listener's answers
  are drawn from more than what the checks suppose: how often a difference is heard where there is none (10 to 30 %)
  and how far the real recording stands out differ from one to the next.
"""

from __future__ import annotations

import argparse
import itertools
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import machine, write_results
from core.checkpoint_ref import CheckpointRef
from core.listening.candidates import REAL
from core.listening.listeners import REAL_VOICE, check_of, due_check, listeners
from core.listening.strength import Comparison, Strengths, gain, strengths
from core.project.records import Vote

CHECKPOINTS = 8
VOTES = 60
TIE_RATE = 0.5
CLEAR = float(np.log(4))  # log-odds
Choose = Callable[[Strengths, Counter[tuple[int, int]], np.random.Generator], tuple[int, int]]
PAIRS = list(itertools.combinations(range(CHECKPOINTS), 2))


def clear(chance: np.random.Generator) -> np.ndarray:
    """Strengths of which one stands out; shape ``(CHECKPOINTS,)``, as of all strengths here."""
    truth = -CLEAR - np.abs(chance.normal(0, 0.5, CHECKPOINTS))
    truth[chance.integers(CHECKPOINTS)] = 0.0
    return truth


def any_strengths(chance: np.random.Generator) -> np.ndarray:
    """Strengths as the prior has them."""
    return chance.normal(0, 1.2, CHECKPOINTS)


def teaching(state: Strengths, _: Counter[tuple[int, int]], chance: np.random.Generator) -> tuple[int, int]:
    """The app's choice."""
    return max(PAIRS, key=lambda pair: (gain(state, *pair), chance.random()))


def fewest(_: Strengths, counts: Counter[tuple[int, int]], chance: np.random.Generator) -> tuple[int, int]:
    """The pair with the fewest votes."""
    return min(PAIRS, key=lambda pair: (counts[pair], chance.random()))


def listen(truth: np.ndarray, choose: Choose, chance: np.random.Generator) -> tuple[Strengths, tuple[int, int] | None]:
    """`VOTES` votes: what they say in the end, and after how many of them it was decided for which checkpoint."""
    comparisons: list[Comparison] = []
    counts: Counter[tuple[int, int]] = Counter()
    state, decision = strengths(CHECKPOINTS, comparisons), None
    for number in range(1, VOTES + 1):
        first, second = pair = choose(state, counts, chance)
        counts[pair] += 1
        half = (truth[first] - truth[second]) / 2
        weights = np.array([np.exp(half), TIE_RATE, np.exp(-half)])
        preferred = ("first", "tie", "second")[chance.choice(3, p=weights / weights.sum())]
        comparisons.append(Comparison(first, second, preferred))
        state = strengths(CHECKPOINTS, comparisons)
        if state.decided and decision is None:
            decision = number, int(state.best.argmax())
    return state, decision


def measure(truths: Callable[[np.random.Generator], np.ndarray], choose: Choose, runs: int) -> dict[str, Any]:
    """Shares over all runs."""
    chance = np.random.default_rng(7)
    best, inside, wrong = 0, 0, 0
    decided_after: list[int] = []
    for _ in range(runs):
        truth = truths(chance)
        state, decision = listen(truth, choose, chance)
        best += int(state.best.argmax()) == int(truth.argmax())
        centred = truth - truth.mean()
        inside += int(((centred >= state.low) & (centred <= state.high)).sum())
        if decision is not None:
            votes, checkpoint = decision
            decided_after.append(votes)
            wrong += checkpoint != int(truth.argmax())
    return {
        "best_found": best / runs,
        "intervals_hold": inside / (runs * CHECKPOINTS),
        "decided": len(decided_after) / runs,
        "decided_after_votes": float(np.median(decided_after)) if decided_after else None,
        "decided_wrongly": wrong / runs,
    }


def hidden_checks(runs: int, votes: int = VOTES) -> dict[str, Any]:
    """How often checks name a careless listener among five, by kind of carelessness, and one who attends."""
    chance, draw = np.random.default_rng(9), random.Random(9)
    named: dict[str, list[bool]] = {way: [] for way in ("guess", "left", "right", "same")}
    alarms: list[bool] = []
    counts: list[int] = []
    for run in range(runs):
        way = list(named)[run % len(named)]
        cast: list[Vote] = []
        for listener in range(5):
            hears, stands_out = chance.uniform(0.1, 0.3), chance.uniform(1.5, 3.0)
            for check in checks_among(votes, draw):
                answer = (
                    careless_answer(way, chance) if not listener else attending_answer(check, hears, stands_out, chance)
                )
                cast.append(Vote("", check.left, check.right, answer, 0.0, "", str(listener)))
        outcome = {entry.name: entry for entry in listeners(cast)}
        named[way].append(outcome["0"].is_left_out)
        alarms += [outcome[str(listener)].is_left_out for listener in range(1, 5)]
        counts += [entry.same + entry.real for entry in outcome.values()]
    return {
        "votes_each": votes,
        "checks_each": float(np.mean(counts)),
        "careless_named": float(np.mean([hit for hits in named.values() for hit in hits])),
        **{f"careless_named_{way}": float(np.mean(hits)) for way, hits in named.items()},
        "attending_named": float(np.mean(alarms)),
    }


def checks_among(votes: int, draw: random.Random) -> list[Vote]:
    """The checks that one listener meets within so many votes."""
    kinds: list[str] = []
    checks: list[Vote] = []
    checkpoint = CheckpointRef("run", 1)
    while len(kinds) - len(checks) < votes:
        kinds.append(due_check(kinds, draw, True))
        if kinds[-1] == REAL_VOICE:
            sides = draw.sample((checkpoint, REAL), 2)
            checks.append(Vote("", sides[0], sides[1], "", 0.0))
        elif kinds[-1]:
            checks.append(Vote("", checkpoint, checkpoint, "", 0.0))
    return checks


def careless_answer(way: str, chance: np.random.Generator) -> str:
    """Of one who guesses, or gives one answer nine times in ten."""
    if way == "guess" or chance.random() > 0.9:
        return str(chance.choice(["left", "right", "same"]))
    return way


def attending_answer(check: Vote, hears: float, stands_out: float, chance: np.random.Generator) -> str:
    """Of one who hears a difference that is not there with this chance, and the real recording's lead in log-odds."""
    if check_of(check) == REAL_VOICE:
        half = stands_out / 2
        weights = np.array([np.exp(half), TIE_RATE, np.exp(-half)])
        real, other = ("left", "right") if check.left == REAL else ("right", "left")
        return (real, "same", other)[chance.choice(3, p=weights / weights.sum())]
    return str(chance.choice(["left", "right"])) if chance.random() < hears else "same"


def main() -> None:
    """Print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=200)
    options = parser.parse_args()
    results: dict[str, Any] = {
        "machine": machine("numpy"),
        "runs": options.runs,
        "checkpoints": CHECKPOINTS,
        "votes": VOTES,
    }
    for name, truths in (("clear", clear), ("any", any_strengths)):
        ours, before = (measure(truths, choose, options.runs) for choose in (teaching, fewest))
        ratio = (1 - before["best_found"]) / max(1 - ours["best_found"], 1 / options.runs)
        results[name] = {"ours": ours, "fewest_votes": before, "fewer_misses": ratio}
        print(f"{name}: best found {ours['best_found']:.0%} (fewest votes: {before['best_found']:.0%}), {ours}")
    results["hidden_checks"] = hidden_checks(10 * options.runs)
    print(f"hidden checks: {results['hidden_checks']}")
    write_results("ranking", results)


if __name__ == "__main__":
    main()
