"""Text normalisation on entry: visible characters, composed, on one line; and names for odd characters."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterable

_JOINERS = "\u200c\u200d"
_JOINER_RUN = re.compile(f"[{_JOINERS}]+")
# Scripts whose letters change their form at a joiner, by how Unicode's names of them begin.
_JOINED_SCRIPTS = (
    *("ARABIC", "SYRIAC", "MANDAIC", "MONGOLIAN", "NKO", "ADLAM", "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI"),
    *("ORIYA", "TAMIL", "TELUGU", "KANNADA", "MALAYALAM", "SINHALA", "TIBETAN", "MYANMAR", "KHMER", "BALINESE"),
    *("JAVANESE", "SUNDANESE", "LIMBU", "LEPCHA", "GRANTHA", "TIRHUTA", "BRAHMI", "NEWA", "SHARADA", "MODI"),
)
# Signs of format that are seen: numbers and verses in Arabic, Syriac and Kaithi are set inside them.
_SEEN_FORMATS = {0x6DD, 0x70F, 0x8E2, 0x110BD, 0x110CD, *range(0x600, 0x606), 0x890, 0x891}
# What is not seen though Unicode files it under marks, letters or symbols: selectors, fillers, an object's place.
_UNSEEN = {
    *(0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, 0xFFFC),
    *(*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)),
}
_SSML = re.compile(r"<\s*(?:speak|break|prosody|say-as|emphasis|phoneme)\b", re.IGNORECASE)
_TAG = re.compile(r"<[/!?a-zA-Z][^<>]{0,1000}>")
_BLANK = {0x2800}  # an empty pattern of Braille: takes room, shows nothing
# Where a text is cut, the best places first: after sentences, after clauses, between words.
_CUTS = (
    re.compile(r"(?<=[.!?…])[\"'”’»)\]]*\s+|(?<=[。！？।؟])\s*"),
    re.compile(r"(?<=[,;:،、，；：—–])\s*"),
    re.compile(r"\s+"),
)


def as_title(text: str) -> str:
    """What a person calls something: on one line, of at most 80 characters."""
    return " ".join(text.split())[:80]


def has_ssml(text: str) -> bool:
    """Whether a text is marked up for other speech programs."""
    return bool(_SSML.search(text))


def without_tags(text: str) -> str:
    """A text with spaces in place of its tags, and the characters that its entities stand for."""
    return html.unescape(_TAG.sub(" ", text))


def clean_text(text: str) -> str:
    """The text as it is kept and read: one line, single spaces, composed letters (NFC), nothing that is not seen.

    Every text goes through here when it enters (typed, from lists, subtitles and recognition) and again when a data
    set is made of texts that an older version kept. Signs of direction, soft hyphens, byte order marks, spaces without
    width and selectors go; joiners stay between letters of scripts that need them. What is written stays as written:
    numbers and signs are the engine's to read.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    visible = "".join(map(_visible, text))
    if any(joiner in visible for joiner in _JOINERS):
        visible = _without_stray_joiners(visible)
    return " ".join(unicodedata.normalize("NFC", visible).split())


def as_cell(text: str) -> str:
    """A cell of a CSV file that no spreadsheet takes for a formula: it then begins with an apostrophe."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def cut_to_fit(text: str, fits: Callable[[str], bool]) -> list[str]:
    """``[text]`` if it ``fits``, else parts that do: cut after sentences, else clauses, else words, else anywhere."""

    def cut(part: str, level: int) -> list[str]:
        if fits(part) or len(part) < 2:
            return [part]
        if level == len(_CUTS):
            middle = len(part) // 2
            return [*cut(part[:middle], level), *cut(part[middle:], level)]
        joint: list[str] = []
        for small in filter(None, (piece.strip() for piece in _CUTS[level].split(part))):
            if joint and fits(f"{joint[-1]} {small}"):
                joint[-1] = f"{joint[-1]} {small}"
            else:
                joint.extend(cut(small, level + 1))
        return joint

    return cut(text, 0)


def describe_characters(characters: Iterable[str]) -> str:
    """Characters for a message, each with its code and name: ``“K” (U+004B LATIN CAPITAL LETTER K)``."""
    return ", ".join(f"“{_printable(c)}” (U+{ord(c):04X} {unicodedata.name(c, 'unnamed')})" for c in characters)


def _visible(character: str) -> str:
    """The character, a space in its place, or nothing."""
    if character.isascii():
        return character if character.isprintable() else " "
    code, category = ord(character), unicodedata.category(character)
    if category in ("Zs", "Zl", "Zp", "Cc") or code in _BLANK:
        return " "
    if code in _UNSEEN or category == "Cs":  # half a character cannot even be stored
        return ""
    return "" if category == "Cf" and code not in _SEEN_FORMATS and character not in _JOINERS else character


def _without_stray_joiners(text: str) -> str:
    """Joiners only where they join: one at a time, between letters (or their marks) of a script that knows them."""

    def joiner(run: re.Match[str]) -> str:
        is_between = _is_joined(text[run.start() - 1 : run.start()]) and _is_joined(text[run.end() : run.end() + 1])
        return run[0][0] if is_between else ""

    return _JOINER_RUN.sub(joiner, text)


def _is_joined(character: str) -> bool:
    return character != "" and (
        unicodedata.category(character)[0] in "LM" and unicodedata.name(character, "").startswith(_JOINED_SCRIPTS)
    )


def _printable(character: str) -> str:
    """What can be seen of it: a mark on a ring, and nothing of what would turn or break the message."""
    category = unicodedata.category(character)
    if category[0] == "M":
        return f"\u25cc{character}"
    return character if category[0] not in "CZ" else " "
