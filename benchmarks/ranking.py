"""How soon votes find the best checkpoint, and whether the intervals are right: ``python -m benchmarks.ranking``.

Listeners are simulated, since here the truth has to be known. Each of ``--runs`` projects has eight checkpoints whose
strengths are drawn anew; listeners vote by Davidson's model, of two equal ones one pair in five undecided. Two ways to
choose the next pair are compared: the app's, and the pair with the fewest votes (what it did before). Writes
benchmarks/results/ranking.json.

- ``clear``: the best is preferred to the second in four of five decided votes, the others lie close together.
- ``any``: strengths as the model supposes them before any vote; often the first two are nearly equal.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import RESULTS, machine
from core.listening.strength import Comparison, Strengths, gain, strengths

CHECKPOINTS = 8
VOTES = 60
TIE_RATE = 0.5
CLEAR = float(np.log(4))  # log-odds
Choose = Callable[[Strengths, Counter[tuple[int, int]], np.random.Generator], tuple[int, int]]
PAIRS = list(itertools.combinations(range(CHECKPOINTS), 2))


def clear(chance: np.random.Generator) -> np.ndarray:
    """One stands out."""
    truth = -CLEAR - np.abs(chance.normal(0, 0.5, CHECKPOINTS))
    truth[chance.integers(CHECKPOINTS)] = 0.0
    return truth


def any_strengths(chance: np.random.Generator) -> np.ndarray:
    """As the prior has them."""
    return chance.normal(0, 1.2, CHECKPOINTS)


def teaching(state: Strengths, _: Counter[tuple[int, int]], chance: np.random.Generator) -> tuple[int, int]:
    """The app's choice."""
    return max(PAIRS, key=lambda pair: (gain(state, *pair), chance.random()))


def fewest(_: Strengths, counts: Counter[tuple[int, int]], chance: np.random.Generator) -> tuple[int, int]:
    """The pair with the fewest votes."""
    return min(PAIRS, key=lambda pair: (counts[pair], chance.random()))


def listen(truth: np.ndarray, choose: Choose, chance: np.random.Generator) -> tuple[Strengths, int | None]:
    """`VOTES` votes; what they say, and after how many it was decided."""
    comparisons: list[Comparison] = []
    counts: Counter[tuple[int, int]] = Counter()
    state, decided_after = strengths(CHECKPOINTS, comparisons), None
    for number in range(1, VOTES + 1):
        first, second = pair = choose(state, counts, chance)
        counts[pair] += 1
        half = (truth[first] - truth[second]) / 2
        weights = np.array([np.exp(half), TIE_RATE, np.exp(-half)])
        preferred = ("first", "tie", "second")[chance.choice(3, p=weights / weights.sum())]
        comparisons.append(Comparison(first, second, preferred))
        state = strengths(CHECKPOINTS, comparisons)
        if state.decided and decided_after is None:
            decided_after = number
    return state, decided_after


def measure(truths: Callable[[np.random.Generator], np.ndarray], choose: Choose, runs: int) -> dict[str, Any]:
    """Shares over all runs."""
    chance = np.random.default_rng(7)
    best, inside, decided, wrong = 0, 0, [], 0
    for _ in range(runs):
        truth = truths(chance)
        state, decided_after = listen(truth, choose, chance)
        right = int(state.best.argmax()) == int(truth.argmax())
        best += right
        centred = truth - truth.mean()
        inside += int(((centred >= state.low) & (centred <= state.high)).sum())
        if decided_after is not None:
            decided.append(decided_after)
            wrong += not right
    return {
        "best_found": best / runs,
        "intervals_hold": inside / (runs * CHECKPOINTS),
        "decided": len(decided) / runs,
        "decided_after_votes": float(np.median(decided)) if decided else None,
        "decided_wrongly": wrong / runs,
    }


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
    (RESULTS / "ranking.json").write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
