"""The shape of a list: what stands between its cells, how many there are, its headings, where sounds are named."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from core.sources.collections.sound_index import SOUNDS
from core.sources.lists.columns import (
    FILE_HEADINGS,
    KNOWN_HEADINGS,
    TEXT,
    Column,
    TextColumns,
    columns_of,
    is_heading,
    likeness,
    plain_heading,
    text_columns,
)
from core.sources.lists.reader import COLUMN_MARKS, NAME_MARKS, Row, cells
from core.sources.lists.records import Record

MARKS = (*COLUMN_MARKS, *NAME_MARKS)
_JSON_MARK = ""
_FILES = frozenset(map(plain_heading, FILE_HEADINGS))

Find = Callable[[str], str | None]


@dataclass(frozen=True)
class Shape:
    """How rows of a list are read.

    ``mark`` stands between cells ("" for JSON), ``headings`` are the first row's (of JSON its keys), ``file`` is the
    column that names sounds, or would. ``matches`` of the sampled rows name a sound that is there, ``named`` end as
    names of sounds do.
    """

    mark: str
    width: int
    headings: tuple[str, ...]
    file: int
    matches: int
    sound_names: int = 0  # rows whose cell there ends as sounds do
    columns: list[Column] = field(default_factory=list)
    texts: TextColumns = TextColumns((), False)

    def row(self, line: str | Record, *, texts: Sequence[int] = ()) -> tuple[Row, bool]:
        """The cells of a line, as many as there are columns, and whether a mark stands within its text."""
        if isinstance(line, dict):
            return [line.get(key, "") for key in self.headings], False
        row = cells(line, self.mark)
        has_spaces = self.mark in NAME_MARKS or (len(row) > 1 and row[1].startswith(" "))
        return _fit(row, self.mark, self.width, list(texts) or [self.width - 1], has_spaces)


def shape_of(sample: Sequence[str | Record], find: Find) -> Shape | None:
    """Judge a list by a sample of its rows; None if it is no table at all.

    Args:
        sample: lines in order, the first one first; or records of JSON.
        find: the sound that a name means.
    """
    if not sample:
        return None
    if isinstance(sample[0], dict):
        return _of_records([record for record in sample if isinstance(record, dict)], find)
    lines = [line for line in sample if isinstance(line, str)]
    shapes = [shape for mark in MARKS if (shape := _by_mark(lines, mark, find))]
    best = max(shapes, key=lambda shape: shape.matches, default=None)
    if best is None or best.matches:
        return best
    # No name is known here: the table whose cells look most like names of sounds.
    return max((s for s in shapes if s.mark in COLUMN_MARKS), key=lambda shape: shape.sound_names, default=None)


def _of_records(records: Sequence[Record], find: Find) -> Shape | None:
    keys = tuple(dict.fromkeys(key for record in records for key in record))
    rows = [[record.get(key, "") for key in keys] for record in records]
    if len(keys) < 2:
        return None
    file, matches = _file_column(rows, range(len(keys)), keys, find)
    return _shape(_JSON_MARK, len(keys), keys, file, matches, rows)


def _by_mark(lines: Sequence[str], mark: str, find: Find) -> Shape | None:
    rows = [cells(line, mark) for line in lines]
    if sum(len(row) > 1 for row in rows) * 2 < len(rows):
        return None
    headings = _headings(rows, mark, find)
    if headings:
        rows = rows[1:]
    width = len(headings) or _usual_width(rows, mark)
    if width < 2:
        return None
    # Counted from the right as well: a text before it may hold marks of its own.
    file, matches = _file_column(rows, [*range(width), *range(-width, 0)], headings, find)
    file %= width
    return _shape(mark, width, headings, file, matches, _rows_of_width(rows, mark, width, file, headings))


def _headings(rows: Sequence[Row], mark: str, find: Find) -> tuple[str, ...]:
    """The first row, if it names the columns instead of a sound."""
    first, body = rows[0], rows[1:]
    plain = {plain_heading(cell) for cell in first}
    is_known = len(plain & KNOWN_HEADINGS) > 1  # even where a sound is called “audio” or “text”
    if len(first) < 2 or not is_heading(first) or (any(map(find, first)) and not is_known):
        return ()
    if mark in NAME_MARKS and not plain & _FILES:
        return ()
    file, _ = _file_column(body, range(len(first)), (), find)
    names = [row[file].strip() for row in body[:50] if file < len(row)]
    # A sound that is not there is named like the others.
    if not plain & KNOWN_HEADINGS and len(os.path.commonprefix([first[file].strip(), *names])) > 1:
        return ()
    return tuple(cell.strip(" \t\ufeff") for cell in first)


def _shape(mark: str, width: int, headings: tuple[str, ...], file: int, matches: int, rows: Sequence[Row]) -> Shape:
    columns = columns_of(rows, file, headings)
    sound_names = sum(file < len(row) and row[file].lower().endswith(SOUNDS) for row in rows)
    return Shape(mark, width, headings, file, matches, sound_names, columns, text_columns(columns, rows))


def _usual_width(rows: Sequence[Row], mark: str) -> int:
    """How many columns most rows have; a mark in a sentence has a space after it where other marks have none."""
    has_spaces = _mostly_spaced(rows, mark)
    counts = Counter(len(row) if has_spaces else _tight(row) for row in rows if len(row) > 1)
    return counts.most_common(1)[0][0] if counts else 0


def _tight(row: Row) -> int:
    return 2 + sum(not cell.startswith(" ") for cell in row[2:])


def _mostly_spaced(rows: Sequence[Row], mark: str) -> bool:
    """Whether marks are followed by a space also where they stand between columns."""
    several = [row for row in rows if len(row) > 1]
    return mark in NAME_MARKS or sum(row[1].startswith(" ") for row in several) * 2 > len(several)


def _file_column(
    rows: Sequence[Row], places: Sequence[int] | range, headings: Sequence[str], find: Find
) -> tuple[int, int]:
    """The column whose cells name the most different sounds, and how many rows name one; by its look if none does."""
    best, best_rank, matches = -1, (0, 0), 0
    for place in places:
        names = [row[place] for row in rows if -len(row) <= place < len(row)]
        sounds = [sound for name in names if (sound := find(name))]
        rank = (len(set(sounds)), sum(name.strip().lower().endswith(SOUNDS) for name in names))
        if sounds and rank > best_rank:
            best, best_rank, matches = place, rank, len(sounds)
    return (best, matches) if matches else (_by_look(rows, [place for place in places if place >= 0], headings), 0)


def _by_look(rows: Sequence[Row], places: Sequence[int], headings: Sequence[str]) -> int:
    """Where names of sounds would be: a heading says so, or endings of sounds do; else the first column."""
    for place in places:
        if place < len(headings) and plain_heading(headings[place]) in _FILES:
            return place
    for place in places:
        if sum(place < len(row) and row[place].strip().lower().endswith(SOUNDS) for row in rows) * 2 > len(rows):
            return place
    return 0


def _rows_of_width(rows: Sequence[Row], mark: str, width: int, file: int, headings: Sequence[str]) -> list[Row]:
    """The rows in ``width`` columns, so that columns can be judged: those that fit, or all, the rest in the text."""
    fitting = [row for row in rows if len(row) == width]
    if len(fitting) * 2 >= len(rows):
        return fitting
    texts = [at for at, cell in enumerate(headings) if plain_heading(cell) in TEXT]
    last = texts[:1] or [width - 1 if file != width - 1 else 0]
    has_spaces = _mostly_spaced(rows, mark)
    return [_fit(row, mark, width, last, has_spaces)[0] for row in rows]


def _fit(row: Row, mark: str, width: int, texts: Sequence[int], has_spaces: bool) -> tuple[Row, bool]:
    """A row in ``width`` columns: what is too much belongs to a text, and the marks between stand in it again."""
    beyond = len(row) - width
    if beyond <= 0:
        return [cell.strip() for cell in row], False
    if not any(cell.strip() for cell in row[width:]):  # marks at the end of a line
        return [cell.strip() for cell in row[:width]], False
    if not has_spaces and len(tight := _joined_where_spaced(row, mark)) == width:
        best = tight
    elif len(texts) > 1:  # a text and its copy: so that both say the same
        cuts = (_cut(row, mark, texts[0], texts[1], first, beyond - first) for first in range(beyond + 1))
        best = max(cuts, key=lambda cut: likeness(cut[texts[0]], cut[texts[1]]))
    else:
        best = _cut(row, mark, texts[0], texts[0], beyond, 0)
    return [cell.strip() for cell in best], True


def _cut(row: Row, mark: str, first: int, second: int, extra: int, extra_later: int) -> Row:
    """The row with ``extra`` cells joined to that of column ``first``, and ``extra_later`` to that of ``second``."""
    if second < first:
        first, second, extra, extra_later = second, first, extra_later, extra
    cells = [*row[:first], mark.join(row[first : first + extra + 1]), *row[first + extra + 1 :]]
    return [*cells[:second], mark.join(cells[second : second + extra_later + 1]), *cells[second + extra_later + 1 :]]


def _joined_where_spaced(row: Row, mark: str) -> Row:
    parts = row[:2]
    for cell in row[2:]:
        if cell.startswith(" "):
            parts[-1] += mark + cell
        else:
            parts.append(cell)
    return parts
