"""Coverage of texts: the usual letters and letter pairs of a language in them, and sentences that bring the rest."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from core import REPOSITORY
from core.folding import fold

ENOUGH = 3  # what is heard less often is hardly learnt
_TABLES = REPOSITORY / "presets" / "reading" / "letter_pairs.json"


@dataclass(frozen=True)
class Coverage:
    """How often the texts hold the usual ``letters`` and ``pairs`` of the language, the commonest of it first.

    ``share`` is of running text: how much of its letter pairs the texts hold `ENOUGH` times or more, 0 to 1.
    """

    letters: dict[str, int]
    pairs: dict[str, int]
    share: float

    @property
    def rare_pairs(self) -> list[str]:
        """Pairs that the texts hold too seldom, the commonest first."""
        return [pair for pair, count in self.pairs.items() if count < ENOUGH]


def coverage(texts: Iterable[str], language: str) -> Coverage | None:
    """How the texts cover the language's letters and letter pairs; None where its usual ones are not known."""
    table = _usual(language)
    if table is None:
        return None
    letters: Counter[str] = Counter()
    pairs: Counter[str] = Counter()
    for text in texts:
        plain = fold(text)
        letters.update(plain)
        pairs.update(map("".join, pairwise(plain)))
    weights = table["pairs"]
    covered_weight = sum(weight for pair, weight in weights.items() if pairs[pair] >= ENOUGH)
    return Coverage(
        {letter: letters[letter] for letter in table["letters"]},
        {pair: pairs[pair] for pair in weights},
        covered_weight / sum(weights.values()),
    )


def sentences_to_read(
    present: Coverage, candidates: Sequence[str], spoken_texts: Iterable[str] = (), limit: int = 20
) -> list[str]:
    """Those of the candidates that bring most of what is missing, the best first: each time the one that brings most.

    Args:
        present: what there is.
        candidates: sentences to choose from.
        spoken_texts: texts that are there already and need not be read again.
        limit: how many sentences at most; fewer where nothing more would be brought.
    """
    missing = {pair: ENOUGH - present.pairs[pair] for pair in present.rare_pairs}
    folded_said = {fold(text) for text in spoken_texts}
    pairs = {text: Counter(map("".join, pairwise(fold(text)))) for text in candidates if fold(text) not in folded_said}
    picks: list[str] = []
    while pairs and len(picks) < limit:
        gains = {
            text: sum(min(count, missing.get(pair, 0)) for pair, count in counts.items()) / (len(text) + 20)
            for text, counts in pairs.items()
        }
        best = max(gains, key=gains.__getitem__)
        if not gains[best]:
            break
        picks.append(best)
        for pair, count in pairs.pop(best).items():
            if pair in missing:
                missing[pair] = max(0, missing[pair] - count)
    return picks


@cache
def _usual(language: str) -> dict[str, dict[str, int]] | None:
    """Shares of a language's usual letters and pairs in parts of 100,000, the commonest first."""
    tables: dict[str, dict[str, dict[str, int]]] = json.loads(_TABLES.read_text(encoding="utf-8"))
    return tables.get(language.split("-")[0])
