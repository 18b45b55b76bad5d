"""Text normalization for Brazilian Portuguese: hours, dates, units, ordinals, before the rules all languages share."""

from __future__ import annotations

import re

from core.spelling import numbers
from core.spelling.amounts import Amounts

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
    "s": ("segundo", "segundos"),
    "°C": ("grau celsius", "graus celsius"),
    "°": ("grau", "graus"),
}
_SHORT = {
    "km/h": "quilômetros por hora",
    "por kg": "por quilo",
    "por km": "por quilômetro",
    "kg": "quilos",
    "s/n": "sem número",
    "24/7": "24 por 7",
    "p/": "para",
    "c/": "com",
}
_NUMBER = r"\d+(?:[.,]\d+)*"
_UNIT = re.compile(rf"(?<![\w.,/])({_NUMBER})\s?({'|'.join(sorted(_UNITS, key=len, reverse=True))})(?![\w²³/])")
_HOUR = re.compile(
    r"(?<![\w:.,])([01]?\d|2[0-4])(?:\s?hs?(?:\s?([0-5]?\d)(?:\s?m(?:in)?)?)?\b(?!:)|:([0-5]\d)(?:\s?(?:h|horas)\b)?)(?![\d:])"
)
_TIME = r"(?:[01]?\d|2[0-4])(?:\s?h(?:[0-5]\d)?|:[0-5]\d)"
_HOURS = re.compile(rf"(?<![\w:.,])({_TIME}(?:min)?)\s?[-–—]\s?(?={_TIME}(?![\d:]))")
_LASTING = re.compile(r"(?<![\w:.,])(\d{1,2})\s?h\s?(\d{1,2})\s?m(?:in)?\s?(\d{1,2})\s?s(?:eg)?\b")
_FRACTION = re.compile(r"(?<![\w.,/])(?:(\d+)\s)?([1-9])/([2-9]|10)(?![\w/]|[.,]\d)")
_PARTS = ("meio", "terço", "quarto", "quinto", "sexto", "sétimo", "oitavo", "nono", "décimo")
_ROMAN = r"(?=[IVX])X{0,3}(?:IX|IV|V?I{0,3})(?!\w)"
_CHAPTER = re.compile(
    r"(?i:\b(séc\.|séculos?|capítulos?|cap\.|volumes?|vol\.|tomos?|artigos?|art\.|partes?|fases?|tipos?|atos?|cenas?"
    rf"|livros?|títulos?|grupos?|classes?|graus?|guerra mundial))\s({_ROMAN})"
)
_CENTURIES = re.compile(rf"(?<=\bséculos\s)({_ROMAN})(\s?(?:e|a|ao|-|–)\s?)({_ROMAN})")
_KING = re.compile(rf"\b([A-ZÀ-Ý][a-zà-ÿ]+)\s(?=[IVX]{{2}})({_ROMAN})")
# Nouns that a number agrees with, by their ends; not those of men and of Greek, pronouns and other small words.
_FEMININE = re.compile(
    r"(?<![\w.,])(\d{1,3}(?:\.?\d{3})*)(?=(?P<range>\s(?:a|ou|e)\s\d+)?(?: mil)?\s(?P<noun>[^\W\d_]+)\b)"
)
_FEMININE_NOUN = re.compile(
    r"\w+(?:as|ções|sões|dades|gens|tudes)|vezes|mulheres|mães|noites|tardes|partes|fases|frases|leis|flores|mãos|cores"
    r"|vozes|chaves|classes|redes|bases|luzes|avós|irmãs|maçãs|manhãs|mortes|torres|árvores|colheres|lições|paredes"
    r"|vez|mulher|hora|semana|pessoa|xícara|colher|dúzia|casa|noite|caixa|garrafa|libra|tonelada|menina|palavra|aula",
    re.IGNORECASE,
)
_NOT_FEMININE = re.compile(
    r"\w*(?:[tlrbg]emas|ogramas|dramas|climas|planetas|istas|etas|colegas|idiomas|sintomas|diplomas|cinemas)"
    r"|dias|temas|gramas|mapas|papas|pijamas|sofás|elas|essas|estas|aquelas|mas|apenas|das|nas|umas|minhas|suas|nossas",
    re.IGNORECASE,
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
    text = re.sub(r"\b(US|U)\$", "US$", text)
    text = _roman(_NUMERO.sub("número ", text))
    if any(map(str.isnumeric, text)):
        text = _numbers(text, amounts)
    for short, words in _SHORT.items():
        text = re.sub(rf"(?<![\w/]){short}(?!\w)", words, text) if short in text else text
    return text


def _numbers(text: str, amounts: Amounts) -> str:
    text = _DIGITS.sub(_digits, text)
    text = re.sub(r"\b([2-6])[ªa]s?[ -]feira(s?)\b", _weekday, text, flags=re.IGNORECASE)
    text = _DATE.sub(_date, text)
    text = _DAY.sub(lambda match: f"{_day(match[1])} de {_MONTHS[int(match[2]) - 1]}", text)
    text = _LASTING.sub(_lasting, _HOURS.sub(r"\1 às ", text))
    text = _HOUR.sub(_hour, text)
    text = re.sub(r"(?<=[%‰°])\s?[-–—]\s?(?=\d)", " a ", text)
    text = re.sub(r"(?<=\d),00(?![\d,.]\d|\d)", "", text)
    text = re.sub(r"(\$\s?)([\d.,]+)\s?(mi|bi|tri)\b(?!\w)", _millions, text)
    text = re.sub(rf"(?<![\w.,\-])(\d+)\s?[-–]\s?({_NUMBER}\s?(?:{'|'.join(_UNITS)})\b)", r"\1 a \2", text)
    text = _UNIT.sub(lambda match: _measure(match, amounts), text)
    text = re.sub(rf"(?<=\d)\s?/\s?({'|'.join(_UNITS)}|dia|mês|ano|hora|h|pessoa)\b", _per, text)
    text = _ORDINAL.sub(_ordinal, text)
    text = re.sub("[½¼¾]", lambda match: f" {dict(zip('½¼¾', ('1/2', '1/4', '3/4'), strict=True))[match[0]]}", text)
    text = _FRACTION.sub(_fraction, text)
    return _FEMININE.sub(_with_noun, text)


def _digits(match: re.Match[str]) -> str:
    """Digit by digit; two years with a stroke between them are no number of a telephone."""
    groups = re.findall(r"\d+", match[0])
    if len(groups) == 2 and len(groups[0]) == 4 and 1000 <= int(groups[0]) < int(groups[1]) <= 2100:
        return f"{groups[0]} a {groups[1]}"
    return ", ".join(numbers.digits(group, "pt") for group in groups)


def _weekday(match: re.Match[str]) -> str:
    return f"{_WEEKDAYS[int(match[1]) - 2]}{match[2]}-feira{match[2]}"


def _day(day: str) -> str:
    return "primeiro" if int(day) == 1 else numbers.cardinal(int(day), "pt")


def _date(match: re.Match[str]) -> str:
    year = numbers.cardinal(int(match[4]), "pt")
    return f"{_day(match[1])} de {_MONTHS[int(match[3]) - 1]} de {year}"


def _hour(match: re.Match[str]) -> str:
    hours, minutes = int(match[1]), int(match[2] or match[3] or 0)
    words = f"{numbers.inflect(numbers.cardinal(hours, 'pt'), feminine=True)} {'hora' if hours == 1 else 'horas'}"
    return f"{words} e {numbers.cardinal(minutes, 'pt')}" if minutes else words


def _lasting(match: re.Match[str]) -> str:
    """Hours, minutes and seconds of something that lasts."""
    names = (("hora", "horas"), ("minuto", "minutos"), ("segundo", "segundos"))
    parts = [
        f"{numbers.inflect(numbers.cardinal(int(count), 'pt'), feminine=name == names[0])} {name[int(count) != 1]}"
        for count, name in zip(match.groups(), names, strict=True)
    ]
    return f"{parts[0]}, {parts[1]} e {parts[2]}"


def _millions(match: re.Match[str]) -> str:
    stem = {"mi": "milh", "bi": "bilh", "tri": "trilh"}[match[3]]
    return f"{match[1]}{match[2]} {stem}{'ão' if match[2].partition(',')[0] in ('0', '1') else 'ões'}"


def _per(match: re.Match[str]) -> str:
    return f" por {_UNITS[match[1]][0] if match[1] in _UNITS else {'h': 'hora'}.get(match[1], match[1])}"


def _fraction(match: re.Match[str]) -> str:
    """``3/4`` as three quarters; ``1 1/2`` with what is whole before it."""
    count, size = int(match[2]), int(match[3])
    part = f"{_PARTS[size - 2]}{'s' if count > 1 else ''}"
    words = part if (count, size) == (1, 2) else f"{numbers.cardinal(count, 'pt')} {part}"
    return f"{match[1]} e {words}" if match[1] else words


def _with_noun(match: re.Match[str]) -> str:
    """A number before a noun for which it changes, in the form it has there; others are left as they are."""
    plain, noun = match[1].replace(".", ""), match["noun"]
    is_single = plain == "1" and not match["range"]
    if not _FEMININE_NOUN.fullmatch(noun) or _NOT_FEMININE.fullmatch(noun) or is_single == noun.endswith("s"):
        return match[1]
    if len(plain) > 6 or (plain[0] == "0") or (plain == match[1] and 1900 <= int(plain) < 2100):
        return match[1]  # a string of digits, or a year
    words = numbers.cardinal(int(plain), "pt")
    inflection = numbers.inflect(words, feminine=True)
    return inflection if inflection != words else match[1]


def _roman(text: str) -> str:
    """Centuries and chapters are counted; kings and popes have a place up to the tenth, then a number."""

    def cardinal(roman: str) -> str:
        return numbers.cardinal(_value(roman), "pt")

    def king(match: re.Match[str]) -> str:
        number = _value(match[2])
        return f"{match[1]} {numbers.ordinal(number, 'pt') if number <= 10 else numbers.cardinal(number, 'pt')}"

    text = _CENTURIES.sub(lambda match: f"{cardinal(match[1])}{match[2]}{cardinal(match[3])}", text)
    text = _CHAPTER.sub(lambda match: f"{match[1]} {cardinal(match[2])}", text)
    return _KING.sub(king, text)


def _value(roman: str) -> int:
    sizes = [{"I": 1, "V": 5, "X": 10}[letter] for letter in roman]
    return sum(-size if size < max(sizes[at:]) else size for at, size in enumerate(sizes))


def _measure(match: re.Match[str], amounts: Amounts) -> str:
    amount = amounts.amount(match[1])
    singular, plural = _UNITS[match[2]]
    return f"{amount} {singular if match[1].strip('0.,') == '1' and amount in ('um', 'menos um') else plural}"


def _ordinal(match: re.Match[str]) -> str:
    words = numbers.ordinal(int(match[1]), "pt")
    if match[2] or match[3]:
        words = " ".join(f"{word[:-1]}a" if word.endswith("o") else word for word in words.split())
    return words + match[4]
