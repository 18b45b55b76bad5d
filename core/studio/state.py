"""State of a document's lines: spoken, doubtful, failed or still to be said, and what is known of the whole."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.errors import UserError
from core.project.workspace import Project
from core.studio import documents
from core.studio.cast import find_voice
from core.studio.document import CastVoice, Document
from core.studio.keys import Keys
from core.studio.line import Line
from core.studio.pauses import pause_after
from core.studio.pronunciation import Pronunciation
from core.studio.takes import Failure, LineTake, Takes, read_takes

State = Literal["spoken", "doubtful", "failed", "unspoken", "no_voice", "silent"]
STATES: tuple[State, ...] = ("spoken", "doubtful", "failed", "unspoken", "no_voice", "silent")
FILTERS = ("doubtful", "unspoken")  # what a person looks for: those to listen to, and those that have no sound
_MOST_KEPT = 200_000  # lines of all texts whose state is kept


@dataclass(frozen=True)
class LineState:
    """A line and how it stands; ``number`` counts from 1, ``pause_s`` is the silence after it."""

    line: Line
    number: int
    state: State
    pause_s: float
    takes: tuple[LineTake, ...] = ()
    chosen: LineTake | None = None
    failure: Failure | None = None

    def is_among(self, filter: str) -> bool:
        """Whether a `FILTERS` shows it; any other name shows all."""
        if filter == "doubtful":
            return self.state in ("doubtful", "failed", "no_voice")
        return filter != "unspoken" or self.state in ("unspoken", "failed", "no_voice")


@dataclass(frozen=True)
class Overview:
    """How many lines stand how, and how many seconds of sound there are with the pauses between."""

    counts: dict[State, int]
    seconds: float

    @property
    def to_speak(self) -> int:
        """Lines that have no sound yet."""
        return self.counts["unspoken"] + self.counts["failed"] + self.counts["no_voice"]

    @property
    def doubtful(self) -> int:
        """Lines that a person should look at."""
        return self.counts["doubtful"] + self.counts["failed"] + self.counts["no_voice"]

    @property
    def spoken(self) -> int:
        """Lines that have a sound."""
        return self.counts["spoken"] + self.counts["doubtful"]


@dataclass(frozen=True)
class _Kept:
    document: Document
    entries: tuple[Pronunciation, ...]
    speakers: dict[str, CastVoice]
    keys: list[str]
    nobody: frozenset[str]
    takes: Takes
    rows: list[LineState]


# A cache of what follows from files alone: dropping it costs one more look.
_kept: OrderedDict[Path, _Kept] = OrderedDict()
_kept_lock = threading.Lock()


def states(project: Project, document: Document) -> list[LineState]:
    """How each line of a document stands."""
    folder = documents.folder(project, document.id)
    takes, keys = read_takes(folder), Keys(project, document)
    with _kept_lock:
        kept = _kept.get(folder)
    is_same = kept and kept.document is document and (kept.entries, kept.speakers) == (keys.entries, keys.speakers)
    if kept is None or not is_same:
        nobody, line_keys = _unknown_names(project, document), [keys.key(line) for line in document.lines]
    elif kept.takes is takes:
        return kept.rows
    else:
        nobody, line_keys = kept.nobody, kept.keys
    rows = [_state(document, place, key, takes, nobody) for place, key in enumerate(line_keys)]
    with _kept_lock:
        _kept[folder] = _Kept(document, keys.entries, keys.speakers, line_keys, nobody, takes, rows)
        _kept.move_to_end(folder)
        while len(_kept) > 1 and sum(len(kept.rows) for kept in _kept.values()) > _MOST_KEPT:
            _kept.popitem(last=False)
    return rows


def overview(rows: Sequence[LineState]) -> Overview:
    """A document in numbers."""
    counts: dict[State, int] = dict.fromkeys(STATES, 0)
    seconds = 0.0
    for row in rows:
        counts[row.state] += 1
        seconds += row.chosen.seconds + row.pause_s if row.chosen else 0.0
    return Overview(counts, seconds)


def _state(document: Document, place: int, key: str, takes: Takes, nobody: frozenset[str]) -> LineState:
    line, number, pause_s = document.lines[place], place + 1, pause_after(document, place)
    if not line.has_words:
        return LineState(line, number, "silent", pause_s)
    own, chosen = takes.of(key), takes.chosen(line, key)
    if chosen is not None:
        is_doubtful = chosen.proof.is_doubtful and line.approved != chosen.id
        return LineState(line, number, "doubtful" if is_doubtful else "spoken", pause_s, own, chosen)
    if line.voice in nobody:
        return LineState(line, number, "no_voice", pause_s)
    failure = takes.failures.get(key)
    return LineState(line, number, "failed" if failure else "unspoken", pause_s, failure=failure)


def _unknown_names(project: Project, document: Document) -> frozenset[str]:
    """Names in the text that mean no voice."""
    unknown = set()
    for name in {line.voice for line in document.lines if line.voice}:
        try:
            find_voice(project, document, name)
        except UserError:
            unknown.add(name)
    return frozenset(unknown)
