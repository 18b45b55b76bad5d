"""What was found in a data set that waits, as it is kept and shown: its lists, rows to look at, what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from core.damage import Count, Finite
from core.jobs.reporter import record_of
from core.sources.collections.importer import shorten
from core.sources.collections.scan import Reading
from core.sources.lists.texts import ListReport
from core.sources.sidecars import is_subtitles

_EXAMPLES = 4


def _tally(value: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(value["count"], int) or not all(isinstance(name, str) for name in value["names"]):
        raise ValueError("no count with names")
    return value


def _kept_error(value: dict[str, Any]) -> dict[str, Any]:
    words = [value[part] for part in ("code", "text", "hint")]
    if not all(isinstance(word, str) for word in words) or not isinstance(value["values"], dict):
        raise ValueError("no error")
    return value


# What the files that are kept must hold; see `core.damage.read_record`.
KeptError = Annotated[dict[str, Any], AfterValidator(_kept_error)]
_Tally = Annotated[dict[str, Any], AfterValidator(_tally)]
_Pair = Annotated[list[str], Field(min_length=2, max_length=2)]


@dataclass(frozen=True)
class ListFacts:
    """A `ListReport` as it is kept, several lists of one shape together; ``examples`` are (sound, cells of its row)."""

    names: Annotated[list[str], Field(min_length=1)]
    state: Annotated[str, Field(pattern="^(used|ask|refused|unmatched|unreadable|set_aside)$")]
    columns: list[_Pair]
    texts: list[int]
    is_sure: bool
    rows: Count
    matched: Count
    encoding: str
    examples: list[tuple[str, list[str]]]
    speakers: list[tuple[str, Count]]
    unmatched: _Tally
    merged: _Tally
    repeated: _Tally
    differing: _Tally
    error: KeptError | None = None


@dataclass(frozen=True)
class Facts:
    """What a data set would bring in: the facts of its `Reading`; ``examples`` are (name of a sound, its text)."""

    kind: Annotated[str, Field(pattern="^(list|pairs|sounds)$")]
    count: Count
    seconds: Finite
    without_text: Count
    without_sound: Count
    some_without_text: str
    some_without_sound: str
    examples: list[_Pair]
    lists: list[ListFacts] = field(default_factory=list)

    @property
    def question(self) -> ListFacts | None:
        """The list of which a person has to say which column is the text, before anything can come in."""
        questions = [facts for facts in self.lists if facts.state == "ask"]
        return questions[0] if questions and self.kind == "list" and not self.count else None


def facts_of(reading: Reading) -> Facts:
    """What is kept and shown of a reading."""
    orphans = reading.without_sound
    return Facts(
        kind=reading.kind,
        count=len(reading.items) or sum(not is_subtitles(file) for file in reading.files),
        seconds=reading.seconds,
        without_text=len(reading.without_text),
        without_sound=orphans.count,
        some_without_text=shorten(reading.without_text),
        some_without_sound=shorten(orphans.names, orphans.count),
        examples=[[item.sound, item.text] for item in reading.items[:_EXAMPLES]],
        lists=_merge_alike(reading.lists),
    )


def _merge_alike(reports: Sequence[ListReport]) -> list[ListFacts]:
    """Lists of one shape that fare alike (train and validation) are shown and asked as one."""
    groups: dict[Any, list[ListReport]] = {}
    for report in reports:
        key = (report.state, str(report.columns), tuple(report.texts), report.error and report.error.code)
        groups.setdefault(key if report.state in ("used", "ask") else report.name, []).append(report)
    return [_list_facts(group) for group in groups.values()]


def _list_facts(group: list[ListReport]) -> ListFacts:
    first = group[0]
    for twin in group[1:]:
        first.rows, first.matched = first.rows + twin.rows, first.matched + twin.matched
        first.examples = (first.examples + twin.examples)[:_EXAMPLES]
        for name in ("unmatched", "merged", "repeated", "differing"):
            getattr(first, name).extend(getattr(twin, name))
    speakers: dict[str, int] = {}
    for report in group:
        for speaker, times in report.speakers:
            speakers[speaker] = speakers.get(speaker, 0) + times
    facts = asdict(first)
    for name in ("name", "error", "speakers"):
        del facts[name]
    return ListFacts(
        names=[report.name for report in group],
        **facts,
        speakers=list(speakers.items()),
        error=record_of(first.error) if first.error else None,
    )
