"""Numbers in words by language: counting, order, decimals, digit by digit. Light; lower case."""

from __future__ import annotations

import functools
import re
import unicodedata
from pathlib import Path

import yaml
from num2words import num2words

_CODES = {"pt": "pt_BR"}
_MOST_DIGITS = 15  # beyond, some languages have no names; such a number is a string of digits to whoever says it
_HINDI_SCALES = ((10**9, "अरब"), (10**7, "करोड़"), (10**5, "लाख"), (1000, "हज़ार"), (100, "सौ"))
_CHINESE = "零一二三四五六七八九"


@functools.lru_cache(maxsize=4096)
def cardinal(number: int, language: str) -> str:
    """A number as one counts (0 or more)."""
    if len(str(number)) > _MOST_DIGITS:
        return digits(str(number), language)
    if language == "hi":
        return _hindi(number)
    if language == "zh":
        return _chinese(number)
    words = str(num2words(number, lang=_CODES.get(language, language))).lower()
    # Brazilians write a comma between the groups; nobody pauses there.
    return " ".join(words.replace(",", "").split()) if language == "pt" else words


@functools.lru_cache(maxsize=1024)
def ordinal(number: int, language: str) -> str:
    """A place in an order, masculine where that makes a difference; counted where the language has no name for it."""
    if language == "cs":
        return _czech_ordinal(number)
    if language in ("hi", "zh") or number > 10_000:
        return cardinal(number, language)
    return str(num2words(number, lang=_CODES.get(language, language), to="ordinal")).lower()


def year(number: int, language: str) -> str:
    """A year as it is said: English and German say hundreds."""
    if language in ("en", "de") and 1100 <= number < 2000 or (language == "en" and 2010 <= number < 2100):
        return str(num2words(number, lang=language, to="year")).lower()
    return cardinal(number, language)


def digits(text: str, language: str) -> str:
    """Digit by digit."""
    return ("" if language in ("zh", "ja") else " ").join(cardinal(int(digit), language) for digit in text)


def decimal(integer: str, fraction: str, language: str, point: str) -> str:
    """``3`` and ``50``: what comes after the point digit by digit, or as the language likes to say it.

    Args:
        integer: digits before the point.
        fraction: digits after it.
        language: the engine's code.
        point: the word between them.
    """
    before = cardinal(int(integer or "0"), language)
    if language in ("pl", "cs", "ru", "hu") and len(fraction) <= 3:
        return str(num2words(f"{int(integer or '0')}.{fraction}", lang=language)).lower()
    if language in ("pt", "tr", "ar") and len(fraction) == 2 and fraction[0] != "0":
        after = cardinal(int(fraction), language)
    else:
        after = digits(fraction, language)
    if language in ("zh", "ja"):
        return f"{before}{point}{after}"
    return f"{before} {point} {after}"


def inflect(words: str, *, feminine: bool) -> str:
    """A number in Portuguese words, in the form it has before a noun of this gender."""
    if not feminine:
        return words
    words = re.sub(r"\bum$", "uma", words)
    words = re.sub(r"\bdois\b(?= mil\b|$)", "duas", words)
    return re.sub(r"(duz|trez|quatroc|quinh|seisc|setec|oitoc|novec)entos\b", r"\1entas", words)


def _hindi(number: int) -> str:
    if number < 100:
        return _names("hindi")[number]
    size, name = next(scale for scale in _HINDI_SCALES if number >= scale[0])
    count, rest = divmod(number, size)
    return f"{_hindi(count)} {name}" + (f" {_hindi(rest)}" if rest else "")


def _chinese(number: int) -> str:
    if number >= 10_000:
        size, name = (10**8, "亿") if number >= 10**8 else (10**4, "万")
        count, rest = divmod(number, size)
        gap = "零" if rest and rest < size // 10 else ""
        return f"{_chinese(count)}{name}" + (f"{gap}{_chinese(rest)}" if rest else "")
    if number < 20:
        return _CHINESE[number] if number < 10 else "十" + (_CHINESE[number - 10] if number > 10 else "")
    result, has_gap = "", False
    for size, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // size % 10
        if digit:
            result += ("零" if has_gap else "") + _CHINESE[digit] + name
        has_gap = bool(result) and not digit
    return result


def _czech_ordinal(number: int) -> str:
    names = _names("czech_ones")
    if number <= 10:
        return names[number]
    if number < 20:
        return _names("czech_teens")[number - 11]
    if number < 100:
        tens = _names("czech_tens")[number // 10 - 2]
        return f"{tens} {names[number % 10]}" if number % 10 else tens
    return cardinal(number, "cs")


@functools.lru_cache
def _names(kind: str) -> list[str]:
    text = Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
    return list(yaml.safe_load(unicodedata.normalize("NFC", text))[kind])
