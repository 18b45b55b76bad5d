"""Currency amounts in words: how a language marks thousands and decimals, and what its currencies are called."""

from __future__ import annotations

import re
from typing import Any

from core.spelling import numbers

NUMBER = r"\d+(?:[.,]\d+)*"
SOLID = ("zh", "ja")  # write without spaces
ISO = {"US$": "$", "USD": "$", "EUR": "€", "GBP": "£", "BRL": "R$", "JPY": "¥", "INR": "₹"}
_POINT_LANGUAGES = ("en", "zh", "ja", "ko", "hi", "ar")  # write 3.5; the others 3,5


class Amounts:
    """Reads numbers and money of one language; ``words`` are those of ``words.yaml``."""

    def __init__(self, code: str, words: dict[str, Any]) -> None:
        self.code = code
        self.words = words
        self.gap = "" if code in SOLID else " "
        self.point = "." if code in _POINT_LANGUAGES else ","

    def amount(self, token: str) -> str:
        """``1.234,56`` in words; what is no single number (a date, an address) piece by piece."""
        parts = self.parse(token)
        if parts is None:
            return self.gap.join(self.integer(part) for part in re.findall(r"\d+", token)) or token
        integer, fraction = parts
        if fraction:
            return numbers.decimal(integer, fraction, self.code, self.words["decimal"])
        return self.integer(integer, has_marks=len(integer) < len(token))

    def parse(self, token: str) -> tuple[str, str] | None:
        """Digits before and after the point of a number as this language writes it; None: it is not one number."""
        marks = [mark for mark in token if mark in ".,"]
        if not marks:
            return token, ""
        if len(set(marks)) == 2:
            integer, _, fraction = token.rpartition(marks[-1])
            good = marks.count(marks[-1]) == 1 and self._is_grouped(integer.split(marks[0]))
            return (integer.replace(marks[0], ""), fraction) if good else None
        parts = token.split(marks[0])
        if self._is_grouped(parts) and (len(parts) > 2 or marks[0] != self.point):
            return "".join(parts), ""
        return (parts[0], parts[1]) if len(parts) == 2 else None

    def _is_grouped(self, parts: list[str]) -> bool:
        sizes = (2, 3) if self.code in ("hi", "en") and len(parts) > 2 else (3,)
        inner = all(len(part) in sizes for part in parts[1:-1])
        return 0 < len(parts[0]) <= 3 and not parts[0].startswith("0") and inner and len(parts[-1]) == 3

    def integer(self, digits: str, has_marks: bool = False) -> str:
        """Digits as a number, a year or, where they are a string of them, one by one."""
        if not has_marks and ((len(digits) > 1 and digits[0] == "0") or (len(digits) > 9 and digits[-3:] != "000")):
            return numbers.digits(digits, self.code)
        if len(digits) == 4 and not has_marks:
            return numbers.year(int(digits), self.code)
        return numbers.cardinal(int(digits), self.code)

    def money(self, token: str, scale: str, sign: str) -> str:
        """An amount with its currency; ``scale`` is a word such as million between the two, or nothing."""
        sign = ISO.get(sign.upper(), sign.upper())
        forms = self.words["currencies"][sign]
        size = len(forms) if len(forms) in (2, 3) else len(forms) // 2
        names, parts = forms[:size], forms[size:]
        integer, fraction = self.parse(token) or ("", "")
        if not integer or scale or (fraction.strip("0") and (len(fraction) != 2 or not parts)):
            between = self._of(names[-1]) if len(scale) > 5 else self.gap  # of the scales, only a thousand is short
            return f"{self.amount(token)}{self.gap + scale if scale else ''}{between}{names[-1]}"
        pieces = [] if fraction.strip("0") and not int(integer) else [self._with_noun(int(integer), names)]
        if fraction.strip("0"):
            pieces.append(self._with_noun(int(fraction), parts))
        return str(self.words["joint"]).join(pieces)

    def _with_noun(self, count: int, names: list[str]) -> str:
        """A number before a noun, and the noun in the form that the number asks for."""
        name, words = names[_form(count, self.code, len(names))], numbers.cardinal(count, self.code)
        of = self._of(name) if count >= 10**6 and count % 10**6 == 0 else self.gap
        return f"{_before(words, name, self.code)}{of}{name}"

    def _of(self, name: str) -> str:
        """What stands between millions and a currency."""
        if "of" not in self.words:
            return self.gap
        return " d'" if self.code == "fr" and name[0] == "e" else f" {self.words['of']} "


def _form(count: int, code: str, forms: int) -> int:
    """Which form of a noun follows a number."""
    if forms == 2:
        return int(count != 1 and not (code == "fr" and count == 0))
    if count == 1 or (code == "ru" and count % 10 == 1 and count % 100 != 11):
        return 0
    is_few = 2 <= count <= 4 if code == "cs" else 2 <= count % 10 <= 4 and not 12 <= count % 100 <= 14
    return 1 if is_few else 2


def _before(words: str, noun: str, code: str) -> str:
    """A number in the form it has before a noun: ``uno`` euro is ``un euro``, ``dois`` libras are ``duas libras``."""
    feminine = code in ("es", "it", "pt") and noun.removesuffix("s").endswith("a")
    if code == "es" and words.endswith("uno"):
        return words[:-3] + ("una" if feminine else "ún" if words.endswith("veintiuno") else "un")
    if code == "it" and words == "uno" or code == "de" and words == "eins":
        return "una" if feminine else words[:-1]
    if code == "pt":
        return numbers.inflect(words, feminine=feminine)
    return words
