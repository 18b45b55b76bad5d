"""The texts of a list, each with the sound it belongs to, and what is to be told of the list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from core.errors import UserError
from core.sources.collections.archive import Folder, Zip
from core.sources.collections.sound_index import SoundIndex
from core.sources.lists.columns import speaker_column
from core.sources.lists.reader import NAME_MARKS, ListFile, Row, cells, joined_lines, open_list, sample
from core.sources.lists.records import Record
from core.sources.lists.shape import Shape, shape_of
from core.text import clean_text

NOT_USED = -1  # the chosen column of a list that is not wanted
_MAX_EXAMPLE_NAMES = 8
_EXAMPLES = 4
_EXAMPLE_LETTERS = 240
_MOST_SPEAKERS = 12
_IN_SENTENCES = (",", ";", *NAME_MARKS)  # nothing to tell of, where one of these stands within a text


@dataclass
class Tally:
    """How many of something, and the first of them by name."""

    count: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        """Count one more."""
        self.count += 1
        if len(self.names) < _MAX_EXAMPLE_NAMES:
            self.names.append(name[-160:])

    def extend(self, tally: Tally) -> None:
        """Count those of another tally."""
        self.count += tally.count
        self.names = (self.names + tally.names)[:_MAX_EXAMPLE_NAMES]

    def __bool__(self) -> bool:
        return self.count > 0


@dataclass
class ListReport:
    """What a list holds and what becomes of it.

    ``state`` is ``used``; ``ask`` (its sounds are there, but which column is the text a person has to say);
    ``unmatched`` (none of its lines names a sound that is there); ``refused`` (``error`` says why);
    ``unreadable`` (of a kind that is not read, such as a spreadsheet); ``set_aside`` (its name says that its texts are
    wrong, or a person did not want it). ``columns`` are (heading, role) and ``texts`` the columns of its text, the
    first that is not empty counting. ``examples`` are a sound's name and the cells of its row.
    """

    name: str
    state: str
    columns: list[tuple[str, str]] = field(default_factory=list)
    texts: list[int] = field(default_factory=list)
    is_sure: bool = True
    rows: int = 0
    matched: int = 0
    unmatched: Tally = field(default_factory=Tally)
    merged: Tally = field(default_factory=Tally)  # sounds whose text holds what otherwise stands between cells
    repeated: Tally = field(default_factory=Tally)  # sounds that were named before, with the same text
    differing: Tally = field(default_factory=Tally)  # and with another one
    examples: list[tuple[str, list[str]]] = field(default_factory=list)
    speakers: list[tuple[str, int]] = field(default_factory=list)
    encoding: str = ""
    error: UserError | None = None


def read_list(
    place: Folder | Zip, name: str, index: SoundIndex, texts: dict[str, str], language: str, column: int | None
) -> ListReport | None:
    """Read a list and put its texts into ``texts`` by the sound they belong to; what is there already stays.

    Args:
        place: where it lies.
        name: its name there.
        index: the sounds there are.
        texts: texts by sound, filled in.
        language: of the project.
        column: which one a person said is the text; None leaves it to what stands in them.

    Returns:
        what to tell of it; None if it is no list at all.

    Raises:
        UserError: ``list.*`` (larger or deeper than any list is), ``text.encoding`` (its letters cannot be read).
    """
    file = open_list(place, name, language)
    folder = file.folder

    def find(cell: str) -> str | None:
        return index.find(cell, folder)

    rows: Iterator[str] | Iterator[Record] = file.objects() if file.is_json else _without_comments(file.lines())
    records, count = sample(rows)
    shape = shape_of(records, find)
    if shape is None:
        return _without_shape(name, records, count)
    report = ListReport(name, "used", encoding=file.encoding)
    report.columns = [(spec.heading, spec.role) for spec in shape.columns]
    text_columns = shape.texts.columns if column is None else (column,)
    report.texts, report.is_sure = list(text_columns), shape.texts.is_sure or column is not None
    if not shape.matches:
        if shape.sound_names * 2 < len(records) and not is_list_name(name):
            return None
        report.state, report.rows = "unmatched", count - bool(shape.headings and shape.mark)
        for record in records:
            report.unmatched.add(shape.row(record)[0][shape.file])
        report.unmatched.count = report.rows
        return report
    if not report.is_sure or not text_columns:
        report.state = "ask"
    _use_rows(file, shape, report, find, texts)
    return report


def _without_shape(name: str, records: list[str] | list[Record], count: int) -> ListReport | None:
    """What is called a list, but where no name stands apart from a text, is told; anything else is no list."""
    lines = [line for line in records if isinstance(line, str)]
    if not lines or not is_list_name(name):
        return None
    report = ListReport(name, "unmatched", rows=count)
    for line in lines:
        report.unmatched.add(line)
    report.unmatched.count = count
    return report


def _use_rows(
    file: ListFile, shape: Shape, report: ListReport, find: Callable[[str], str | None], texts: dict[str, str]
) -> None:
    speaker = speaker_column(shape.columns)
    speakers: Counter[str] = Counter()
    for row, is_merged in _rows(file, shape, report.texts, find):
        name = row[shape.file] if shape.file < len(row) else ""
        sound = find(name)
        report.rows += 1
        if sound is None:
            report.unmatched.add(name or "–")
            continue
        report.matched += 1
        if is_merged and shape.mark not in _IN_SENTENCES:
            report.merged.add(PurePosixPath(sound).name)
        if len(report.examples) < _EXAMPLES:
            report.examples.append((sound, [cell[:_EXAMPLE_LETTERS] for cell in row]))
        if speaker is not None and speaker < len(row) and (row[speaker] in speakers or len(speakers) < 1000):
            speakers[row[speaker]] += 1
        if report.state == "used":
            _use_text(report, texts, sound, _text(row, report.texts))
    report.speakers = [(label[:80], times) for label, times in speakers.most_common(_MOST_SPEAKERS) if label]


def _text(row: Row, columns: list[int]) -> str:
    return next((text for at in columns if at < len(row) and (text := clean_text(row[at]))), "")


def _use_text(report: ListReport, texts: dict[str, str], sound: str, text: str) -> None:
    if not text:
        return
    before = texts.setdefault(sound, text)
    if before is not text:
        (report.repeated if before == text else report.differing).add(PurePosixPath(sound).name)


def _rows(
    file: ListFile, shape: Shape, columns: list[int], find: Callable[[str], str | None]
) -> Iterator[tuple[Row, bool]]:
    if file.is_json:
        for record in file.objects():
            yield shape.row(record)
        return

    def begins_row(line: str) -> bool:
        row = cells(line, shape.mark)
        return shape.file < len(row) and find(row[shape.file]) is not None

    is_first = bool(shape.headings)
    for line in joined_lines(_without_comments(file.lines()), shape.mark, begins_row):
        if not line.strip():
            continue
        if is_first:
            is_first = False
            continue
        yield shape.row(line, texts=columns)


def _without_comments(lines: Iterator[str]) -> Iterator[str]:
    return (line for line in lines if not line.startswith("#"))


_LIST_ENDINGS = (
    ".csv",
    ".tsv",
    ".psv",
    ".list",
    ".lst",
    ".jsonl",
    ".ndjson",
    ".manifest",
    ".tab",
    ".filelist",
    ".trans",
)
_LIST_STEMS = (
    *("metadata", "transcript", "transcripts", "transcription", "transcriptions", "list", "filelist", "file_list"),
    *(
        "manifest",
        "train",
        "val",
        "valid",
        "validation",
        "validated",
        "dev",
        "test",
        "eval",
        "line_index",
        "text",
        "texts",
    ),
    *("transcricao", "transcricoes", "lista", "sentences", "prompts", "wavs"),
)
MAYBE_LISTS = (*_LIST_ENDINGS, ".txt", ".text", ".json", ".cleaned", ".data", "")
_DOCUMENTS = (".docx", ".doc", ".odt", ".rtf", ".pdf", ".html", ".xml", ".yaml", ".yml", ".db", ".sqlite", ".pkl")


def is_list_name(name: str) -> bool:
    """Whether a file is called as lists of texts are: ``metadata.csv``, ``my_train_filelist.txt``, ``slicer.list``."""
    path = PurePosixPath(name)
    suffix, stem = path.suffix.lower(), path.name.lower().partition(".")[0]
    if suffix in _LIST_ENDINGS:
        return True
    return suffix in MAYBE_LISTS and _is_list_stem(stem)


def is_unread_list(name: str) -> bool:
    """Whether a file is called as lists are, but is of a kind that is not read."""
    path = PurePosixPath(name)
    return path.suffix.lower() in _DOCUMENTS and _is_list_stem(path.name.lower().partition(".")[0])


def _is_list_stem(stem: str) -> bool:
    words = stem.replace("-", "_").replace(" ", "_")
    return any(words == name or words.startswith(f"{name}_") or words.endswith(f"_{name}") for name in _LIST_STEMS)
