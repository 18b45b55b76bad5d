"""Texts beside their sounds, one file each: ``a.txt`` or ``a.lab`` with ``a.wav``, also in a folder of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from core.errors import UserError
from core.sources.collections.archive import Folder, Zip
from core.sources.collections.sound_index import SoundIndex
from core.sources.encodings import decode_text
from core.sources.lists.columns import TEXT, columns_of, plain_heading
from core.sources.lists.records import flat
from core.sources.lists.texts import NOT_USED, ListReport, Tally
from core.sources.subtitles.formats import kind_of
from core.sources.subtitles.words import words_of
from core.text import clean_text

TEXTS = (".txt", ".lab", ".json")
# As written before as spoken: the voice model's tokenizer writes numbers out itself.
_KINDS = (".original.txt", ".txt", ".lab", ".normalized.txt", ".json")
_MOST_BYTES = 1_000_000  # of one text
_MOST_IN_ALL = 256_000_000
_NO_TEXT = ("empty", "number", "path", "phonemes", "signs")
_JUDGED_ROWS = 500
_EXAMPLES = 4
_EXAMPLE_LETTERS = 240


@dataclass
class TextFiles:
    """The text of each sound that has one beside it, texts without a sound, and what to tell; None: nothing."""

    texts: dict[str, str] = field(default_factory=dict)
    without_sound: Tally = field(default_factory=Tally)
    report: ListReport | None = None


def read_texts(
    place: Folder | Zip, names: list[str], index: SoundIndex, language: str, choices: Mapping[str, int]
) -> TextFiles:
    """Read the texts among ``names`` that bear the name of a sound.

    Where sounds have several (``.txt`` and ``.lab``) the kind that reads like text is taken; choices are by the name
    ``*.txt``, the number being that of the kind.

    Raises:
        UserError: ``list.texts_too_large``.
    """
    result = TextFiles()
    of_kind: dict[str, dict[str, str]] = {}
    room = _MOST_IN_ALL
    for name in names:
        kind = next((kind for kind in _KINDS if name.lower().endswith(kind)), "")
        sound = index.find(name[: -len(kind)]) if kind else None
        if sound is None:
            result.without_sound.add(name)
            continue
        room -= place.bytes_of(name)
        if room < 0:
            raise _too_large(len(names))
        if text := _read(place, name, language, result.without_sound):
            of_kind.setdefault(kind, {}).setdefault(sound, text)
    kinds = [kind for kind in _KINDS if kind in of_kind]
    if not kinds:
        return result
    report = _report_on(of_kind, kinds)
    choice = choices.get(report.name)
    if choice == NOT_USED:
        report.state, report.texts = "set_aside", []
    elif choice is not None and 0 < choice <= len(kinds):
        report.state, report.texts = "used", [choice]
    result.report = report
    for column in report.texts:
        for sound, text in of_kind[kinds[column - 1]].items():
            result.texts.setdefault(sound, text)
    return result


def _read(place: Folder | Zip, name: str, language: str, unread: Tally) -> str:
    """One text; "" if there is none, or none that can be read, which is counted then."""
    try:
        text = decode_text(place.head(name, _MOST_BYTES), language, PurePosixPath(name).name)
        if name.lower().endswith(".json"):
            text = _recognition_text(text)
        elif kind_of(text):  # with times, as labels of Audacity
            text = " ".join(word.text for word in words_of(text, name=name))
        return clean_text(text)
    except (UserError, RecursionError):
        unread.add(name)
        return ""


def _recognition_text(text: str) -> str:
    """The text of a JSON file as recognition writes one for each sound; "" if it has none."""
    try:
        record = json.loads(text.lstrip("\ufeff"))
    except ValueError:
        return ""
    cells = flat(record) if isinstance(record, dict) else {}
    return next((cells[key] for key in cells if plain_heading(key) in TEXT), "")


def _report_on(of_kind: dict[str, dict[str, str]], kinds: list[str]) -> ListReport:
    sounds = sorted(set().union(*of_kind.values()))
    rows = [[sound, *(of_kind[kind].get(sound, "") for kind in kinds)] for sound in sounds[:_JUDGED_ROWS]]
    columns = columns_of(rows, 0, ["", *kinds])
    texts = [at for at, column in enumerate(columns) if at and column.role not in _NO_TEXT]
    if len(sounds) > 2:  # one text for all of them is none of theirs
        texts = [at for at in texts if columns[at].role != "constant"]
    report = ListReport(f"*{kinds[0]}", "used" if texts else "ask", rows=len(sounds), matched=len(sounds))
    report.columns = [(column.heading, column.role) for column in columns]
    report.texts = texts
    report.examples = [(row[0], [cell[:_EXAMPLE_LETTERS] for cell in row]) for row in rows[:_EXAMPLES]]
    return report


def _too_large(count: int) -> UserError:
    return UserError(
        "list.texts_too_large",
        "The {count} text files hold more than {megabytes} MB: more than is said in any recordings.",
        "Leave out those that are no texts of the sounds.",
        count=count,
        megabytes=_MOST_IN_ALL // 1_000_000,
    )
