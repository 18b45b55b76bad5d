"""Reading a list of texts in little memory: its letters, its lines, the cells of a line; every size has a limit."""

from __future__ import annotations

import codecs
import io
import itertools
import json
import random
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from core.errors import UserError
from core.sources.collections.archive import Folder, Zip
from core.sources.encodings import encoding_of
from core.sources.lists.records import MOST_CELLS, MOST_LETTERS, Record, flat, records_of

MOST_LIST_BYTES = 128_000_000
MOST_JSON_BYTES = 16_000_000  # of JSON that is one value: it is read as a whole, and takes up to twenty times the room
MOST_ROWS = 500_000
_SAMPLE_SIZE = 2_000
_FIRST = 200  # of the sample: the beginning of a list; the others come from all over it
_BLOCK_BYTES = 1 << 16
_LINES_JOINED = 20  # a quoted text may go on over some lines

_LOOKED_AT_BYTES = 1_000_000  # from the first letter on that is no ASCII

Row = list[str]


@dataclass(frozen=True)
class ListFile:
    """A list in a folder or zip, looked at once: ``encoding`` of its letters, ``is_json``, ``is_json_lines``."""

    place: Folder | Zip
    name: str
    encoding: str
    is_json: bool
    is_json_lines: bool

    @property
    def folder(self) -> str:
        """Where it lies: its paths may begin there."""
        return str(PurePosixPath(self.name).parent)

    def lines(self) -> Iterator[str]:
        """Its lines, without their ends, be they of Windows, of Unix or of an old Mac.

        Raises:
            UserError: ``list.long_line``, ``list.too_many_rows``, ``archive.broken``.
        """
        with self.place.stream(self.name) as file:
            text = io.TextIOWrapper(file, self.encoding, errors="replace", newline=None)
            for number in range(1, MOST_ROWS + 2):
                line = text.readline(MOST_LETTERS + 1)
                if not line:
                    return
                if len(line) > MOST_LETTERS:
                    raise UserError(
                        "list.long_line",
                        "Line {line} of “{list}” is longer than {letters} letters: that is no list of texts.",
                        "Save the list with one short line for each sound, or take it out.",
                        line=number,
                        list=self.name[-120:],
                        letters=MOST_LETTERS,
                    )
                yield line.rstrip("\n").replace("\0", "")
        raise too_many_rows(self.name)

    def objects(self) -> Iterator[Record]:
        """The records of a JSON list: of JSON lines one by one, else of the whole.

        Raises:
            UserError: ``list.json``, and those of `lines`.
        """
        if self.is_json_lines:
            for line in self.lines():
                if line.strip():
                    value = self._parse_json(line, is_line=True)
                    yield flat(value) if isinstance(value, dict) else {}
            return
        if self.place.bytes_of(self.name) > MOST_JSON_BYTES:
            raise _too_large(self.name, MOST_JSON_BYTES)
        with self.place.stream(self.name) as file:
            text = file.read(MOST_JSON_BYTES + 1).decode(self.encoding, errors="replace")
        records = records_of(self._parse_json(text))
        for number, record in enumerate(records):
            if number >= MOST_ROWS:
                raise too_many_rows(self.name)
            yield record

    def _parse_json(self, text: str, *, is_line: bool = False) -> Any:
        try:
            return json.loads(text.lstrip("\ufeff"))
        except RecursionError:
            pass
        except ValueError:
            if is_line:
                return None  # a torn line is a row without a sound
        raise UserError(
            "list.json",
            "“{list}” cannot be read as JSON: it is damaged, or nested too deep.",
            "Write it anew, best with one record on each line.",
            list=self.name[-120:],
        )


def open_list(place: Folder | Zip, name: str, language: str) -> ListFile:
    """Look at a list: how large it is, how its letters are written, what kind of table it is.

    Args:
        place: where it lies.
        name: its name there.
        language: of the project; says which older encodings it may be in.

    Raises:
        UserError: ``list.too_large``, ``text.encoding``, ``archive.broken``.
    """
    if place.bytes_of(name) > MOST_LIST_BYTES:
        raise _too_large(name, MOST_LIST_BYTES)
    encoding = _encoding(place, name, language)
    with place.stream(name) as file:
        head = file.read(MOST_LETTERS).decode(encoding, errors="replace")
    first = head.lstrip("\ufeff \t\r\n").partition("\n")[0].partition("\r")[0]
    is_json = first.startswith(("{", "[")) and (name.lower().endswith(_JSON) or _is_record(first))
    is_one_line = place.bytes_of(name) <= len(head) and not head.strip("\ufeff \t\r\n")[len(first) :].strip()
    return ListFile(place, name, encoding, is_json, is_json and _is_record(first) and not is_one_line)


_JSON = (".json", ".jsonl", ".ndjson", ".manifest")


def _is_record(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _encoding(place: Folder | Zip, name: str, language: str) -> str:
    """UTF-8 if all of it is, or all but a few letters; else what it looks like.

    Raises:
        UserError: ``text.encoding``.
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
    replacements = wide = nulls = 0
    telling = b""
    for block in itertools.chain(_blocks(place, name), [b""]):
        text = decoder.decode(block, final=not block)
        replacements += text.count("\ufffd")
        nulls += text.count("\0")
        wide += len(text) - len(text.encode("ascii", "ignore"))
        if (telling or not block.isascii() or nulls) and len(telling) < _LOOKED_AT_BYTES:
            telling += block
    if not nulls and wide - replacements >= 20 * replacements:
        return "utf-8-sig"
    return encoding_of(telling, language, PurePosixPath(name).name)


def _blocks(place: Folder | Zip, name: str) -> Iterator[bytes]:
    with place.stream(name) as file:
        while block := file.read(_BLOCK_BYTES):
            yield block


def sample(rows: Iterator[Any]) -> tuple[list[Any], int]:
    """The first rows of a list and some from all over the rest, and how many it has; always the same of one list."""
    pick = random.Random(0)
    rows_sampled: list[Any] = []
    count = 0
    for row in rows:
        if not row or (isinstance(row, str) and not row.strip()):
            continue
        if len(rows_sampled) < _SAMPLE_SIZE:
            rows_sampled.append(row)
        elif (at := pick.randrange(count)) < _SAMPLE_SIZE and at >= _FIRST:
            rows_sampled[at] = row
        count += 1
    return rows_sampled, count


# ---- cells -----------------------------------------------------------------------------------------------------------

COLUMN_MARKS = ("|", "\t", ";", ",", "｜", "^", "~")
# These stand once, between a name and its text, which may hold them again.
NAME_MARKS = ("==", "=>", "->", " - ", " – ", " — ", "=", ":", "：", " ")
_QUOTED_CELL = {mark: re.compile(rf'[ ]*"((?:[^"]|"")*)"[ ]*(?=$|{re.escape(mark)})') for mark in COLUMN_MARKS}
_FESTIVAL = re.compile(r'\s*\(\s*(\S+)\s+"(.*)"\s*\)\s*')
_OPEN = {mark: re.compile(rf'(?:^|{re.escape(mark)})[ ]*"(?:[^"]|"")*$') for mark in _QUOTED_CELL}


def cells(line: str, mark: str) -> Row:
    """The cells of a line. Quotes are undone where they stand around a whole cell; any others are letters of it."""
    if mark in NAME_MARKS:
        if mark == " " and (utterance := _FESTIVAL.fullmatch(line)):
            return [utterance[1], utterance[2].replace('\\"', '"')]
        return line.split(None if mark == " " else mark, 1)
    row: Row = []
    at = 0
    while len(row) < MOST_CELLS - 1:
        if match := _QUOTED_CELL[mark].match(line, at):
            row.append(match[1].replace('""', '"'))
            end = match.end()
        else:
            end = line.find(mark, at)
            end = len(line) if end < 0 else end
            row.append(line[at:end])
        if end >= len(line):
            return row
        at = end + 1
    return [*row, line[at:]]


def joined_lines(lines: Iterator[str], mark: str, begins_row: Callable[[str], bool]) -> Iterator[str]:
    """Lines of a list, those of one quoted text joined; an odd quote swallows nothing.

    Args:
        lines: of the list.
        mark: between its cells.
        begins_row: whether a line names a sound of its own, and so cannot belong to the one before.
    """
    ahead: deque[str] = deque()
    while True:
        if (line := ahead.popleft() if ahead else next(lines, None)) is None:
            return
        if mark in _OPEN and _OPEN[mark].search(line):
            parts = [line]
            for number in range(_LINES_JOINED):
                if number >= len(ahead):
                    if (following := next(lines, None)) is None:
                        break
                    ahead.append(following)
                if begins_row(ahead[number]):
                    break
                parts.append(ahead[number])
                joined_text = "\n".join(parts)
                if len(joined_text) > MOST_LETTERS:
                    break
                if not _OPEN[mark].search(joined_text):
                    line = joined_text
                    for _ in range(number + 1):
                        ahead.popleft()
                    break
        yield line


def too_many_rows(name: str) -> UserError:
    """A list has more rows than there are sounds in any data set."""
    return UserError(
        "list.too_many_rows",
        "“{list}” has more than {rows} lines.",
        "Split the dataset into parts of fewer sounds.",
        list=name[-120:],
        rows=MOST_ROWS,
    )


def _too_large(name: str, max_bytes: int) -> UserError:
    return UserError(
        "list.too_large",
        "“{list}” is too large for a list of texts: more than {megabytes} MB.",
        "Split the dataset, or write the list anew with one short line for each sound.",
        list=name[-120:],
        megabytes=max_bytes // 1_000_000,
    )
