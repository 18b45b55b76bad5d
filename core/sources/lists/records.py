"""Records of a JSON list as cells of text: one under the other, column by column, by the name of the sound, nested."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from core.sources.lists.columns import KNOWN_HEADINGS, plain_heading

MOST_LETTERS = 65_536  # of a line, and of a cell
MOST_CELLS = 256
_DEEPEST = 8  # parts of parts of a record

Record = dict[str, str]


def flat(record: dict[str, Any]) -> Record:
    """A record with text for each key; of a sound that is told by parts its path."""
    result: Record = {}
    for key, value in itertools.islice(_leaves(record, "", _DEEPEST), MOST_CELLS):
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            result[key] = str(value)[:MOST_LETTERS]
    return result


def _leaves(value: Any, key: str, deepest: int) -> Iterator[tuple[str, Any]]:
    """What a record holds, that of its parts by both keys; of several alike none: it would be a part of the whole."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        yield key, value
    elif key and (place := next((value[at] for at in ("path", "file", "bytes_path", "url") if at in value), None)):
        yield key, place
    elif deepest:
        for name, part in value.items():
            yield from _leaves(part, f"{key}.{name}" if key else name, deepest - 1)


def _columns(value: dict[str, Any]) -> Iterator[dict[str, Any]] | None:
    """The records of a table that is told column by column, or None: as pandas writes it, or as lists of one length."""
    if len(value) < 2 or not KNOWN_HEADINGS & set(map(plain_heading, value)):
        return None
    columns = list(value.values())
    first = columns[0]
    if all(isinstance(column, dict) and column.keys() == first.keys() for column in columns):
        return ({key: column[row] for key, column in value.items()} for row in first)
    if all(isinstance(column, list) and len(column) == len(first) for column in columns):
        return (dict(zip(value, row, strict=True)) for row in zip(*columns, strict=True))
    return None


def records_of(value: Any) -> Iterator[Record]:
    """The records in a whole JSON value: a list of them, one under a key, or one that is told by name of the sound."""
    if isinstance(value, dict) and (rows := _columns(value)) is not None:
        yield from map(flat, rows)
        return
    if isinstance(value, dict):
        lists = [
            part for part in value.values() if isinstance(part, list) and part and isinstance(part[0], dict | list)
        ]
        if lists:
            value = max(lists, key=len)
        elif KNOWN_HEADINGS & set(map(plain_heading, value)):
            value = [value]  # a single record
        else:
            for key, part in value.items():
                if isinstance(part, dict):
                    yield {"": key, **flat(part)}
                elif isinstance(part, str):
                    yield {"": key, "text": part[:MOST_LETTERS]}
            return
    for part in value if isinstance(value, list) else ():
        if isinstance(part, dict):
            yield flat(part)
        elif isinstance(part, list):
            yield flat({str(number): cell for number, cell in enumerate(part[:MOST_CELLS])})
