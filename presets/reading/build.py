"""Builds letter_pairs.json: how often the usual letters and letter pairs of a language occur in running text.

    pip install wordfreq && python presets/reading/build.py

Counted over wordfreq's word frequencies (github.com/rspeer/wordfreq): what is kept are shares of letters, no words.
"""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

from wordfreq import get_frequency_dict

HERE = Path(__file__).resolve().parent
LANGUAGES = ("ar", "cs", "de", "en", "es", "fr", "hi", "hu", "it", "nl", "pl", "pt", "ru", "tr")
# Letters that a language has in foreign words alone: nobody should be asked to read for them.
FOREIGN = {
    "cs": "qwx",
    "es": "kw",
    "fr": "kw",
    "hu": "qwx",
    "it": "jkwxy",
    "pl": "qvx",
    "pt": "kwy",
    "tr": "qwx",
}
NOT_LATIN = ("ar", "hi", "ru")
WORDS = 20_000
LEAST_LETTER, LEAST_PAIR = 3e-4, 2e-4  # shares of all letters and of all pairs; rarer ones are names and slips


def shares(language: str) -> dict[str, dict[str, float]]:
    """Shares of the usual letters and pairs within words, in parts of 100,000, the commonest first."""
    letters: Counter[str] = Counter()
    pairs: Counter[str] = Counter()
    frequencies = get_frequency_dict(language, "best")
    for word in sorted(frequencies, key=frequencies.__getitem__, reverse=True)[:WORDS]:
        if all(letter.isalpha() or letter in "'’-" or not letter.isascii() for letter in word):
            for letter in word:
                letters[letter] += frequencies[word]
            for first, second in pairwise(word):
                pairs[first + second] += frequencies[word]
    foreign = set(FOREIGN.get(language, ""))
    if language in NOT_LATIN:
        foreign |= set("abcdefghijklmnopqrstuvwxyz")

    def usual(counts: Counter[str], least: float) -> dict[str, float]:
        counts = Counter(
            {key: n for key, n in counts.items() if not foreign & set(key) and not set(key) & set("'’-.0123456789")}
        )
        total = counts.total()
        return {key: round(1e5 * n / total) for key, n in counts.most_common() if n >= least * total}

    return {"letters": usual(letters, LEAST_LETTER), "pairs": usual(pairs, LEAST_PAIR)}


if __name__ == "__main__":
    tables = {language: shares(language) for language in LANGUAGES}
    lines = ",\n".join(
        f"{json.dumps(language)}: {json.dumps(table, ensure_ascii=False, separators=(',', ':'))}"
        for language, table in tables.items()
    )
    (HERE / "letter_pairs.json").write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
