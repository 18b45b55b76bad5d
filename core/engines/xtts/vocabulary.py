"""A base whose tokenizer knows more characters: embeddings and head grow with it."""

from __future__ import annotations

from pathlib import Path

from core.files import read_json

EXTENDED = "extended.json"


def first_new(base: Path) -> int | None:
    """The number of the first token that was added to a base; None for one as published."""
    path = base / EXTENDED
    return int(read_json(path)["first_new"]) if path.is_file() else None
