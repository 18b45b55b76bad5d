"""Spelling as XTTS learnt it: in words and in lower case, without signs that make no sound. Light.

Coqui's own cleaner writes numbers out for sixteen languages, and badly for most: it writes capitals that the vocabulary
lacks, leaves signs no voice can speak, and fails on Hindi numbers. What comes from here holds nothing that it would
change, so that plain coqui-tts reads the very same.
"""

from __future__ import annotations

import functools
import re

from core.spelling import numbers
from core.spelling.speller import plain, speller_of
from core.text import clean_text

_SILENT = re.compile(r"[*_~^|\\`<>{}\[\]®™©]+")


def spell(text: str, language: str) -> str:
    """The text in words and in lower case, in its own script, as a reader of the language says it.

    Args:
        text: as a person wrote it.
        language: one of the engine's codes; texts of any other are only put into lower case.
    """
    code = language.split("-")[0]
    text = plain(clean_text(text))
    if speller := speller_of(code):
        text = speller.write_signs(_SILENT.sub(" ", speller.write_numbers(text).replace('"', "")))
    return lowercase(text, code)


def lowercase(text: str, language: str) -> str:
    """Lower case as the language has it: Turkish keeps the dot of İ and its want in I apart; single spaces."""
    if language == "tr":
        text = text.replace("I", "ı")
    return " ".join(text.replace("İ", "i").lower().split())


@functools.lru_cache
def letters_of_numbers(language: str) -> frozenset[str]:
    """All characters that numbers and signs are written out in."""
    code = language.split("-")[0]
    if speller_of(code) is None:
        return frozenset("0123456789%€$£")
    counts = (*range(101), *range(200, 1000, 100), 1000, 2000, 10**6, 2 * 10**6, 10**9, 2 * 10**9, 10**12, 2 * 10**12)
    texts = [numbers.cardinal(count, code) for count in counts]
    texts += [spell(text, code) for text in ("1,5", "0,05", "12.75", "3.025", "-5", "10-12", "10:30", "10:00")]
    texts += [spell(f"{sign} {amount} %", code) for sign in "€$£" for amount in ("1,01", "2,02", "5,25", "1000000")]
    texts += [numbers.ordinal(count, code) for count in range(1, 101)]
    return frozenset("".join(texts))
