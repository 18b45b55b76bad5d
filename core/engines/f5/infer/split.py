"""Text splitting: parts of at most so many bytes, at the ends of sentences and clauses, else between words."""

from __future__ import annotations

import re


def split_text(text: str, most_bytes: int) -> list[str]:
    """A text in parts of at most so many bytes, at the ends of sentences and clauses, else between words.

    The package never cuts between words, and lets a long clause become as long as it may.
    """
    pieces = [""]
    # Every part keeps the space after it, so that parts are put together again as they were.
    for clause in re.split(r"(?<=[;:,.!?]\s)|(?<=[；：，。！？])", text):
        for words in _fitting(clause, most_bytes):
            if _size(pieces[-1] + words) <= most_bytes:
                pieces[-1] += words
            else:
                pieces.append(words)
    # Of signs alone the model makes noises.
    return [piece.strip() for piece in pieces if any(character.isalnum() for character in piece)]


def _fitting(clause: str, most_bytes: int) -> list[str]:
    if _size(clause) <= most_bytes or len(clause.rstrip()) < 2:
        return [clause]
    words = re.findall(r"\S+\s*", clause)
    if len(words) == 1:
        words = list(clause)
    middle = len(words) // 2
    return _fitting("".join(words[:middle]), most_bytes) + _fitting("".join(words[middle:]), most_bytes)


def _size(text: str) -> int:
    return len(text.rstrip().encode())
