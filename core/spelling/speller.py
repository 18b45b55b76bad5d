"""Speller: numbers, signs and abbreviations of a text written out. Light: no model library here."""

from __future__ import annotations

import functools
import re
import unicodedata
from pathlib import Path
from typing import Any

import yaml

from core.spelling import numbers, portuguese
from core.spelling.amounts import ISO, NUMBER, SOLID, Amounts

VERSION = 1  # raise when the same text comes to be written out otherwise
_SUFFIX_CODES = (*SOLID, "ko", "hi", "ar")  # endings follow a number directly
_SIGN_FIRST = ("tr", "zh")  # say "percent" before the number
_WIDE = re.compile("<(wide|narrow|font|circle|square|sub|super|fraction|isolated|initial|medial|final|noBreak)>")
_ITS_OWN = frozenset("ªº²³½¼¾™，")  # have a meaning here, or none to hear
_WIDE_ENDS = "！？"  # of sentences: letters of their own to a model that reads them as they stand
_NUMBER_WORDS = {"es": "número", "fr": "numéro", "it": "numero"}  # nº 5
_DOMAINS = r"com|org|net|edu|gov|info|io|app|eu|uk|br|de|fr|es|it|pt|pl|tr|ru|nl|cz|hu|jp|kr|cn|in|us"
_DATIVE = re.compile(r"\b(?:am|vom|zum|beim|im|den|dem|des|ab|bis|seit)\s$", re.IGNORECASE)
# A time with a point is one only beside the word for it.
_POINT_TIME = re.compile(
    r"(?<![\d.,])(?:[01]?\d|2[0-4])\.[0-5]\d(?=\s?(?:Uhr|uur|h|hod)\b)"
    r"|(?<=\bore )(?:[01]?\d|2[0-4])\.[0-5]\d(?![\d.,])",
    re.IGNORECASE,
)
_KOREAN_HOURS = ["한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉", "열", "열한", "열두"]
_ORDINALS = {
    "en": r"(\d+)(?:st|nd|rd|th)\b",
    "es": r"(\d+)(?:\.?(?P<f>ª)|\.?º|er\b|o\b|(?P<g>a)\b)",
    "fr": r"(\d+)(?:(?P<f>re|ère)\b|er\b|e\b|è?me\b|ème\b|nde?\b|º)",
    "de": r"(\d+)(?:\.(?=\s+[^\W\d_])|º|te(?P<e>[rnsm]?)\b|ste(?P<h>[rnsm]?)\b)",
    "it": r"(\d+)(?:(?P<f>ª)|[º°](?!\s?[CF]\b)|[oie]\b|(?P<g>a)\b)",
    "pl": r"(\d+)(?:\.(?=\s+[a-zà-ž])|[ºª])",
    "tr": r"(\d+)(?:\.(?=\s+[^\W\d_])|['’]?(?:inci|ıncı|uncu|üncü|nci|ncı|ncu|ncü)\b)",
    "ru": r"(\d+)-(?:[йяею]|ое|ье|го|му|м|х)\b",
    "nl": r"(\d+)(?:ste|de|e)\b",
    "cs": r"(\d+)\.(?=\s+[a-zà-ž])",
    "hu": r"(\d+)(?:\.(?=\s+[a-zà-ž])|-?(?:adik|edik|odik|ödik|dik)\b)",
    "ko": r"(\d+)\s?(?:번째|째)",
}


def write_out(text: str, language: str) -> str:
    """The text with its numbers, signs and abbreviations in words, as a reader of the language says them.

    What is not written out stays as it stands, capitals too.

    Args:
        text: cleaned (`core.text.clean_text`).
        language: a code, with a region or without; texts of a language without rules, or of none, are left alone.
    """
    speller = speller_of(re.split("[-_]", language.lower())[0])
    if speller is None:
        return text
    return " ".join(speller.write_signs(speller.write_numbers(plain(text, keep=_WIDE_ENDS))).split())


@functools.lru_cache
def speller_of(code: str) -> Speller | None:
    """The rules of a language; None where there are none."""
    words = _words().get(code)
    return Speller(code, words) if words else None


@functools.lru_cache
def _words() -> dict[str, dict[str, Any]]:
    path = Path(__file__).with_name("words.yaml")
    return dict(yaml.safe_load(unicodedata.normalize("NFC", path.read_text(encoding="utf-8"))))


def plain(text: str, keep: str = "") -> str:
    """Digits of every script as 0 to 9; wide, narrow, joined and raised letters as plain ones, but for some."""
    if text.isascii():
        return text
    text = re.sub(r"(?<=\d)，(?=\d{3}(?!\d))", ",", text)
    text = text.replace("٫", ".").replace("٬", ",")
    text = "".join(character if character in keep else _plain_character(character) for character in text)
    return re.sub(r"[°º˚]\s?(?=[CF]\b)", "°", text.replace("⁄", "/").replace("−", "-"))


def _plain_character(character: str) -> str:
    if character.isascii() or character in _ITS_OWN:
        return character
    if (digit := unicodedata.decimal(character, None)) is not None:
        return str(digit)
    kind = unicodedata.decomposition(character)
    letter = unicodedata.category(character) in ("Ll", "Lu", "Lo", "Lm", "Nl") and kind.startswith("<compat>")
    return unicodedata.normalize("NFKC", character) if letter or _WIDE.match(kind) else character


class Speller(Amounts):
    """Rules of one language, applied one after the other; what is written out is out of the way of the next.

    First `write_numbers`, then `write_signs`; spaces may be left over.
    """

    def __init__(self, code: str, words: dict[str, Any]) -> None:
        super().__init__(code, words)
        signs = sorted([*words["currencies"], *ISO], key=len, reverse=True)
        sign = "|".join(rf"\b{currency}" if currency.isalpha() else re.escape(currency) for currency in signs)
        scale = "|".join(sorted(words.get("scales", ["\0"]), key=len, reverse=True))
        of = rf"(?:\s{words['of']}\b)?" if "of" in words else ""
        edge = "" if code in SOLID else r"\b"
        scale = rf"(?:\s?({scale}){edge}{of})?"
        self.sign_first = re.compile(rf"({sign})\s?(?:({NUMBER})\s?[-–]\s?)?({NUMBER}){scale}", re.IGNORECASE)
        # A minus may stand before the sign or after it.
        self.minus = re.compile(
            rf"(?<![\w.,)\-%‰°])-\s?({sign})?\s?(?={NUMBER})|({sign})\s?-(?={NUMBER})", re.IGNORECASE
        )
        # A letter alone is a unit only behind a space: 5m may be millions, 90s years.
        names = sorted(words.get("units", ()), key=len, reverse=True)
        units = "|".join(rf"{' ' if len(name) == 1 else ' ?'}{re.escape(name)}" for name in names)
        self.unit = re.compile(rf"(?<![\w.,/$€£])({NUMBER})({units})(?![\w²³/])") if names else None
        self.sign_last = re.compile(rf"(?<![\d.,])({NUMBER}){scale}\s?({sign})(?![^\W\d_])", re.IGNORECASE)
        self.ordinal = re.compile(_ORDINALS[code], re.IGNORECASE if code != "de" else 0) if code in _ORDINALS else None
        short = [*words.get("short", ())]
        self.short = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, short))})\.", re.IGNORECASE) if short else None

    def write_numbers(self, text: str) -> str:
        """A `plain` text with its numbers, amounts, times and addresses written out."""
        if any(map(str.isdigit, text)):
            text = self._numbers(text)
        elif self.code == "pt":
            text = portuguese.spell(text, self)
        return re.sub(rf"(?<=\w)\.(?=(?:{_DOMAINS})\b)", f" {self.words['dot']} ", text)

    def write_signs(self, text: str) -> str:
        """The text with its abbreviations and signs written out."""
        text = self._abbreviations(text)
        for sign, word in self._sign_words():
            if sign in text:
                text = self._say_sign(text, sign, word)
        return text

    def _money_after_sign(self, match: re.Match[str]) -> str:
        low = f"{self.amount(match[2])}{self.gap}{self.words.get('range', '-')}{self.gap}" if match[2] else ""
        return self._with_gaps(match, low + self.money(match[3], match[4] or "", match[1]))

    def _money_before_sign(self, match: re.Match[str]) -> str:
        return self._with_gaps(match, self.money(match[1], match[2] or "", match[3]))

    def _numbers(self, text: str) -> str:
        for mark in self.words.get("thousands", ()):
            groups = rf"(?<![\d.,'])\d{{1,3}}(?:{mark}\d{{3}})+(?!\d)"
            text = re.sub(groups, _digits_only, text)
        text = re.sub(r"(?<![\d.,])\d{1,3}(?: \d{3})* 000(?!\d)", _digits_only, text)
        text = self._phones(text)
        if self.code in _NUMBER_WORDS:
            text = re.sub(
                r"(?<!\w)n(?:[°º]|\.[°º])\s?(?=\d)", f"{_NUMBER_WORDS[self.code]} ", text, flags=re.IGNORECASE
            )
        minus = f"{self.words['minus']}{self.gap}"
        text = self.minus.sub(lambda match: f"{minus}{match[1] or match[2] or ''}", text)
        text = re.sub(r"(?<=\d)\s?[xX]\s?(?=\d)", " × ", text)
        if self.code == "pt":
            text = portuguese.spell(text, self)
        if self.unit:
            text = self.unit.sub(self._measure, text)
        if self.code == "zh":
            text = _chinese(text)
        text = self.sign_first.sub(self._money_after_sign, text)
        text = self.sign_last.sub(
            lambda match: self._with_gaps(match, self.money(match[1], match[2] or "", match[3])), text
        )
        if self.code in _SIGN_FIRST:
            text = re.sub(rf"({NUMBER})\s?([%‰])", r"\2\1", text)
        text = self._times(text)
        text = re.sub(r"(?<![\d.,\-–])(\d+)\s?[-–]\s?(\d+)(?![\d\-–]|[.,]\d)", self._range, text)
        if self.ordinal:
            text = self.ordinal.sub(lambda match: self._with_gaps(match, self._ordinal(match)), text)
        if self.code == "en":
            text = re.sub(r"\b(\d{3}0|[2-9]0)['’]?s\b", lambda match: _decade(self.integer(match[1])), text)
        text = re.sub(r"\b\d{1,4}([./-])\d{1,2}\1\d{1,4}\b", lambda match: self._pieces(match[0]), text)
        return re.sub(NUMBER, lambda match: self._with_gaps(match, self.amount(match[0])), text)

    def _measure(self, match: re.Match[str]) -> str:
        """A number, which later rules write out, with the name of its unit."""
        names = self.words["units"][match[2].strip()]
        is_range = re.search(r"\d\s?[-–]\s?$", _before(match))
        return f"{match[1]} {names[0 if match[1] == '1' and not is_range else 1]}"

    def _phones(self, text: str) -> str:
        """Numbers of telephones, where they look like nothing else: with + or brackets, or groups that begin with 0."""
        pattern = r"(?<!\w)(?:\+\d[\d ()\-]{6,}\d|\(\d{2,4}\) ?\d{3,5}[- ]?\d{3,4}|0\d{2,4}(?:[ \-]\d{2,4}){1,4})(?!\d)"
        return re.sub(pattern, lambda match: self._digits(match[0]), text)

    def _digits(self, text: str) -> str:
        plus = f"{self.words['signs']['+']}{self.gap}" if text[0] == "+" else ""
        mark = "," if self.code in SOLID else ", "
        return plus + mark.join(numbers.digits(group, self.code) for group in re.findall(r"\d+", text))

    def _pieces(self, token: str) -> str:
        return self.gap.join(self.integer(str(int(part))) for part in re.findall(r"\d+", token))

    def _times(self, text: str) -> str:
        after = rf"(?:\s?{self.words['after']}\b)?" if "after" in self.words else ""
        hours = r"h" if self.code in ("fr", "es", "it") else r"(?!)"
        pattern = rf"(?<![\d:.,])([01]?\d|2[0-4])(?:\s?{hours}\s?([0-5]\d)?\b|:([0-5]\d))(?![\d:]){after}"
        text = _POINT_TIME.sub(lambda match: match[0].replace(".", ":"), text)
        text = re.sub(r"(?<![\d:])\d{1,2}:[0-5]\d:[0-5]\d(?![\d:])", lambda match: self._pieces(match[0]), text)
        return re.sub(pattern, self._time, text, flags=re.IGNORECASE)

    def _time(self, match: re.Match[str]) -> str:
        hours, minutes = (numbers.cardinal(int(part or 0), self.code) for part in (match[1], match[2] or match[3]))
        if self.code == "ko" and 1 <= int(match[1]) <= 12:
            hours = _KOREAN_HOURS[int(match[1]) - 1]
        template = "clock" if int(match[2] or match[3] or 0) else "hour"
        return str(self.words.get(template, "{h} {m}" if template == "clock" else "{h}")).format(h=hours, m=minutes)

    def _range(self, match: re.Match[str]) -> str:
        low, high = match[1], match[2]
        if (
            "range" in self.words
            and int(low) < int(high)
            and (len(high) <= 2 or len(low) == len(high))
            and low[0] != "0"
        ):
            return f"{low}{self.gap}{self.words['range']}{self.gap}{high}"
        return match[0]

    def _ordinal(self, match: re.Match[str]) -> str:
        word = numbers.ordinal(int(match[1]), self.code)
        groups = match.groupdict()
        if any(groups.get(name) for name in "fg"):
            return f"{word[:-2]}ère" if word.endswith("ier") else f"{word[:-1]}a" if word.endswith("o") else word
        if self.code == "de":
            case = _DATIVE.search(_before(match))
            return word + (groups["e"] or groups["h"] or ("n" if case else ""))
        return word

    def _with_gaps(self, match: re.Match[str], words: str) -> str:
        """Words in the place of a match, apart from the letters it touched."""
        sides = match.string[: match.start()][-1:], match.string[match.end() :][:1]
        touches = [side.isalnum() and (side.isascii() or self.code not in _SUFFIX_CODES) for side in sides]
        return f"{' ' if touches[0] else ''}{words}{' ' if touches[1] else ''}"

    def _abbreviations(self, text: str) -> str:
        for pattern, word in self.words.get("whole", {}).items():
            text = re.sub(rf"\b{pattern}\b", word, text, flags=re.IGNORECASE)
        if self.short is None:
            return text
        # At the end of a text the full stop is that of the sentence, too.
        return self.short.sub(
            lambda match: self.words["short"][match[1].lower()] + ("" if match.string[match.end() :].strip() else "."),
            text,
        )

    def _sign_words(self) -> list[tuple[str, str]]:
        names = {sign: forms[1] for sign, forms in self.words["currencies"].items()}
        words = {**names, **self.words["signs"]}
        return [(sign, words[sign]) for sign in sorted(words, key=len, reverse=True)]

    def _say_sign(self, text: str, sign: str, word: str) -> str:
        def say(match: re.Match[str]) -> str:
            after = match.string[match.end() :][:1]
            return f" {word}{' ' if after.isalnum() or after in '-+=(' else ''}"

        return re.sub(rf"\s*{re.escape(sign)}", word if self.code in SOLID else say, text)


def _before(match: re.Match[str]) -> str:
    """The few characters before a match that its rule may look at; all of them would be read for each match."""
    return match.string[max(0, match.start() - 8) : match.start()]


def _digits_only(match: re.Match[str]) -> str:
    return re.sub(r"\D", "", match[0])


def _decade(words: str) -> str:
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}s"


def _chinese(text: str) -> str:
    """Years digit by digit, fractions by their lower number first, and two of something."""
    text = re.sub(r"(?<!\d)\d{4}(?=年)", lambda match: numbers.digits(match[0], "zh"), text)
    text = re.sub(r"(?<![\d/])(\d+)/(\d+)(?![\d/])", r"\2分之\1", text)
    return re.sub(r"(?<![\d.,第])2(?=[个位只本张条次天块件名家座辆])", "两", text)
