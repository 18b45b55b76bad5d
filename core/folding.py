"""Case folding for search and names: in every language, composed or not."""

from __future__ import annotations

import unicodedata

# Case folding keeps Turkish letters apart from i; who types one of the four means any.
_DOTS = str.maketrans({"ı": "i", "\u0307": None})
# Letters that have no accent to take off, and what is typed in their place.
_PLAIN = str.maketrans({"ø": "o", "đ": "d", "ł": "l", "ħ": "h", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ŧ": "t"})


def fold(text: str) -> str:
    """The text without case, composed: two that differ in these alone become one. ``İ`` and ``ı`` are ``i``."""
    if text.isascii():
        return text.lower()
    letters = unicodedata.normalize("NFD", text).casefold().translate(_DOTS)
    return unicodedata.normalize("NFC", letters)


def fold_accents(text: str) -> str:
    """`fold`, and without accents: ``agua`` finds ``Água``. Marks of scripts beyond the European ones stay."""
    if text.isascii():
        return text.lower()
    letters = unicodedata.normalize("NFD", fold(text)).translate(_PLAIN)
    return unicodedata.normalize("NFC", "".join(sign for sign in letters if not "\u0300" <= sign <= "\u036f"))
