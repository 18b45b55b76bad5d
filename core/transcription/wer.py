"""Word and character error rate, the text normalization they are counted on, and the word diff of two texts."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein

# fmt: off
_UNITS = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]
_TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
# fmt: on
_CONTRACTIONS = {"won't": "will not", "can't": "can not", "cannot": "can not", "let's": "let us", "ok": "okay"}
_ENDINGS = (
    ("n't", " not"), ("'re", " are"), ("'ve", " have"), ("'ll", " will"), ("'m", " am"), ("'d", " would"),
)  # fmt: skip
# After these words 's is "is"; after a noun it is mostly a genitive.
_IS = {"it's", "that's", "there's", "here's", "what's", "who's", "he's", "she's", "where's"}
# Scripts written without spaces are counted by the character.
_CJK = re.compile(r"([\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])")


def normalize(text: str, language: str = "en") -> str:
    """Lower case, no punctuation; in English also numbers as words and contractions in full.

    Chinese and Japanese characters stand apart, so that a "word" error rate of them is one by the character.
    """
    text = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    if language.startswith("en"):
        text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
        text = re.sub(r"\d+", lambda match: f" {_number(match.group())} ", text)
        text = " ".join(_contraction(word) for word in re.split(r"[^\w']+", text))
    text = _CJK.sub(r" \1 ", text)
    characters = (char if _is_word(char) else " " for char in text.replace("'", ""))
    return " ".join("".join(characters).split())


def wer(reference: str, hypothesis: str, language: str = "en") -> float:
    """Word error rate: (substitutions + deletions + insertions) / words of the reference, both normalized first.

    An empty reference gives 0 for an empty hypothesis, else 1.
    """
    return edits(reference, hypothesis, language) / max(1, len(normalize(reference, language).split()))


def edits(reference: str, hypothesis: str, language: str = "en") -> int:
    """How many words must be put in, taken out or replaced (Levenshtein distance over normalized words)."""
    return Levenshtein.distance(normalize(reference, language).split(), normalize(hypothesis, language).split())


def cer(reference: str, hypothesis: str, language: str = "en") -> float:
    """Character error rate: edits / characters of the reference, both normalized first, spaces left out; at most 1.

    Numbers as digits against numbers in words count as errors in other languages than English.
    """
    reference, hypothesis = (normalize(text, language).replace(" ", "") for text in (reference, hypothesis))
    if not reference:
        return float(bool(hypothesis))
    return min(1.0, Levenshtein.distance(reference, hypothesis) / len(reference))


def word_diff(before_text: str, after_text: str, language: str = "en") -> list[tuple[str, str]]:
    """How to get from one text to the other: ``(kind, words)`` in order.

    Kinds are ``same``, ``gone`` (only in the first text) and ``new`` (only in the second). Words are as they are
    written; capitals and punctuation make no difference, nor does the space between Chinese or Japanese characters.
    """
    before, after = _spaced_words(before_text), _spaced_words(after_text)
    matcher = difflib.SequenceMatcher(
        a=[normalize(word, language) for word in before],
        b=[normalize(word, language) for word in after],
        autojunk=False,
    )
    diff = []
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            diff.append(("same", _sentence(after[c:d])))
            continue
        diff += [("gone", _sentence(before[a:b]))] if b > a else []
        diff += [("new", _sentence(after[c:d]))] if d > c else []
    return diff


def _spaced_words(text: str) -> list[str]:
    return _CJK.sub(r" \1 ", text).split()


def _sentence(words: Sequence[str]) -> str:
    text = " ".join(words)
    return re.sub(rf"(?<={_CJK.pattern[1:-1]}) (?={_CJK.pattern[1:-1]})", "", text)


def _is_word(char: str) -> bool:
    return unicodedata.category(char)[0] in "LMN"


def _contraction(word: str) -> str:
    word = word.strip("'")
    if word in _CONTRACTIONS:
        return _CONTRACTIONS[word]
    if word in _IS:
        return word[:-2] + " is"
    for ending, full in _ENDINGS:
        if word.endswith(ending):
            return word[: -len(ending)] + full
    return word


def _number(digits: str) -> str:
    """Words of a number below a million; longer ones, and those with a leading zero, digit by digit."""
    if len(digits) > 6 or (digits[0] == "0" and digits != "0"):
        return " ".join(_UNITS[int(digit)] for digit in unicodedata.normalize("NFKC", digits) if digit.isdecimal())
    return _words(int(digits))


def _words(value: int) -> str:
    if value < 20:
        return _UNITS[value]
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if value >= size:
            rest = f" {_words(value % size)}" if value % size else ""
            return f"{_words(value // size)} {name}{rest}"
    return _TENS[value // 10] + (f" {_UNITS[value % 10]}" if value % 10 else "")
