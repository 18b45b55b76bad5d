"""Texts as the app's tokenizer reads them, with the token at which each word begins and ends."""

from __future__ import annotations

import functools

from tokenizers import Tokenizer

from core.engines.xtts.model.tiny_vocabulary import starter_vocabulary
from core.engines.xtts.text import reading


@functools.cache
def tokenizer() -> Tokenizer:
    """The starter's."""
    return starter_vocabulary()


def tokens(text: str) -> tuple[list[int], list[tuple[int, int]]]:
    """Token numbers as `Xtts.inference` makes them (without start and stop), and each word's first and last + 1."""
    numbers = list(reading.token_ids(tokenizer(), text, "en"))
    space = tokenizer().token_to_id("[SPACE]")
    spans, begin = [], 1  # after the language
    for at in [*(index for index, token in enumerate(numbers) if token == space), len(numbers)]:
        spans.append((begin, at))
        begin = at + 1
    return numbers, spans
