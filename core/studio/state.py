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
    """A line and how it stands; ``number`` counts from 1, ``pause_s`` is the silence after it.

    ``request_at`` is when a person last asked for it while the text was being spoken, if nothing has come of that yet.
    """

    line: Line
    number: int
    state: State
    pause_s: float
    takes: tuple[LineTake, ...] = ()
    chosen: LineTake | None = None
    failure: Failure | None = None
    request_at: float = 0.0

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
        entry = _kept.get(folder)
    is_same = entry and entry.document is document and (entry.entries, entry.speakers) == (keys.entries, keys.speakers)
    if entry is None or not is_same:
        strangers, line_keys = _unknown_names(project, document), [keys.key(line) for line in document.lines]
    elif entry.takes is takes:
        return entry.rows
    else:
        strangers, line_keys = entry.nobody, entry.keys
    rows = [_state(document, place, key, takes, strangers) for place, key in enumerate(line_keys)]
    with _kept_lock:
        _kept[folder] = _Kept(document, keys.entries, keys.speakers, line_keys, strangers, takes, rows)
        _kept.move_to_end(folder)
        while len(_kept) > 1 and sum(len(entry.rows) for entry in _kept.values()) > _MOST_KEPT:
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


def _state(document: Document, place: int, key: str, takes: Takes, strangers: frozenset[str]) -> LineState:
    line, number, pause_s = document.lines[place], place + 1, pause_after(document, place)
    if not line.has_words:
        return LineState(line, number, "silent", pause_s)
    own, current = takes.of(key), takes.chosen(line, key)
    if current is not None:
        is_doubtful = current.proof.is_doubtful and line.approved != current.id
        return LineState(line, number, "doubtful" if is_doubtful else "spoken", pause_s, own, current)
    if line.voice in strangers:
        return LineState(line, number, "no_voice", pause_s)
    failure, request_at = takes.failures.get(key), takes.requests.get(key, 0.0)
    state: State = "failed" if failure else "unspoken"
    return LineState(line, number, state, pause_s, failure=failure, request_at=request_at)


def _unknown_names(project: Project, document: Document) -> frozenset[str]:
    """Names in the text that mean no voice."""
    unknown = set()
    for name in {line.voice for line in document.lines if line.voice}:
        try:
            find_voice(project, document, name)
        except UserError:
            unknown.add(name)
    return frozenset(unknown)
