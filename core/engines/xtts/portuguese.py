"""Portuguese as Brazilians read it: hours, dates, units, ordinals, before the rules that all languages share."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from core.engines.xtts import numbers

if TYPE_CHECKING:
    from core.engines.xtts.amounts import Amounts

_MONTHS = (
    *("janeiro", "fevereiro", "março", "abril", "maio", "junho"),
    *("julho", "agosto", "setembro", "outubro", "novembro", "dezembro"),
)
_WEEKDAYS = ("segunda", "terça", "quarta", "quinta", "sexta")
_UNITS = {
    "km/h": ("quilômetro por hora", "quilômetros por hora"),
    "m/s": ("metro por segundo", "metros por segundo"),
    "km²": ("quilômetro quadrado", "quilômetros quadrados"),
    "km": ("quilômetro", "quilômetros"),
    "m²": ("metro quadrado", "metros quadrados"),
    "m³": ("metro cúbico", "metros cúbicos"),
    "cm": ("centímetro", "centímetros"),
    "mm": ("milímetro", "milímetros"),
    "m": ("metro", "metros"),
    "kg": ("quilo", "quilos"),
    "mg": ("miligrama", "miligramas"),
    "g": ("grama", "gramas"),
    "ml": ("mililitro", "mililitros"),
    "l": ("litro", "litros"),
    "kWh": ("quilowatt-hora", "quilowatts-hora"),
    "kW": ("quilowatt", "quilowatts"),
    "GB": ("gigabyte", "gigabytes"),
    "MB": ("megabyte", "megabytes"),
    "Hz": ("hertz", "hertz"),
    "min": ("minuto", "minutos"),
    "°C": ("grau celsius", "graus celsius"),
    "°": ("grau", "graus"),
}
_SHORT = {
    "km/h": "quilômetros por hora",
    "por kg": "por quilo",
    "por km": "por quilômetro",
    "kg": "quilos",
    "s/n": "sem número",
    "p/": "para",
    "c/": "com",
}
_NUMBER = r"\d+(?:[.,]\d+)*"
_UNIT = re.compile(rf"(?<![\w.,/])({_NUMBER})\s?({'|'.join(sorted(_UNITS, key=len, reverse=True))})(?![\w²³/])")
_HOUR = re.compile(
    r"(?<![\w:.,])([01]?\d|2[0-4])\s?(?:hs?\s?([0-5]\d)?(?:\s?min)?\b|:([0-5]\d)\s?(?:h\b|horas\b)?)(?![\d:])"
)
_DATE = re.compile(r"(?<![\d/.\-])(0?[1-9]|[12]\d|3[01])([/.\-])(0?[1-9]|1[0-2])\2(\d{4}|\d{2})(?![\d/])")
_DAY = re.compile(r"(?<![\d/.,])(0[1-9]|[12]\d|3[01])/(0[1-9]|1[0-2])(?![\d/])")
_ORDINAL = re.compile(r"(?<![\d.,])(\d+)(?:\s?\.?(?:º|(ª))|o|(a))(s?)(?![\w°])")
# Telephones, postal codes and those of persons and firms.
_DIGITS = re.compile(
    r"(?<![\d.,\-])(?:\d{4,5}-\d{4}|\d{5}-\d{3}|\d{3}\.\d{3}\.\d{3}-\d{2}|\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2})(?![\d\-])"
)
_NUMERO = re.compile(r"(?<!\w)n(?:\.?[º°o]|\.)\s?(?=\d)|№\s?", re.IGNORECASE)


def spell(text: str, amounts: Amounts) -> str:
    """Numbers of a text that need to know the language written out; the rest is left to the rules of all languages."""
    text = _NUMERO.sub("número ", text)
    text = _DIGITS.sub(_digits, text)
    text = re.sub(r"\b([2-6])[ªa]s?[ -]feira(s?)\b", _weekday, text, flags=re.IGNORECASE)
    text = _DATE.sub(_date, text)
    text = _DAY.sub(lambda found: f"{_day(found[1])} de {_MONTHS[int(found[2]) - 1]}", text)
    text = _HOUR.sub(_hour, text)
    text = re.sub(rf"(?<![\w.,\-])(\d+)\s?[-–]\s?({_NUMBER}\s?(?:{'|'.join(_UNITS)})\b)", r"\1 a \2", text)
    text = _UNIT.sub(lambda found: _measure(found, amounts), text)
    text = _ORDINAL.sub(_ordinal, text)
    for short, words in _SHORT.items():
        text = re.sub(rf"(?<![\w/]){short}(?!\w)", words, text) if short in text else text
    return text


def agreed(words: str, *, feminine: bool) -> str:
    """A number in words before a noun of this gender."""
    if not feminine:
        return words
    words = re.sub(r"\bum$", "uma", words)
    words = re.sub(r"\bdois\b(?= mil\b|$)", "duas", words)
    return re.sub(r"(duz|trez|quatroc|quinh|seisc|setec|oitoc|novec)entos\b", r"\1entas", words)


def _digits(found: re.Match[str]) -> str:
    """Digit by digit; two years with a stroke between them are no number of a telephone."""
    groups = re.findall(r"\d+", found[0])
    if len(groups) == 2 and len(groups[0]) == 4 and 1000 <= int(groups[0]) < int(groups[1]) <= 2100:
        return f"{groups[0]} a {groups[1]}"
    return ", ".join(numbers.digits(group, "pt") for group in groups)


def _weekday(found: re.Match[str]) -> str:
    return f"{_WEEKDAYS[int(found[1]) - 2]}{found[2]}-feira{found[2]}"


def _day(written: str) -> str:
    return "primeiro" if int(written) == 1 else numbers.cardinal(int(written), "pt")


def _date(found: re.Match[str]) -> str:
    year = numbers.cardinal(int(found[4]), "pt")
    return f"{_day(found[1])} de {_MONTHS[int(found[3]) - 1]} de {year}"


def _hour(found: re.Match[str]) -> str:
    hours, minutes = int(found[1]), int(found[2] or found[3] or 0)
    words = f"{agreed(numbers.cardinal(hours, 'pt'), feminine=True)} {'hora' if hours == 1 else 'horas'}"
    return f"{words} e {numbers.cardinal(minutes, 'pt')}" if minutes else words


def _measure(found: re.Match[str], amounts: Amounts) -> str:
    amount = amounts.amount(found[1])
    one, many = _UNITS[found[2]]
    return f"{amount} {one if found[1].strip('0.,') == '1' and amount in ('um', 'menos um') else many}"


def _ordinal(found: re.Match[str]) -> str:
    words = numbers.ordinal(int(found[1]), "pt")
    if found[2] or found[3]:
        words = " ".join(f"{word[:-1]}a" if word.endswith("o") else word for word in words.split())
    return words + found[4]
