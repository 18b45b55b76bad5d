"""Text to tokens, exactly as f5-tts converts texts for training and speaking. Light: its libraries come when needed.

Source: ``f5_tts/model/utils.py: convert_char_to_pinyin`` (f5-tts 1.1.22), which cannot be imported without torch; a
test compares the two. A space that it sets within a word after an accented letter is part of it: the published bases
have learnt texts that way, so a voice must be trained and spoken to in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

Conversion: TypeAlias = Literal["pinyin", "characters"]
"""``characters``: each character is a token; what some bases of other languages were trained with."""

_QUOTES = str.maketrans({";": ",", "“": '"', "”": '"', "‘": "'", "’": "'"})
_CHINESE = ("\u3100", "\u9fff")


def to_tokens(text: str, conversion: Conversion) -> list[str]:
    """The tokens of a text; whether the vocabulary has them is another question."""
    return list(text) if conversion == "characters" else _pinyin(text)


def ids_of(tokens: Sequence[str], ids: dict[str, int]) -> tuple[int, ...]:
    """Ids of tokens.

    Raises:
        KeyError: one that has none; f5-tts would read a space in its place.
    """
    return tuple(ids[token] for token in tokens)


def _pinyin(text: str) -> list[str]:
    import rjieba

    tokens: list[str] = []
    for word in rjieba.cut(text.translate(_QUOTES)):
        size = len(word.encode())
        if size == len(word):
            if tokens and size > 1 and tokens[-1] not in " :'\"":
                tokens.append(" ")
            tokens.extend(word)
        elif size == 3 * len(word):
            for character, sound in zip(word, _sounds(word), strict=True):
                if _is_chinese(character):
                    tokens.append(" ")
                tokens.append(sound)
        else:
            for character in word:
                if _is_chinese(character):
                    tokens += [" ", *_sounds(character)]
                else:
                    tokens.append(character)
    return tokens


def _sounds(word: str) -> list[str]:
    if not any(_is_chinese(character) for character in word):
        return list(word)
    from pypinyin import Style, lazy_pinyin

    return [str(sound) for sound in lazy_pinyin(word, style=Style.TONE3, tone_sandhi=True)]


def _is_chinese(character: str) -> bool:
    return _CHINESE[0] <= character <= _CHINESE[1]
