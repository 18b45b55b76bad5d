"""Sentence segmentation by language (pysbd), and cutting what is too long for an engine to say at once."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from core.text import cut_to_fit

_MOST_AT_ONCE = 1_500  # characters: pysbd's time grows with the square of lists such as “1. 1. 1. …”
# Languages that pysbd has no rules for, and whose rules suit them.
_LIKE = {"pt": "es", "cs": "sk", "ko": "en", "hu": "sk", "tr": "en"}
# Abbreviations of Portuguese, as written in Brazil.
_PORTUGUESE = (
    *("srs", "sras", "drs", "dras", "ilmo", "ilma", "mons", "fr", "maj", "alm", "rod", "trav", "al", "pç", "pça", "lg"),
    *("apto", "ap", "bl", "cj", "cx", "cep", "arts", "tab", "ed", "org", "orgs", "trad", "obs", "ex"),
    *("jan", "fev", "mar", "abr", "mai", "jun", "jul", "ago", "set", "out", "nov", "dez", "séc", "a.c", "d.c", "etc"),
    *("aprox", "máx", "mín", "méd", "vs", "cia", "ltda", "s.a"),
)
# Abbreviations that a name follows, by language: pysbd knows them of English, and ends a sentence there in others.
_BEFORE_NAMES = {
    "es": (
        "sr",
        "sra",
        "srta",
        "sres",
        "dr",
        "dra",
        "prof",
        "profa",
        "ing",
        "lic",
        "av",
        "avda",
        "gral",
        "cnel",
        "sto",
        "sta",
    ),
    "pt": (
        *("sr", "sra", "srta", "dr", "dra", "prof", "profa", "eng", "exmo", "exma", "pe", "gen", "cel", "cap", "ten"),
        *("sgt", "av", "r", "sta", "sto", "gov", "dep", "sen", "pres", "min", "adv"),
    ),
    "it": ("sig", "sigg", "sig.ra", "dott", "dott.ssa", "prof", "ing", "avv", "on", "v"),
    "fr": ("mm", "mlle", "mme", "dr", "pr", "me", "st", "ste"),
}
_BEFORE_NUMBERS = {"pt": ("p", "pp", "pág", "págs", "art", "arts", "n", "nº", "cap", "vol", "fig", "tel", "km", "no")}
_PLAIN_END = re.compile(r"(?<=[.!?…])[\"'”’»)\]]*\s+|(?<=[。！？।؟])\s*")
Fits = Callable[[str], bool]


def sentences(text: str, language: str) -> list[str]:
    """The sentences of one paragraph, in order; together they are its words and signs.

    Args:
        text: on one line.
        language: a code such as ``en`` or ``pt-BR``; one without rules is read by those of a language like it.
    """
    sentences: list[str] = []
    for part in cut_to_fit(text, lambda piece: len(piece) <= _MOST_AT_ONCE):
        pieces = [piece.strip() for piece in _segmenter(language.split("-")[0].lower()).segment(part)]
        if "".join("".join(pieces).split()) != "".join(part.split()):  # it now and then loses a sign
            pieces = _PLAIN_END.split(part)
        sentences += [piece.strip() for piece in pieces if piece.strip()]
    return _with_words(sentences)


def lines_of(text: str, language: str, fits: Fits) -> list[str]:
    """The sentences of a paragraph, those that do not ``fits`` cut at clauses, else between words."""
    return _with_words([piece for sentence in sentences(text, language) for piece in cut_to_fit(sentence, fits)])


def _with_words(pieces: list[str]) -> list[str]:
    """The same with what holds no letter or digit (a lone quotation mark, dots) joined to what stands before it."""
    lines: list[str] = []
    for piece in pieces:
        if lines and not (_has_words(piece) and _has_words(lines[-1])):
            lines[-1] = f"{lines[-1]} {piece}"
        else:
            lines.append(piece)
    return lines


def _has_words(text: str) -> bool:
    return any(map(str.isalnum, text))


@functools.cache
def _segmenter(language: str) -> Any:
    import pysbd
    from pysbd.languages import LANGUAGE_CODES

    code = language if language in LANGUAGE_CODES else _LIKE.get(language, "en")
    segmenter = pysbd.Segmenter(language=code, clean=False)
    if language in _BEFORE_NAMES:
        segmenter.language_module = _with_abbreviations(LANGUAGE_CODES[code], language)
    return segmenter


def _with_abbreviations(rules: Any, language: str) -> Any:
    """pysbd's rules of a language with the abbreviations above."""
    names, numbers = _BEFORE_NAMES.get(language, ()), _BEFORE_NUMBERS.get(language, ())
    abbreviation = rules.Abbreviation
    # What precedes names or numbers in Spanish is no rule of Portuguese.
    is_own = rules.iso_code == language
    abbreviations = {
        "ABBREVIATIONS": [*(abbreviation.ABBREVIATIONS if is_own else _PORTUGUESE), *names, *numbers],
        "PREPOSITIVE_ABBREVIATIONS": [*(abbreviation.PREPOSITIVE_ABBREVIATIONS if is_own else ()), *names],
        "NUMBER_ABBREVIATIONS": [*(abbreviation.NUMBER_ABBREVIATIONS if is_own else ()), *numbers],
    }
    return type(rules.__name__, (rules,), {"Abbreviation": type("Abbreviation", (abbreviation,), abbreviations)})
